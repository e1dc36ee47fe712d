//! Kinds of failure that a letter can have died of.

use serde::{Deserialize, Serialize};

use crate::fault::Class;

/// Kind of failure, called `error_type` in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ErrorType {
    /// Failed until no attempt was left, though it might have passed.
    Transient,
    /// A permanent failure: running again does not help.
    Permanent,
    /// Ran out of its time in every attempt.
    Timeout,
    /// Could not be read.
    Schema,
    /// Used up its receives without a single attempt.
    NeverRan,
    /// The kind is not known, as without a ledger to ask.
    Unknown,
}

impl ErrorType {
    /// The word of the schema.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Transient => Class::Transient.as_str(),
            Self::Permanent => Class::Permanent.as_str(),
            Self::Timeout => Class::Timeout.as_str(),
            Self::Schema => Class::Schema.as_str(),
            Self::NeverRan => "NEVER_RAN",
            Self::Unknown => "UNKNOWN",
        }
    }

    /// Reads the word of the schema.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        let all = [Self::Transient, Self::Permanent, Self::Timeout, Self::Schema, Self::NeverRan, Self::Unknown];
        all.into_iter().find(|error_type| error_type.as_str() == word)
    }
}

impl From<Class> for ErrorType {
    fn from(class: Class) -> Self {
        match class {
            Class::Transient => Self::Transient,
            Class::Permanent => Self::Permanent,
            Class::Timeout => Self::Timeout,
            Class::Schema => Self::Schema,
        }
    }
}
