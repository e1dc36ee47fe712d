//! Fixtures: dead messages as test cases, with every value replaced that is not asked for by name.
//!
//! What a handler can trip over stays: the structure, the names of members and attributes, the form of each value (letters,
//! digits, dates, UUIDs), the sign and the digits of numbers, and white space to the byte. What a person could recognise
//! goes. The same value gets the same replacement everywhere in a fixture.

mod redactor;
mod rewrite;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use thiserror::Error;

pub use redactor::Salt;

use crate::error_type::ErrorType;
use crate::ids::Scope;
use crate::letters::letter::{Letter, NoBody};
use crate::message::envelope::{Attribute, AttributeValue, Attributes};
use crate::message::pointer::{BadPointer, Pointer};
use crate::message::{foreign, redrive};
use redactor::Redactor;
use rewrite::{Rewriter, ValuePlace};

/// Version of a fixture's form.
const VERSION: u32 = 1;

/// Dead message as a test case: the message with its values replaced, and what it died of.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Fixture {
    #[serde(rename = "redrive_fixture")]
    version: u32,
    /// Kind of the failure.
    pub error_type: ErrorType,
    /// Code of the fault, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// Message attributes by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: Attributes,
    /// Message group, on a FIFO queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Body that is JSON: readable in the file, and exact to the byte.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<Box<RawValue>>,
    /// Body that is no JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

/// Text that is no fixture.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BadFixture {
    /// The text is no JSON document of a fixture's form.
    #[error("not a fixture of `redrive fixture`: {0}")]
    Form(String),
    /// The form belongs to another version.
    #[error("fixture has form {0}, and this version reads form {VERSION}: make it anew")]
    Version(u32),
    /// Neither or both of the two forms of a body are there.
    #[error("fixture needs either \"body\", which is JSON, or \"text\", which is none")]
    Body,
}

impl Fixture {
    /// Reads a fixture from its JSON document.
    ///
    /// # Errors
    /// [`BadFixture`] says what is wrong with it.
    pub fn read(document: &str) -> Result<Self, BadFixture> {
        let fixture: Self = serde_json::from_str(document).map_err(|error| BadFixture::Form(error.to_string()))?;
        if fixture.version != VERSION {
            return Err(BadFixture::Version(fixture.version));
        }
        if fixture.body.is_some() == fixture.text.is_some() {
            return Err(BadFixture::Body);
        }
        Ok(fixture)
    }

    /// Returns the body of the message, to the byte.
    #[must_use]
    pub fn body(&self) -> &str {
        self.body.as_ref().map(|body| body.get()).or(self.text.as_deref()).unwrap_or_default()
    }
}

/// Value that is kept verbatim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// Value at a place in the body, and all below it. Into a JSON document in a string, as SNS writes it, the pointer
    /// goes on: `/Message/currency`.
    At(Pointer),
    /// Value of an attribute.
    Attribute(String),
}

impl Kept {
    /// Reads a JSON pointer, such as `/currency`, or `attribute:NAME`.
    ///
    /// # Errors
    /// [`BadPointer`] if it is neither.
    pub fn parse(text: &str) -> Result<Self, BadPointer> {
        match text.strip_prefix("attribute:") {
            Some(name) => Ok(Self::Attribute(name.to_owned())),
            None => Pointer::parse(text).map(Self::At),
        }
    }
}

/// Fixture of a letter, and what a person should look at before sharing it.
#[derive(Debug, Clone)]
pub struct Redacted {
    /// Fixture with its values replaced.
    pub fixture: Fixture,
    /// Names in `keep` that nothing fits.
    pub unmatched: Vec<String>,
    /// Number of member names that look like data, such as an address or a UUID: names are kept.
    pub telling_names: usize,
}

/// Makes a fixture of the message that a letter is sent with now. Values are replaced by a salt that should be random and
/// kept nowhere: with it, a value that is guessed could be checked.
///
/// # Errors
/// [`NoBody`] if the message is not there.
pub fn redacted(letter: &Letter, keep: &[Kept], salt: Salt) -> Result<Redacted, NoBody> {
    letter.check_body()?;
    let types = |value: &str| is_type(&letter.scope, value);
    let mut redactor = Redactor::new(salt, &types);
    let mut rewriter = Rewriter::new(keep);
    let attributes = || letter.attributes.iter().filter(|(name, _)| !is_ours(name));
    let payload = letter.payload_now();
    // No replacement may be another value of the message.
    rewriter.learn(payload, &mut redactor);
    for (_, attribute) in attributes() {
        if let AttributeValue::Text(text) = &attribute.value {
            redactor.learn(text);
        }
    }
    letter.group.iter().for_each(|group| redactor.learn(group));
    let body = rewriter.body(payload, &mut redactor);
    let attributes = attributes()
        .map(|(name, attribute)| (name.clone(), rewriter.attribute(name, attribute, &mut redactor)))
        .collect();
    let group = letter.group.as_ref().map(|group| redactor.text(group));
    let unmatched = rewriter.unmatched();
    let fixture = Fixture {
        version: VERSION,
        error_type: letter.reason.error_type,
        error_code: letter.reason.error_code.clone(),
        attributes,
        group,
        // `null` would read as absent.
        body: RawValue::from_string(body.clone()).ok().filter(|raw| raw.get() == body && raw.get() != "null"),
        text: None,
    };
    let text = fixture.body.is_none().then_some(body);
    Ok(Redacted { fixture: Fixture { text, ..fixture }, unmatched, telling_names: rewriter.telling_names() })
}

/// Returns true for an attribute that Redrive itself adds.
fn is_ours(name: &str) -> bool {
    [redrive::ATTRIBUTE, foreign::ATTRIBUTE].contains(&name)
}

/// Returns true for the name of the letter's message type: configuration, and no data. Its scope ends with it.
fn is_type(scope: &Scope, value: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let suffix: String = value.chars().map(|c| if fits(c) { c } else { '-' }).collect();
    !value.is_empty() && scope.as_str().strip_suffix(&suffix).is_some_and(|base| base.ends_with('.'))
}

impl Rewriter<'_> {
    /// Replaces the value of an attribute, unless it is kept.
    fn attribute(&mut self, name: &str, attribute: &Attribute, redactor: &mut Redactor<'_>) -> Attribute {
        if self.keeps_attribute(name) {
            return attribute.clone();
        }
        let value = match &attribute.value {
            AttributeValue::Text(text) if attribute.data_type.starts_with("Number") => {
                AttributeValue::Text(redactor.number(text))
            }
            AttributeValue::Text(text) => AttributeValue::Text(self.string(text, &ValuePlace::Outside, redactor)),
            AttributeValue::Binary(bytes) => AttributeValue::Binary(redactor.bytes(bytes)),
        };
        Attribute { data_type: attribute.data_type.clone(), value }
    }
}
