//! Decoding of an envelope to a message that may be claimed, or to the reason why it never will be.

mod typed;

use std::borrow::Cow;

use crate::fault::Fault;
use crate::ids::{Enqueue, LetterId, QueueArn, ReplayNumber, Scope, SendId};
use crate::json::Json;
use crate::message::broker_record::{BrokerRecord, Flaw};
use crate::message::envelope::{Attributes, Envelope};
use crate::message::foreign::ServiceRecord;
use crate::message::hashing::Hashing;
use crate::message::key::{self, Key, KeyFrom, LedgerKey, NoKey, PayloadHash, Pointer};
use crate::message::message_type::{Kind, MessageTypes, NoType};
use crate::message::redrive::{self, Redrive};
use crate::message::stated_trace::{MessageTrace, StatedTrace};
use crate::message::wrapping::{Content, UnreadableBody, Wrapping};

pub(crate) use typed::typed;
pub use typed::without_data;

/// Configuration of reading a message. Processor and indexer are given the same, so that both find the same key without
/// the user's code.
#[derive(Debug, Clone)]
pub struct Reading {
    /// ARN of the main queue.
    pub source: QueueArn,
    /// The ledger's namespace for it.
    pub scope: Scope,
    /// Envelope in which bodies are wrapped.
    pub wrapping: Wrapping,
    /// Place of the key in what the producer wrote, if one is configured.
    pub pointer: Option<Pointer>,
    /// The types of its messages, where it has more than one; each has a scope of its own.
    pub types: Option<MessageTypes>,
    /// Part of a payload that is hashed.
    pub hashing: Hashing,
    /// Source of the key, if there is a pointer.
    pub key_from: KeyFrom,
    /// Handling of bodies in which an object has a name twice.
    pub names_twice: NamesTwice,
}

/// Handling of bodies in which an object has a name twice. Two readers may take different values from such a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NamesTwice {
    /// Such bodies are SCHEMA.
    #[default]
    Refuse,
    /// The last value counts.
    Last,
}

impl NamesTwice {
    /// Reads the configured word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "refuse" => Some(Self::Refuse),
            "last" => Some(Self::Last),
            _ => None,
        }
    }
}

impl Reading {
    /// Bodies as the producer wrote them, of one type, hashed whole; the key is the message id, or the attribute.
    #[must_use]
    pub const fn new(source: QueueArn, scope: Scope) -> Self {
        Self {
            source,
            scope,
            wrapping: Wrapping::None,
            pointer: None,
            types: None,
            hashing: Hashing::Canonical,
            key_from: KeyFrom::Both,
            names_twice: NamesTwice::Refuse,
        }
    }

    /// Checks that a body can be read as it is configured.
    ///
    /// # Errors
    ///
    /// [`UnreadableBody`], with nothing of the body but names that are configured.
    pub fn check(&self, body: &str) -> Result<(), UnreadableBody> {
        self.accept(&self.wrapping.open(body)?)
    }

    /// Checks that no object of a content has a name twice, unless that is allowed.
    fn accept(&self, content: &Content<'_>) -> Result<(), UnreadableBody> {
        let Some(twice) = content.twice.as_ref().filter(|_| self.names_twice == NamesTwice::Refuse) else {
            return Ok(());
        };
        // A name that is configured is none of the body's secrets.
        let name = if self.names(&twice.name) { format!("the name {:?}", twice.name) } else { "a name".to_owned() };
        let place = format!("again at line {}, column {}", twice.line, twice.column);
        Err(UnreadableBody {
            code: "name-twice",
            text: format!("body has {name} twice ({place}), and readers may take either value"),
        })
    }

    /// Returns true if a name is a step of a configured pointer.
    fn names(&self, name: &str) -> bool {
        let hashed = if let Hashing::Pointers(pointers) = &self.hashing { pointers.as_slice() } else { &[] };
        self.pointer.iter().chain(hashed).any(|pointer| pointer.names(name))
    }

    /// Returns true if this scope of the ledger is configured here.
    #[must_use]
    pub fn has(&self, scope: &Scope) -> bool {
        self.types.as_ref().map_or(*scope == self.scope, |types| types.has(scope))
    }

    /// Returns every scope of the ledger that its messages' keys may be in.
    #[must_use]
    pub fn scopes(&self) -> Vec<&Scope> {
        self.types.as_ref().map_or_else(|| vec![&self.scope], |types| types.scopes().collect())
    }

    /// Returns the type of a message with this body and these attributes, and its key. The key is `None` if the message
    /// has none and needs none.
    pub fn identify(&self, body: &str, attributes: &Attributes) -> (Result<Kind, NoType>, Option<Result<Key, NoKey>>) {
        let content = self.wrapping.open(body).ok();
        (self.kind_of(content.as_ref(), attributes), key_in(content.as_ref(), attributes, self))
    }

    /// Returns what the producer wrote, if it can be read.
    #[must_use]
    pub fn content_of(&self, body: &str) -> Option<Json> {
        self.wrapping.open(body).ok().map(|content| content.value)
    }

    /// The whole payload's hash, whatever is configured to be hashed.
    #[must_use]
    pub fn fingerprint_of(&self, body: &str) -> PayloadHash {
        self.wrapping
            .open(body)
            .map_or_else(|_| PayloadHash::of_text(body), |content| PayloadHash::of_json(&content.value))
    }

    /// Returns the hash of what the producer wrote, as it is configured to be hashed.
    #[must_use]
    pub fn hash_of(&self, body: &str) -> PayloadHash {
        match self.wrapping.open(body) {
            Ok(content) => self.hashing.of(&content.value),
            Err(_) => PayloadHash::of_text(body),
        }
    }

    fn kind_of(&self, content: Option<&Content<'_>>, attributes: &Attributes) -> Result<Kind, NoType> {
        match &self.types {
            Some(types) => types.of(content, attributes),
            None => Ok(Kind { name: None, scope: self.scope.clone() }),
        }
    }
}

/// Facts about a message that need no knowledge of its Rust type.
#[derive(Debug, Clone)]
pub struct Inspected {
    /// Envelope as SQS delivered it.
    pub envelope: Envelope,
    /// Content as the producer wrote it, unwrapped, or why it cannot be read.
    pub json: Result<Json, UnreadableBody>,
    /// Text of the content, where it is not the body itself.
    content: Option<String>,
    /// True if the content is a JSON string that contains JSON.
    encoded_twice: bool,
    /// Type and scope of the message, or why they are not known.
    pub kind: Result<Kind, NoType>,
    /// The idempotency key, or why there is none.
    pub key: Result<Key, NoKey>,
    /// False if the key is only the message id: it then covers redelivery and our own replay, but no re-send.
    pub key_is_stable: bool,
    /// Hash of the canonical body.
    pub hash: PayloadHash,
    /// The `redrive` attribute, if it is there and valid.
    pub redrive: Option<Redrive>,
    /// Traces that the message states.
    pub trace: StatedTrace,
    /// Record that a service wrote around a dead message or in its place. Type, key and hash are then those of the
    /// message in it; the envelope has the record.
    pub record: Option<ServiceRecord>,
}

impl Inspected {
    /// Looks at a message.
    #[must_use]
    pub fn new(envelope: Envelope, reading: &Reading) -> Self {
        let flaw = envelope.broker.as_deref().and_then(BrokerRecord::flaw);
        let content = match flaw {
            Some(Flaw { code, text }) => Err(UnreadableBody { code, text: text.to_owned() }),
            None => reading.wrapping.open(&envelope.body),
        };
        let hash = match &content {
            Ok(content) => reading.hashing.of(&content.value),
            Err(_) => PayloadHash::of_text(&envelope.body),
        };
        let kind = reading.kind_of(content.as_ref().ok(), &envelope.attributes);
        let own = key_in(content.as_ref().ok(), &envelope.attributes, reading);
        let carried = attribute(&envelope, redrive::ATTRIBUTE).and_then(|text| Redrive::decode(text, &reading.source));
        let redrive = carried.filter(|redrive| {
            let its_scope =
                kind.as_ref().map_or_else(|_| reading.has(&redrive.scope), |own| own.scope == redrive.scope);
            its_scope && !matches!(&own, Some(Ok(key)) if redrive.key.as_ref() != Some(key))
        });
        let trace = StatedTrace::of(&envelope, content.as_ref().ok());
        let carried_key = redrive.as_ref().and_then(|redrive| redrive.key.clone());
        let given = envelope.broker.as_deref().and_then(key::given_by_producer);
        let key_is_stable = own.is_some() || matches!(given, Some(Ok(_)));
        let key = match (own, carried_key) {
            (Some(Ok(key)), _) | (Some(Err(NoKey::Unresolved(..))) | None, Some(key)) => Ok(key),
            (Some(Err(error)), _) => Err(error),
            (None, None) => given.unwrap_or_else(|| Key::new(envelope.message_id.as_str())),
        };
        let accepted = content.as_ref().map_or(Ok(()), |content| reading.accept(content));
        let (json, content) = match content.and_then(|content| accepted.map(|()| content)) {
            Ok(Content { value, text, .. }) => {
                let text = if let Cow::Owned(text) = text { Some(text) } else { None };
                (Ok(value), text)
            }
            Err(unread) => (Err(unread), None),
        };
        let encoded_twice = json.as_ref().is_ok_and(Json::is_encoded_twice);
        Self { envelope, json, content, encoded_twice, kind, key, key_is_stable, hash, redrive, trace, record: None }
    }

    /// The same without the tree of its content, which is larger than the text: for what waits to be decoded.
    #[must_use]
    pub fn without_tree(self) -> Self {
        Self { json: self.json.map(|_| Json::Null), ..self }
    }

    /// Looks at a message that is dead. Where there was no room for redrive's attribute, the processor says by the deduplication id
    /// what the attribute would say: it must be proven like that. Where a service wrote a record around a message, it is the message
    /// in the record that is looked at.
    #[must_use]
    pub fn of_dead(envelope: Envelope, reading: &Reading) -> Self {
        let inspected = Self::new(envelope, reading).handed_over(reading);
        let Some(record) = ServiceRecord::of(&inspected.envelope).filter(|_| inspected.redrive.is_none()) else {
            return inspected;
        };
        let inspected = match &record.message {
            Some(message) => {
                let inner = Envelope { body: message.clone(), ..inspected.envelope.clone() };
                Self { envelope: inspected.envelope, ..Self::new(inner, reading) }
            }
            None => inspected,
        };
        Self { record: Some(record), ..inspected }
    }

    /// The same with what its deduplication id says, if the processor wrote that.
    fn handed_over(mut self, reading: &Reading) -> Self {
        let sent_here = self.redrive.is_none() && self.envelope.moved_from.is_none();
        let Some(text) = self.envelope.deduplication.as_deref().filter(|_| sent_here) else { return self };
        let scope = self.kind.as_ref().map_or(&reading.scope, |kind| &kind.scope);
        let Some(redrive) = Redrive::of_deduplication(text, &reading.source, scope, None) else { return self };
        if !self.key_is_stable {
            // The id that was the key is that of the enqueue that ended, and not the one that the copy has here.
            let died = redrive.died.as_ref().map(|died| Key::new(died.message_id.as_str()));
            self.key = died.unwrap_or(self.key);
        }
        self.redrive = Some(Redrive { key: self.key.clone().ok(), ..redrive });
        self
    }

    /// Returns the letter and number of the send, if the message is one.
    #[must_use]
    pub fn send(&self) -> Option<SendId> {
        self.redrive.as_ref().and_then(Redrive::send)
    }

    /// Returns the trace of this message, and of the one that it is a copy of.
    #[must_use]
    pub fn message_trace(&self) -> MessageTrace {
        self.trace.of_message(self.redrive.as_ref())
    }

    /// The entry of its key: `None` if it has no key, or no scope that it could be owned in.
    #[must_use]
    pub fn owned(&self) -> Option<LedgerKey> {
        let (kind, key) = (self.kind.as_ref().ok()?, self.key.as_ref().ok()?);
        Some(LedgerKey::owned(&kind.scope, key))
    }

    /// Returns the keyless entry for the outcome of a message that owns no key.
    #[must_use]
    pub fn keyless(&self) -> LedgerKey {
        LedgerKey::keyless(self.send().map(|send| (send, &self.hash)), &self.envelope.enqueue())
    }

    /// The fault of a body that cannot be read as it is configured, if it cannot.
    #[must_use]
    pub fn unreadable(&self) -> Option<Fault> {
        self.json.as_ref().err().map(|unread| Fault::schema(unread.code, &unread.text))
    }

    /// Decodes the content with `decode`, which is given the message's type and the content's text: JSON.
    ///
    /// # Errors
    /// A SCHEMA fault (`not-json`, `no-type`, `no-key`, `decode`, ...): the handler never runs for it.
    pub fn decode<P>(
        self,
        decode: impl FnOnce(Option<&str>, &str) -> Result<P, Fault>,
    ) -> Result<Message<P>, Box<Malformed>> {
        let decoded = match (&self.json, &self.kind, &self.key) {
            (Err(unread), ..) => Err(Fault::schema(unread.code, &unread.text)),
            (Ok(_), _, Err(NoKey::Unresolved(..))) if self.encoded_twice => Err(encoded_twice()),
            (_, Err(reason), _) => Err(Fault::schema(reason.code(), reason)),
            (.., Err(reason)) => Err(Fault::schema("no-key", reason)),
            (Ok(_), Ok(kind), Ok(key)) => {
                let text = self.content.as_deref().unwrap_or(&self.envelope.body);
                decode(kind.name.as_deref(), text)
                    .map_err(|fault| if self.encoded_twice { encoded_twice() } else { fault })
                    .map(|payload| (payload, key.clone(), LedgerKey::owned(&kind.scope, key)))
            }
        };
        match decoded {
            Ok((payload, key, entry)) => Ok(Message { payload, key, entry, inspected: self.without_tree() }),
            Err(fault) => Err(Box::new(Malformed { fault, inspected: self })),
        }
    }

    /// Makes the attribute of this message when it is sent to the dead-letter queue at the end of its enqueue.
    #[must_use]
    pub fn redrive_at_death(&self, source: &QueueArn, scope: &Scope) -> Redrive {
        let envelope = &self.envelope;
        let died = Some(envelope.enqueue());
        let scope = self.kind.as_ref().map_or_else(|_| scope.clone(), |kind| kind.scope.clone());
        match &self.redrive {
            Some(carried) => Redrive { key: self.key.clone().ok(), scope, died, ..carried.clone() },
            None => Redrive {
                letter: LetterId::derive(source, &envelope.message_id),
                number: ReplayNumber(0),
                key: self.key.clone().ok(),
                scope,
                origin: envelope.message_id.clone(),
                sent_at: envelope.sent_at,
                died,
                trace: self.trace.first(None),
            },
        }
    }
}

/// A message with a key and a payload: it may be claimed.
#[derive(Debug, Clone)]
pub struct Message<M> {
    /// Body, decoded to the handler's type.
    pub payload: M,
    /// Idempotency key of the message.
    pub key: Key,
    /// The key of its ledger entry.
    pub entry: LedgerKey,
    /// Facts that were seen of the message.
    pub inspected: Inspected,
}

impl<M> Message<M> {
    /// The enqueue that this receive belongs to.
    #[must_use]
    pub fn enqueue(&self) -> Enqueue {
        self.inspected.envelope.enqueue()
    }
}

/// A message that no handler can be given. It dies as it is, without a run.
#[derive(Debug, Clone)]
pub struct Malformed {
    /// SCHEMA, with its code.
    pub fault: Fault,
    /// Facts that were seen of the message.
    pub inspected: Inspected,
}

fn key_in(content: Option<&Content<'_>>, attributes: &Attributes, reading: &Reading) -> Option<Result<Key, NoKey>> {
    let outer = attributes.get(key::ATTRIBUTE).map(|attribute| attribute.as_text().ok_or(NoKey::NotTextual));
    let given = outer.or_else(|| content?.attribute(key::ATTRIBUTE).map(Ok));
    let given = given.map(|text| text.and_then(Key::new));
    let pointed = reading.pointer.as_ref().map(|pointer| Key::at(pointer, content.map(|content| &content.value)));
    reading.key_from.choose(given, pointed)
}

fn encoded_twice() -> Fault {
    Fault::schema("encoded-twice", "body is a JSON string that contains JSON: whoever sent it encoded it twice")
}

fn attribute<'a>(envelope: &'a Envelope, name: &str) -> Option<&'a str> {
    envelope.attributes.get(name).and_then(|attribute| attribute.as_text())
}

#[cfg(test)]
mod tests;
