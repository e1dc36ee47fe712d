//! Routes to several handlers behind one queue.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::fault::Fault;
use crate::message::decode::typed;
use crate::processing::handler::{Context, Dispatch, Handler};

/// A handler for each type of message. Which types there are, and where a message says its own, is configuration: the
/// indexer must know it too, without the handlers.
///
/// All handlers of a queue hand over effects of one type `E`; one without effects fits any that can be made from `()`.
///
/// ```
/// # use redrive_core::processing::handler::Dispatch;
/// # mod redrive { pub use redrive_core::{fault::Fault, processing::{handler::{Context, Handler}, routes::Routes}}; }
/// use redrive::{Context, Fault, Handler, Routes};
///
/// struct Charger;
/// struct Refunder;
///
/// impl Handler for Charger {
///     type Message = String;
///     type Effects = Vec<String>;
///
///     async fn handle(&self, order: &String, _: &Context) -> Result<Vec<String>, Fault> {
///         Ok(vec![format!("charge {order}")])
///     }
/// }
///
/// impl Handler for Refunder {
///     type Message = String;
///     type Effects = Vec<String>;
///
///     async fn handle(&self, order: &String, _: &Context) -> Result<Vec<String>, Fault> {
///         Ok(vec![format!("refund {order}")])
///     }
/// }
///
/// let routes = Routes::<Vec<String>>::new().on("charge", Charger).on("refund", Refunder);
///
/// assert_eq!(routes.types(), Some(vec!["charge", "refund"]));
/// let unknown = routes.decode(Some("gift"), "\"o-1\"").unwrap_err();
/// assert_eq!(unknown.class, redrive_core::fault::Class::Schema);
/// ```
pub struct Routes<E> {
    routes: BTreeMap<String, Arc<dyn Route<E>>>,
}

impl<E: Send + Sync + 'static> Routes<E> {
    /// Makes an empty set of routes.
    #[must_use]
    pub fn new() -> Self {
        Self { routes: BTreeMap::new() }
    }

    /// Messages of this type go to this handler. A second handler for the same type takes the place of the first.
    #[must_use]
    pub fn on<H: Handler>(mut self, message_type: impl Into<String>, handler: H) -> Self
    where
        E: From<H::Effects>,
    {
        self.routes.insert(message_type.into(), Arc::new(Leaf(Arc::new(handler))));
        self
    }
}

impl<E: Send + Sync + 'static> Default for Routes<E> {
    fn default() -> Self {
        Self::new()
    }
}

impl<E> fmt::Debug for Routes<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.routes.keys()).finish()
    }
}

/// A decoded message, and the handler that it is for.
pub struct Routed<E>(Box<dyn Bound<E>>);

impl<E> fmt::Debug for Routed<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Routed")
    }
}

type Running<'a, E> = Pin<Box<dyn Future<Output = Result<E, Fault>> + Send + 'a>>;

trait Route<E>: Send + Sync {
    fn decode(&self, content: &str) -> Result<Box<dyn Bound<E>>, Fault>;
}

trait Bound<E>: Send + Sync {
    fn run<'a>(&'a self, context: &'a Context) -> Running<'a, E>;
    fn redact(&self, text: &str) -> String;
}

struct Leaf<H>(Arc<H>);

struct HandlerRoute<H: Handler> {
    handler: Arc<H>,
    message: H::Message,
}

impl<H: Handler, E: From<H::Effects>> Route<E> for Leaf<H> {
    fn decode(&self, content: &str) -> Result<Box<dyn Bound<E>>, Fault> {
        Ok(Box::new(HandlerRoute { handler: Arc::clone(&self.0), message: typed::<H::Message>(content)? }))
    }
}

impl<H: Handler, E: From<H::Effects>> Bound<E> for HandlerRoute<H> {
    fn run<'a>(&'a self, context: &'a Context) -> Running<'a, E> {
        Box::pin(async move { Ok(self.handler.handle(&self.message, context).await?.into()) })
    }

    fn redact(&self, text: &str) -> String {
        self.handler.redact(text)
    }
}

impl<E: Send + Sync + 'static> Dispatch for Routes<E> {
    type Payload = Routed<E>;
    type Effects = E;

    fn decode(&self, message_type: Option<&str>, content: &str) -> Result<Routed<E>, Fault> {
        let route = message_type.and_then(|name| self.routes.get(name));
        let Some(route) = route else {
            return Err(Fault::schema("no-route", "no handler is registered for the message's type"));
        };
        route.decode(content).map(Routed)
    }

    async fn dispatch(&self, payload: &Routed<E>, context: &Context) -> Result<E, Fault> {
        payload.0.run(context).await
    }

    fn redact(&self, payload: &Routed<E>, text: &str) -> String {
        payload.0.redact(text)
    }

    fn types(&self) -> Option<Vec<&str>> {
        Some(self.routes.keys().map(String::as_str).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde::Deserialize;
    use serde_json::{Value, json};

    use super::*;
    use crate::fault::Class;
    use crate::ids::{Enqueue, MessageId};
    use crate::message::key::Key;
    use crate::time::Timestamp;

    #[derive(Debug, PartialEq)]
    struct Sum(u32);

    impl From<()> for Sum {
        fn from((): ()) -> Self {
            Self(0)
        }
    }

    #[derive(Deserialize)]
    struct Charge {
        amount: u32,
    }

    struct Charger;

    impl Handler for Charger {
        type Message = Charge;
        type Effects = Sum;
        async fn handle(&self, charge: &Charge, _: &Context) -> Result<Sum, Fault> {
            Ok(Sum(charge.amount))
        }
    }

    #[derive(Deserialize)]
    struct Note {
        #[expect(dead_code, reason = "only its shape matters")]
        text: String,
    }

    struct Notifier;

    impl Handler for Notifier {
        type Message = Note;
        type Effects = ();
        async fn handle(&self, _: &Note, _: &Context) -> Result<(), Fault> {
            Ok(())
        }
    }

    fn routes() -> Routes<Sum> {
        Routes::new().on("charge", Charger).on("note", Notifier)
    }

    fn run(message_type: Option<&str>, body: Value) -> Result<Sum, Fault> {
        let routes = routes();
        let payload = routes.decode(message_type, &body.to_string())?;
        let enqueue = Enqueue { message_id: MessageId::new("m").unwrap(), sent_at: Timestamp::from_millis(1) };
        let context = Context::new(Key::new("k").unwrap(), 1, enqueue, None, Arc::new(|| Duration::from_secs(1)));
        let mut running = std::pin::pin!(routes.dispatch(&payload, &context));
        let mut poll = std::task::Context::from_waker(std::task::Waker::noop());
        match running.as_mut().poll(&mut poll) {
            std::task::Poll::Ready(result) => result,
            std::task::Poll::Pending => panic!("these handlers wait for nothing"),
        }
    }

    #[test]
    fn each_type_is_decoded_and_run_by_its_own_handler() {
        assert_eq!(run(Some("charge"), json!({"amount": 7})), Ok(Sum(7)));
        assert_eq!(run(Some("note"), json!({"text": "x"})), Ok(Sum(0)));
        let wrong = run(Some("note"), json!({"amount": 7})).unwrap_err();
        assert_eq!((wrong.class, &*wrong.code), (Class::Schema, "decode"));
    }

    #[test]
    fn a_type_without_a_handler_is_a_schema_fault() {
        for name in [None, Some("refund")] {
            assert_eq!(run(name, json!({})).unwrap_err().code, "no-route");
        }
        assert_eq!(routes().types(), Some(vec!["charge", "note"]));
    }
}
