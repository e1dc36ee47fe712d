use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use redrive_core::fault::Class;
use redrive_testkit::loopback::JsonRequest;

/// Outcome of a run, after the last message has left the queue. As text: what went wrong, and the whole story.
pub struct Outcome<E> {
    pub(super) fault: String,
    pub(super) attempts: Vec<(String, u32)>,
    pub(super) committed: Vec<(String, Arc<E>)>,
    pub(super) dead: Vec<DeadMessage>,
    pub(super) elapsed: Duration,
    pub(super) service_effects: BTreeMap<&'static str, BTreeMap<String, u64>>,
    pub(super) requests: BTreeMap<&'static str, Vec<JsonRequest>>,
    pub(super) story: String,
}

/// Message in the dead-letter queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadMessage {
    /// Body of the message.
    pub body: String,
    /// Class of its last fault; `None` if the ledger knows of no fault.
    pub class: Option<Class>,
    /// Code of its last fault, empty if the ledger knows of none.
    pub code: String,
}

/// Call to a service outside of the transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalCall {
    /// Name of the service or the server.
    pub service: &'static str,
    /// Key by which the service recognises a second call. Of HTTP it is the header `idempotency-key` or
    /// `x-amz-durable-execution-name`.
    pub key: Option<String>,
    /// Effect that was asked for; of HTTP the method, the path and the body.
    pub request: String,
}

/// Calls to services by two attempts with one message. The first attempt succeeded, and its process died before anything of
/// it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunTwice {
    /// Calls of the first attempt.
    pub first: Vec<ExternalCall>,
    /// Calls of the second attempt.
    pub second: Vec<ExternalCall>,
}

impl RunTwice {
    /// Returns the reason for which a service cannot recognise the second attempt; `None` if it can: both made the same
    /// calls, each with a key.
    #[must_use]
    pub fn difference(&self) -> Option<String> {
        let calls = self.first.iter().chain(&self.second);
        if let Some(call) = calls.clone().find(|call| call.key.is_none()) {
            return Some(format!("{} was called without a key: {}", call.service, call.request));
        }
        (self.first != self.second)
            .then(|| format!("the first attempt called {:?}, and the second one {:?}", self.first, self.second))
    }
}

impl<E> Outcome<E> {
    /// Returns what went wrong in this run, in words.
    #[must_use]
    pub fn fault(&self) -> &str {
        &self.fault
    }

    /// Returns the number of attempts with the messages of a key.
    #[must_use]
    pub fn attempts_of(&self, key: &str) -> usize {
        self.attempts.iter().filter(|(of, _)| of == key).count()
    }

    /// Returns the effects that were committed for a key, in their order: one, if all went well.
    #[must_use]
    pub fn effects_of(&self, key: &str) -> Vec<&E> {
        self.committed.iter().filter(|(of, _)| of == key).map(|(_, effects)| &**effects).collect()
    }

    /// Returns the keys in the order in which their effects were committed.
    #[must_use]
    pub fn completed(&self) -> Vec<&str> {
        self.committed.iter().map(|(key, _)| key.as_str()).collect()
    }

    /// Returns the messages that ended in the dead-letter queue.
    #[must_use]
    pub fn dead(&self) -> &[DeadMessage] {
        &self.dead
    }

    /// Returns the virtual time from the first send until the last message had left the queue.
    #[must_use]
    pub const fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// Returns the number of times that each effect of a service happened; empty if no call came.
    #[must_use]
    pub fn service_effects(&self, service: &str) -> BTreeMap<String, u64> {
        self.service_effects.get(service).cloned().unwrap_or_default()
    }

    /// Returns the requests that a server got, in their order.
    #[must_use]
    pub fn requests(&self, server: &str) -> &[JsonRequest] {
        self.requests.get(server).map_or(&[], Vec::as_slice)
    }
}

impl<E> fmt::Display for Outcome<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}", self.fault, self.story)
    }
}

/// Shows the same as the text: effects may have no form of their own.
impl<E> fmt::Debug for Outcome<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
