//! Interfaces that the user implements: a message type and a [`Handler`].

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::fault::Fault;
use crate::ids::{Enqueue, SendId};
use crate::message::decode::typed;
use crate::message::key::Key;
use crate::message::trace_context::TraceContext;

/// Handles one kind of message. Everything around it is given: each message is decoded, claimed and settled on
/// its own, within its own time, and no fault or panic of one touches another.
///
/// ```
/// # mod redrive { pub use redrive_core::{fault::Fault, processing::handler::{Context, Handler}}; }
/// use redrive::{Context, Fault, Handler};
///
/// #[derive(serde::Deserialize)]
/// struct Welcome {
///     address: String,
/// }
///
/// struct Mailer;
///
/// impl Handler for Mailer {
///     type Message = Welcome;
///     type Effects = ();
///
///     async fn handle(&self, welcome: &Welcome, _: &Context) -> Result<(), Fault> {
///         if welcome.address.contains('@') { Ok(()) } else { Err(Fault::permanent("address", "address has no @")) }
///     }
///
///     fn redact(&self, text: &str) -> String {
///         text.replace('@', "(at)")
///     }
/// }
///
/// assert_eq!(Mailer.redact("no mailbox ann@example.com"), "no mailbox ann(at)example.com");
/// ```
pub trait Handler: Send + Sync + 'static {
    /// Type to which the body decodes.
    type Message: DeserializeOwned + Send + Sync + 'static;
    /// Writes that are committed in one transaction with the completion, and so happen at most once; `()` for a
    /// handler that has none.
    type Effects: Send + Sync + 'static;

    /// Does the work, or hands over the writes that are the work.
    ///
    /// It may run again after a crash or a lost lease: what it does by itself must bear that, what it returns as
    /// effects need not.
    ///
    /// # Errors
    /// A [`Fault`]: its class decides whether it is tried again.
    fn handle(
        &self,
        message: &Self::Message,
        context: &Context,
    ) -> impl Future<Output = Result<Self::Effects, Fault>> + Send;

    /// Returns the part of an error's text that may be stored, logged and shown. Called for each fault of this handler,
    /// after the configured masks. If it panics, the text is withheld.
    fn redact(&self, text: &str) -> String {
        text.to_owned()
    }
}

/// Handler side of the processor: one [`Handler`], or several behind [`Routes`](crate::processing::routes::Routes).
pub trait Dispatch: Send + Sync + 'static {
    /// Type of a decoded message.
    type Payload: Send + Sync + 'static;
    /// Writes that are committed with the message's completion.
    type Effects: Send + Sync + 'static;

    /// Decodes the content of a message of this type, which is JSON, (`None` where a queue has only one).
    ///
    /// # Errors
    /// A SCHEMA fault that quotes nothing of the body.
    fn decode(&self, message_type: Option<&str>, content: &str) -> Result<Self::Payload, Fault>;

    /// Handles a decoded message.
    ///
    /// # Errors
    /// The handler's own.
    fn dispatch(
        &self,
        payload: &Self::Payload,
        context: &Context,
    ) -> impl Future<Output = Result<Self::Effects, Fault>> + Send;

    /// Returns the part of an error's text that may be kept, for an error with this message.
    fn redact(&self, payload: &Self::Payload, text: &str) -> String;

    /// The types that it handles, if it minds: they must be the configured ones.
    fn types(&self) -> Option<Vec<&str>> {
        None
    }
}

impl<H: Handler> Dispatch for H {
    type Payload = H::Message;
    type Effects = H::Effects;

    fn decode(&self, _: Option<&str>, content: &str) -> Result<H::Message, Fault> {
        typed(content)
    }

    fn dispatch(
        &self,
        payload: &H::Message,
        context: &Context,
    ) -> impl Future<Output = Result<H::Effects, Fault>> + Send {
        self.handle(payload, context)
    }

    fn redact(&self, _: &H::Message, text: &str) -> String {
        Handler::redact(self, text)
    }
}

/// Facts about the attempt in which a handler runs.
///
/// ```
/// # use std::{sync::Arc, time::Duration};
/// # use redrive_core::{ids::{Enqueue, MessageId}, message::key::Key, time::Timestamp};
/// # mod redrive { pub use redrive_core::processing::handler::Context; }
/// use redrive::Context;
///
/// /// Headers for a provider that recognises a second call by its key, and gives up in time.
/// fn headers(context: &Context) -> [(&'static str, String); 2] {
///     let timeout = context.remaining().as_millis();
///     [("Idempotency-Key", context.key.as_str().to_owned()), ("X-Timeout-Ms", timeout.to_string())]
/// }
/// # let enqueue = Enqueue { message_id: MessageId::new("m-1").unwrap(), sent_at: Timestamp::from_millis(0) };
/// # let context = Context::new(Key::new("o-1").unwrap(), 1, enqueue, None, Arc::new(|| Duration::from_secs(2)));
///
/// assert_eq!(headers(&context), [("Idempotency-Key", "o-1".to_owned()), ("X-Timeout-Ms", "2000".to_owned())]);
/// ```
#[derive(Clone)]
pub struct Context {
    /// The idempotency key: hand it on to whatever is called, so that it can recognise a second call.
    pub key: Key,
    /// 1 for the first attempt of this enqueue.
    pub attempt: u32,
    /// The message id and enqueue time.
    pub enqueue: Enqueue,
    /// Set if this message is a replay of a letter.
    pub replay: Option<SendId>,
    trace: Option<TraceContext>,
    link: Option<TraceContext>,
    remaining: Arc<dyn Fn() -> Duration + Send + Sync>,
}

impl Context {
    /// Makes the context of one attempt; `remaining` tells what is left of its budget.
    #[must_use]
    pub fn new(
        key: Key,
        attempt: u32,
        enqueue: Enqueue,
        replay: Option<SendId>,
        remaining: Arc<dyn Fn() -> Duration + Send + Sync>,
    ) -> Self {
        Self { key, attempt, enqueue, replay, trace: None, link: None, remaining }
    }

    /// The same attempt of a message with these traces: the one in which it was sent, and, of a replay, the original's.
    #[must_use]
    pub fn traced(self, trace: Option<TraceContext>, link: Option<TraceContext>) -> Self {
        Self { trace, link, ..self }
    }

    /// Returns the trace in which this very message was sent: its producer's, or that of the replay which sent it. `None` if the
    /// message does not say.
    #[must_use]
    pub fn trace(&self) -> Option<&TraceContext> {
        self.trace.as_ref()
    }

    /// Returns the trace of the original, if this message is a replay and the original was traced. A span of the handler is linked to it,
    /// and never its child: the original's trace ended when it died, perhaps weeks ago.
    ///
    /// It says what the message says, and proves nothing.
    #[must_use]
    pub fn link(&self) -> Option<&TraceContext> {
        self.link.as_ref()
    }

    /// Returns the rest of this attempt's time budget.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        (self.remaining)()
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("attempt", &self.attempt)
            .field("enqueue", &self.enqueue)
            .finish_non_exhaustive()
    }
}
