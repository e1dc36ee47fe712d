//! Handlers that do as they are told.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use redrive_core::fault::Fault;
use redrive_core::ids::{Enqueue, MessageId};
use redrive_core::message::key::Key;
use redrive_core::processing::handler::{Context, Handler};
use serde::{Deserialize, Serialize};

use crate::clock::ORIGIN;
use crate::faults::Faults;
use crate::journal::What;
use crate::lock;
use crate::store::Effects;

/// Makes the context of a message's first attempt, with a minute left: what a test hands to `Handler::handle`.
///
/// # Panics
/// If the key is empty or longer than a key may be.
#[must_use]
#[expect(clippy::expect_used, reason = "a test with a wrong key cannot go on")]
pub fn first_attempt(key: &str) -> Context {
    let enqueue =
        Enqueue { message_id: MessageId::new(format!("message-of-{key}")).expect("a message id"), sent_at: ORIGIN };
    let key = Key::new(key).expect("a key");
    Context::new(key, 1, enqueue, None, Arc::new(|| Duration::from_secs(60)))
}

/// A message of the tests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Key of the order, where a pointer is configured.
    pub order_id: String,
    /// Amount that shall be charged.
    pub amount: u64,
}

impl Order {
    /// Returns the body of an order's message.
    #[must_use]
    pub fn body(order_id: &str, amount: u64) -> String {
        let order = Self { order_id: order_id.to_owned(), amount };
        serde_json::to_string(&order).unwrap_or_default()
    }
}

/// Result that a run of the handler shall have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Play {
    /// The handler returns its effect: one to the counter named by its key.
    Succeed,
    /// The handler works for this long, and then succeeds.
    Work(Duration),
    /// The handler fails with a TRANSIENT fault.
    Transient,
    /// TRANSIENT until the world is so old, and good from then on.
    DownUntil(Duration),
    /// TRANSIENT, with a wish for when to come again.
    RetryAfter(Duration),
    /// The handler fails with a PERMANENT fault.
    Permanent,
    /// The handler never ends by itself.
    Hang,
    /// The handler panics in its run.
    Panic,
    /// The handler succeeds, and the store refuses its effects.
    EffectRefused,
}

/// A handler of [`Order`]s that follows a script for each key, and succeeds where there is none. Every run takes a
/// millisecond at least.
#[derive(Debug, Clone, Default)]
pub struct Scripted {
    scripts: Arc<Mutex<BTreeMap<String, Vec<Play>>>>,
    faults: Faults,
}

impl Scripted {
    /// Makes a handler that always succeeds.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Scripts the runs for a key, one after the other; after the last of them all are like the last.
    #[must_use]
    pub fn on(self, key: &str, plays: impl IntoIterator<Item = Play>) -> Self {
        let mut plays: Vec<_> = plays.into_iter().collect();
        plays.reverse();
        lock(&self.scripts).insert(key.to_owned(), plays);
        self
    }

    /// The same handler in the process of `faults`: it ends with it.
    #[must_use]
    pub fn with_faults(self, faults: Faults) -> Self {
        Self { faults, ..self }
    }

    fn next(&self, key: &str) -> Play {
        let mut scripts = lock(&self.scripts);
        let Some(plays) = scripts.get_mut(key) else { return Play::Succeed };
        match plays.len() {
            0 => Play::Succeed,
            1 => plays[0].clone(),
            _ => plays.pop().unwrap_or(Play::Succeed),
        }
    }
}

/// Writes the end of a run into the journal, however it ends.
struct Run<'a> {
    faults: &'a Faults,
    key: Key,
    enqueue: Enqueue,
    how: &'static str,
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        self.faults.record(What::Ended { key: self.key.clone(), enqueue: self.enqueue.clone(), how: self.how });
    }
}

impl Handler for Scripted {
    type Message = Order;
    type Effects = Effects;

    async fn handle(&self, _: &Order, context: &Context) -> Result<Effects, Fault> {
        let (key, enqueue) = (context.key.clone(), context.enqueue.clone());
        let counter = format!("charged:{}", key.as_str());
        self.faults.record(What::Started { key: key.clone(), enqueue: enqueue.clone(), attempt: context.attempt });
        let mut run = Run { faults: &self.faults, key, enqueue, how: "dropped" };
        let down = |age: Duration| self.faults.clock().now() < ORIGIN.after(age);
        let play = match self.next(context.key.as_str()) {
            Play::DownUntil(age) if down(age) => Play::Transient,
            Play::DownUntil(_) => Play::Succeed,
            other => other,
        };
        let time = match play {
            Play::Work(time) => time,
            Play::Hang => Duration::from_secs(86_400),
            _ => Duration::from_millis(1),
        };
        tokio::select! {
            biased;
            () = self.faults.died() => {
                drop(run);
                return std::future::pending().await;
            }
            () = tokio::time::sleep(time) => {}
        }
        let (how, result) = match play {
            Play::Succeed | Play::Work(_) | Play::Hang | Play::DownUntil(_) => ("success", Ok(Effects::one(counter))),
            Play::Transient => ("TRANSIENT", Err(Fault::transient("scripted", "as the script says"))),
            Play::RetryAfter(after) => {
                let fault = Fault::transient("rate", "as the script says");
                ("TRANSIENT", Err(Fault { retry_after: Some(after), ..fault }))
            }
            Play::Permanent => ("PERMANENT", Err(Fault::permanent("scripted", "as the script says"))),
            Play::EffectRefused => ("success", Ok(Effects::refused(Fault::permanent("refused", "as the script says")))),
            Play::Panic => {
                run.how = "panic";
                drop(run);
                // Unwinds like a panic, and prints nothing.
                resume_unwind(Box::new("as the script says") as Box<dyn Any + Send>)
            }
        };
        run.how = how;
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use redrive_core::ids::MessageId;
    use std::time::Duration;

    use crate::clock::ORIGIN;

    fn context(key: &str) -> Context {
        let enqueue = Enqueue { message_id: MessageId::new("m").unwrap(), sent_at: ORIGIN };
        Context::new(Key::new(key).unwrap(), 1, enqueue, None, Arc::new(|| Duration::from_secs(1)))
    }

    #[tokio::test(start_paused = true)]
    async fn a_script_is_played_to_its_end_and_its_last_line_stays() {
        let handler = Scripted::new().on("k", [Play::Transient, Play::Permanent, Play::Work(Duration::from_secs(5))]);
        let order = Order { order_id: "k".to_owned(), amount: 1 };
        let run = async |key| handler.handle(&order, &context(key)).await;
        assert!(run("k").await.is_err_and(|fault| fault.class.retryable()));
        assert!(run("k").await.is_err_and(|fault| !fault.class.retryable()));
        for _ in 0..2 {
            assert_eq!(run("k").await, Ok(Effects::one("charged:k")));
        }
        assert_eq!(run("else").await, Ok(Effects::one("charged:else")));
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_that_panics_or_hangs_has_an_end_in_the_journal() {
        let faults = Faults::none();
        let handler = Scripted::new().on("p", [Play::Panic]).on("h", [Play::Hang]).with_faults(faults.of("worker"));
        let run = |key: &'static str| {
            let (handler, order) = (handler.clone(), Order { order_id: key.to_owned(), amount: 1 });
            tokio::spawn(async move { handler.handle(&order, &context(key)).await })
        };
        assert!(run("p").await.unwrap_err().is_panic());
        let hangs = run("h");
        tokio::time::sleep(Duration::from_secs(60)).await;
        hangs.abort();
        let _ = hangs.await;
        let ends: Vec<_> = faults
            .journal()
            .events()
            .into_iter()
            .filter_map(|event| match event.what {
                What::Ended { how, .. } => Some(how),
                _ => None,
            })
            .collect();
        assert_eq!(ends, ["panic", "dropped"]);
    }
}
