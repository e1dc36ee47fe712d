//! Edit of a letter's body by a person: another body, or a patch.

use serde::{Deserialize, Serialize};

use super::cannot_edit::{CannotEdit, KeyChange};
use super::{MESSAGE_LIMIT, Patch};
use crate::ids::Scope;
use crate::json::Document;
use crate::letters::edges;
use crate::letters::letter::{Edited, Letter};
use crate::message::decode::Reading;
use crate::message::foreign::ClaimCheck;
use crate::message::key::{Key, NoKey};
use crate::message::wrapping::Wrapping;
use crate::time::Timestamp;

/// An edit, of one letter or of many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Edit {
    /// A whole new body.
    Body(String),
    /// RFC 6902, applied to what the producer wrote of the body that would be sent otherwise; what a service wrote around
    /// that stays as it is. It is written anew: without white space, the members of an object by their names, numbers with
    /// their digits.
    Patch(Patch),
}

/// A letter with its edited body, and by which key that would be claimed.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// Letter as edited, not claimed yet.
    pub letter: Letter,
    /// The key that the body brings by itself, or the letter's.
    pub key: Option<Key>,
    /// The scope of its type.
    pub scope: Scope,
}

/// Terms under which an edit is made.
#[derive(Debug, Clone, Copy)]
pub struct EditTerms<'a> {
    /// Person who makes the edit.
    pub by: &'a str,
    /// Configuration by which the consumer reads bodies.
    pub reading: &'a Reading,
    /// True if the consumer keeps our ledger.
    pub ours: bool,
    /// Allows the edited body to have another key.
    pub allow_key_change: bool,
}

impl Edit {
    /// The body that becomes of this one.
    ///
    /// # Errors
    /// [`CannotEdit`] if it does not apply, changes nothing, or SQS would not take what becomes of it.
    pub fn apply(&self, body: &str, wrapping: Wrapping) -> Result<String, CannotEdit> {
        let edited = match self {
            Self::Body(body) => body.clone(),
            Self::Patch(patch) => patched(body, patch, wrapping)?,
        };
        if edited == body {
            return Err(CannotEdit::Nothing);
        }
        if edited.is_empty() || edited.len() > MESSAGE_LIMIT {
            return Err(CannotEdit::Size);
        }
        if edited.chars().any(is_refused) { Err(CannotEdit::Character) } else { Ok(edited) }
    }

    /// The body that becomes of a letter's.
    ///
    /// # Errors
    /// As of [`Self::apply`]; and [`CannotEdit::InS3`] for a body that is not in the letter.
    pub fn apply_to(&self, letter: &Letter, wrapping: Wrapping) -> Result<String, CannotEdit> {
        let body = letter.payload_now();
        if ClaimCheck::of(body, &letter.attributes).is_some() {
            return Err(CannotEdit::InS3);
        }
        self.apply(body, wrapping)
    }

    /// A letter with this edit. Where the consumer is `ours`, its reading must make a message of it that can be claimed.
    ///
    /// # Errors
    /// [`CannotEdit`].
    pub fn prepare(&self, letter: &Letter, terms: EditTerms<'_>, now: Timestamp) -> Result<Prepared, CannotEdit> {
        let EditTerms { by, reading, ours, allow_key_change } = terms;
        let payload = self.apply_to(letter, reading.wrapping)?;
        let (kind, own) = reading.identify(&payload, &letter.attributes);
        if ours {
            reading.check(&payload).map_err(|unread| CannotEdit::Unread(unread.code))?;
            match &own {
                // Redrive's own attribute carries the one that the letter has.
                Some(Err(NoKey::Unresolved(..))) if letter.key.is_some() => {}
                Some(Err(why)) => return Err(CannotEdit::NoKey(why.clone())),
                _ => {}
            }
        }
        let edited = Edited {
            hash: reading.hash_of(&payload),
            whole: reading.fingerprint_of(&payload),
            payload,
            by: by.to_owned(),
            at: now,
            lost: None,
        };
        let own = own.and_then(Result::ok);
        let scope = kind.map_or_else(|_| letter.scope.clone(), |kind| kind.scope);
        if let Some(change) = own.as_ref().and_then(|own| key_change(letter, reading, (&scope, own)))
            && !allow_key_change
        {
            return Err(CannotEdit::KeyChange(change));
        }
        let key = own.or_else(|| letter.key.clone());
        Ok(Prepared { letter: edges::prepare_edit(letter.clone(), edited), key, scope })
    }

    /// Returns the size of the edit in bytes, as it is written down.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match self {
            Self::Body(body) => body.len(),
            Self::Patch(patch) => patch.as_str().len(),
        }
    }
}

/// The change of key that an edit makes. A body that had no key of its own before is given one, and changes none.
fn key_change(letter: &Letter, reading: &Reading, (scope, key): (&Scope, &Key)) -> Option<KeyChange> {
    let (kind, own) = reading.identify(letter.payload_now(), &letter.attributes);
    let before = own.and_then(Result::ok).or_else(|| letter.key.clone().filter(|_| letter.key_is_stable))?;
    let from = (kind.map_or_else(|_| letter.scope.clone(), |kind| kind.scope), before);
    (from.1 != *key || from.0 != *scope).then(|| KeyChange { from, to: (scope.clone(), key.clone()) })
}

fn patched(body: &str, patch: &Patch, wrapping: Wrapping) -> Result<String, CannotEdit> {
    let content = wrapping.content(body).map_err(|unread| CannotEdit::Unreadable(unread.text))?;
    let Document { json, twice } = content.document;
    if let Some(twice) = twice {
        return Err(CannotEdit::Twice(twice.line, twice.column));
    }
    let after = patch.apply(&json)?;
    if after == json {
        Err(CannotEdit::Nothing)
    } else {
        Ok(wrapping.wrap_again(body, after.to_string(), content.place))
    }
}

/// SQS takes #x9, #xA, #xD, and what is not a control character or a noncharacter at the end of the first plane.
const fn is_refused(c: char) -> bool {
    matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}

#[cfg(test)]
mod tests;
