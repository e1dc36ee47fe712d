//! Idempotency table of Powertools for AWS Lambda, which an earlier consumer of the same queue has kept.
//!
//! Read from the source of `aws-lambda-powertools` 3.37.0 (Python) and `@aws-lambda-powertools/idempotency` 2.35.0 (TypeScript): an
//! item's `id` is `PREFIX#HASH`. The hash is the MD5 of JSON that is made of the selected data. Python writes it with blanks, in
//! ASCII and in hexadecimal, TypeScript without blanks, in UTF-8 and in base64.

mod json;

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use thiserror::Error;

use crate::hex::hex;
use crate::ids::MessageId;
use crate::json::Json;
use crate::message::key::Pointer;
use crate::time::Timestamp;

/// Name of the partition key of Powertools' table, by its default.
pub const ID: &str = "id";
/// Name of the attribute with an item's status.
pub const STATUS: &str = "status";
/// Name of the attribute with an item's expiry, in seconds.
pub const EXPIRATION: &str = "expiration";
/// Name of the attribute with the end of an invocation that holds the item, in milliseconds.
pub const IN_PROGRESS_EXPIRATION: &str = "in_progress_expiration";

/// Prefixes of keys that are looked at, at the most.
const PREFIXES: usize = 8;

/// Keys under which Powertools knows a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PowertoolsKeys {
    prefixes: Vec<String>,
    selected: Selected,
}

/// Data of a message that Powertools hashes, as its `event_key_jmespath` selects it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selected {
    /// Id of the message: `messageId` of a record.
    MessageId,
    /// Body as a whole, parsed.
    Body,
    /// Value at one place of the body: `order_id`.
    Value(Pointer),
    /// Values at several places, as an array: `[order_id, customer_id]`.
    Values(Vec<Pointer>),
}

/// Setting of the keys that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct BadPowertoolsKeys(&'static str);

/// Message that Powertools' table may know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PowertoolsMessage {
    /// Id of the message.
    pub message_id: MessageId,
    /// Content of the body as the producer wrote it.
    pub content: Option<Json>,
}

/// State of a message in Powertools' table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PowertoolsState {
    /// Nothing that counts: no item, an expired one, or one whose invocation has ended.
    Free,
    /// An invocation of the earlier consumer holds it until then.
    InProgress(Timestamp),
    /// The earlier consumer has done it.
    Completed,
}

impl Selected {
    /// Reads the configured text.
    ///
    /// # Errors
    /// [`BadPowertoolsKeys`] says what is allowed.
    pub fn parse(text: &str) -> Result<Self, BadPowertoolsKeys> {
        match text {
            "message-id" => return Ok(Self::MessageId),
            "body" => return Ok(Self::Body),
            _ => {}
        }
        let pointers: Result<Vec<_>, _> = text.split(',').map(Pointer::parse).collect();
        let allowed = "message-id, body, or JSON pointers such as /order_id, separated by commas";
        let mut pointers = pointers.map_err(|_| BadPowertoolsKeys(allowed))?;
        match pointers.len() {
            1 => Ok(Self::Value(pointers.remove(0))),
            _ => Ok(Self::Values(pointers)),
        }
    }
}

impl fmt::Display for Selected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MessageId => f.write_str("message-id"),
            Self::Body => f.write_str("body"),
            Self::Value(pointer) => write!(f, "{pointer}"),
            Self::Values(pointers) => {
                let texts: Vec<_> = pointers.iter().map(Pointer::as_str).collect();
                f.write_str(&texts.join(","))
            }
        }
    }
}

impl PowertoolsKeys {
    /// Reads prefixes, separated by commas, and takes what is selected.
    ///
    /// # Errors
    /// [`BadPowertoolsKeys`] says what is allowed.
    pub fn new(prefixes: &str, selected: Selected) -> Result<Self, BadPowertoolsKeys> {
        let prefixes: Vec<_> = prefixes.split(',').map(|prefix| prefix.trim().to_owned()).collect();
        if prefixes.len() > PREFIXES || prefixes.iter().any(String::is_empty) {
            return Err(BadPowertoolsKeys(
                "1 to 8 prefixes of Powertools' keys, such as orders.app.charge, separated by commas",
            ));
        }
        Ok(Self { prefixes, selected })
    }

    /// Returns the ids of the items that a message may have, both languages'. None if it has no data to hash: what Powertools
    /// keeps under the hash of nothing is of all such messages together.
    #[must_use]
    pub fn ids(&self, message: &PowertoolsMessage) -> Vec<String> {
        let Some(data) = self.data(message) else { return Vec::new() };
        let python = hex(&Md5::digest(json::python(&data).as_bytes()));
        let typescript = json::typescript(&data).map(|text| STANDARD.encode(Md5::digest(text.as_bytes())));
        let hashes: Vec<_> = std::iter::once(python).chain(typescript).collect();
        self.prefixes.iter().flat_map(|prefix| hashes.iter().map(move |hash| format!("{prefix}#{hash}"))).collect()
    }

    fn data(&self, message: &PowertoolsMessage) -> Option<Json> {
        let content = message.content.as_ref();
        let data = match &self.selected {
            Selected::MessageId => Json::Text(message.message_id.as_str().to_owned()),
            Selected::Body => content?.clone(),
            Selected::Value(pointer) => pointer.find(content?)?.clone(),
            Selected::Values(pointers) => {
                let content = content?;
                let value = |pointer: &Pointer| pointer.find(content).cloned().unwrap_or(Json::Null);
                Json::Array(pointers.iter().map(value).collect())
            }
        };
        let is_nothing = match &data {
            Json::Null => true,
            Json::Text(text) => text.is_empty(),
            Json::Array(values) => values.iter().all(|value| *value == Json::Null),
            Json::Object(values) => values.values().all(|value| *value == Json::Null),
            _ => false,
        };
        (!is_nothing).then_some(data)
    }
}

impl PowertoolsState {
    /// Judges an item as Powertools does. Of an item that is in progress and says no end, its expiry is the end.
    #[must_use]
    pub fn of(status: &str, expiration: u64, in_progress_expiration: Option<u64>, now: Timestamp) -> Self {
        if now.as_secs() > expiration {
            return Self::Free;
        }
        let end = in_progress_expiration.unwrap_or(expiration.saturating_mul(1_000));
        match status {
            "COMPLETED" => Self::Completed,
            "INPROGRESS" if end >= now.as_millis() => Self::InProgress(Timestamp::from_millis(end)),
            _ => Self::Free,
        }
    }
}

#[cfg(test)]
mod tests;
