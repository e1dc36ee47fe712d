use std::fmt;

use thiserror::Error;

use crate::ids::Scope;
use crate::message::key::{Key, NoKey};

/// Reason for which an edit does not fit a letter. Nothing of the body is told.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CannotEdit {
    /// A patch needs JSON, in the configured wrapping.
    #[error("cannot be patched, because the {0}; give a whole body")]
    Unreadable(String),
    /// The body has a name twice, and one of the two values would be lost.
    #[error("body has a name twice (again at line {0}, column {1}), and a patch would drop one; give a whole body")]
    Twice(usize, usize),
    /// An operation of the patch does not apply; counted from 1.
    #[error("operation {0} of the patch does not apply: {1}")]
    Operation(usize, &'static str),
    /// The message only points to an object of S3.
    #[error(
        "body stands in S3, and the message only points there: an edit would change the pointer; send a new message"
    )]
    InS3,
    /// The edit changes nothing: the original would be replayed.
    #[error("edit changes nothing")]
    Nothing,
    /// SQS takes 1 MiB.
    #[error("edited body is empty, or larger than SQS takes (1 MiB)")]
    Size,
    /// SQS takes what XML takes.
    #[error("edited body has a control character that SQS does not take")]
    Character,
    /// The consumer would refuse it before any handler runs.
    #[error("edited body cannot be read: {0}")]
    Unread(&'static str),
    /// The edited body would be refused, too.
    #[error("edited body has no key: {0}")]
    NoKey(NoKey),
    /// The edited body would have another message's key. Keys stand in no log: whoever asks reads them in
    /// [`CannotEdit::explanation`].
    #[error("edit changes the letter's key, and that is not allowed (allow_key_change)")]
    KeyChange(KeyChange),
}

/// The keys before and after an edit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyChange {
    /// Scope and key of the body that would be sent otherwise.
    pub from: (Scope, Key),
    /// Scope and key of the edited one.
    pub to: (Scope, Key),
}

impl fmt::Display for KeyChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ((old_scope, old), (new_scope, new)) = (&self.from, &self.to);
        if old_scope == new_scope {
            return write!(f, "key changes from {:?} to {:?}", old.as_str(), new.as_str());
        }
        let (old_scope, new_scope) = (old_scope.as_str(), new_scope.as_str());
        write!(f, "key changes from {:?} in {old_scope} to {:?} in {new_scope}", old.as_str(), new.as_str())
    }
}

impl CannotEdit {
    /// Returns the text for whoever asked, with the keys: they may read the letter, and so its keys.
    #[must_use]
    pub fn explanation(&self) -> String {
        match self {
            Self::KeyChange(change) => format!("{change}; allow_key_change sends it as another message"),
            other => other.to_string(),
        }
    }
}
