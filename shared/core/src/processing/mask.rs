//! Error texts without personal data: values of the body that a configured pointer names are masked out of them, and
//! a user's own function may redact what is left, before a text is stored or logged anywhere.
//!
//! Where something cannot be decided, the text is withheld: a reason that is missing is better than a name that is
//! not.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::fault::{Fault, TEXT_LIMIT};
use crate::json::{Json, quote};
use crate::message::pointer::{BadPointer, Pointer};
use crate::text::capped;

/// Placeholder for a masked value.
const MASK: &str = "***";
/// Placeholder for a text that could not be redacted.
pub const WITHHELD: &str = "text withheld: it could not be redacted";
/// A body in which more values than this are to be masked has its texts withheld.
const VALUES: usize = 1_000;
/// Shorter values are masked only where they stand alone: else every "a" would be.
const ALONE: usize = 4;
/// A text of this length was cut by whoever wrote it, whether it shows it or not (Lambda cuts at 1 KB).
const CUT_ANYWAY: usize = 1_000;
/// A beginning of a value at the end of a cut text is masked from this length on.
const BEGINNING: usize = 3;

/// JSON pointers to the values of a body that are masked out of error texts. A pointer to an object or a list masks
/// every value in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Masks(Vec<Pointer>);

impl Masks {
    /// Reads a list of pointers, separated by commas: `/customer/email,/card`. Empty text is no mask.
    ///
    /// # Errors
    /// [`BadPointer`] names the first that is none.
    pub fn parse(list: &str) -> Result<Self, BadPointer> {
        let pointers = list.split(',').map(str::trim).filter(|pointer| !pointer.is_empty());
        Ok(Self(pointers.map(Pointer::parse).collect::<Result<_, _>>()?))
    }

    /// Returns true if nothing is masked.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text, with `***` for every value: as it is, as JSON escapes it and as a URL does, in upper and lower case
    /// (of ASCII). Without a body that can be read it is not known what to mask: the text is withheld.
    #[must_use]
    pub fn apply(&self, text: &str, body: Option<&Json>) -> String {
        if self.is_empty() || text.is_empty() {
            return text.to_owned();
        }
        let mut values = Vec::new();
        let known = body.is_some_and(|body| {
            self.0.iter().filter_map(|pointer| pointer.find(body)).all(|value| collect(value, &mut values))
        });
        if known { masked(text, &values) } else { WITHHELD.to_owned() }
    }
}

/// Gathers every text and number in a value; `false` if there are too many.
fn collect(value: &Json, into: &mut Vec<Needle>) -> bool {
    match value {
        Json::Text(text) => Needle::of_text(text, into),
        Json::Number(number) => into.push(Needle { text: number.as_str().to_lowercase(), alone: true }),
        Json::Array(values) => return values.iter().all(|value| collect(value, into)),
        Json::Object(members) => return members.values().all(|value| collect(value, into)),
        Json::Null | Json::Bool(_) => {}
    }
    into.len() <= VALUES
}

/// Text to look for.
struct Needle {
    /// Text in lower case.
    text: String,
    /// True if it counts only where no letter or digit stands beside it.
    alone: bool,
}

impl Needle {
    fn of_text(value: &str, into: &mut Vec<Self>) {
        let value = value.trim();
        if value.is_empty() {
            return;
        }
        let mut escaped = String::new();
        quote(value, &mut escaped);
        let escaped = escaped[1..escaped.len() - 1].to_owned();
        let mut forms = vec![value.to_owned(), escaped, percent_encoded(value)];
        forms.dedup();
        let alone = value.chars().count() < ALONE;
        into.extend(forms.into_iter().map(|form| Self { text: form.to_ascii_lowercase(), alone }));
    }
}

fn percent_encoded(text: &str) -> String {
    use std::fmt::Write;
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a text cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

fn masked(text: &str, values: &[Needle]) -> String {
    let lower = text.to_ascii_lowercase();
    let whole = lower.trim_end_matches('…');
    let was_cut = whole.len() < lower.len() || lower.len() >= CUT_ANYWAY;
    let mut spans = Vec::new();
    for needle in values {
        let found = lower.match_indices(&needle.text).map(|(at, found)| (at, at + found.len()));
        spans.extend(found.filter(|(from, to)| !needle.alone || stands_alone(&lower, *from, *to)));
        if was_cut {
            spans.extend(beginning_at_the_end(whole, &needle.text));
        }
    }
    spans.sort_unstable();
    let (mut out, mut done) = (String::with_capacity(text.len()), 0);
    for (from, to) in spans {
        if from >= done {
            out.push_str(&text[done..from]);
            out.push_str(MASK);
        }
        done = done.max(to);
    }
    out.push_str(&text[done..]);
    out
}

fn stands_alone(text: &str, from: usize, to: usize) -> bool {
    !text[..from].ends_with(char::is_alphanumeric) && !text[to..].starts_with(char::is_alphanumeric)
}

/// The longest beginning of a value with which the text ends.
fn beginning_at_the_end(text: &str, value: &str) -> Option<(usize, usize)> {
    let longest = value.len().saturating_sub(1).min(text.len());
    let fits = |length: &usize| value.is_char_boundary(*length) && text.ends_with(&value[..*length]);
    (BEGINNING..=longest).rev().find(fits).map(|length| (text.len() - length, text.len()))
}

type Hook = dyn Fn(&str) -> String + Send + Sync;

/// Steps that an error text goes through before it is stored or logged: the masks first, then the user's function, then
/// the cap of 256 bytes.
#[derive(Clone, Default)]
pub struct Redaction {
    masks: Masks,
    hook: Option<Arc<Hook>>,
}

impl fmt::Debug for Redaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redaction").field("masks", &self.masks).field("hook", &self.hook.is_some()).finish()
    }
}

impl Redaction {
    /// Redacts by the masks alone.
    #[must_use]
    pub const fn new(masks: Masks) -> Self {
        Self { masks, hook: None }
    }

    /// Adds a function of the user's own, which is given each text and returns what may be kept of it. If it panics,
    /// the text is withheld.
    #[must_use]
    pub fn with_hook(self, hook: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        Self { hook: Some(Arc::new(hook)), ..self }
    }

    /// A text as it may be kept. `body` is the message's content as the producer wrote it, if it can be read.
    #[must_use]
    pub fn apply(&self, text: &str, body: Option<&Json>) -> String {
        let masked = self.masks.apply(text, body);
        let redacted = match &self.hook {
            Some(hook) => catch_unwind(AssertUnwindSafe(|| hook(&masked))).unwrap_or_else(|_| WITHHELD.to_owned()),
            None => masked,
        };
        capped(&redacted, TEXT_LIMIT)
    }

    /// A fault as it may be kept; class, code and delay stay.
    #[must_use]
    pub fn fault(&self, fault: Fault, body: Option<&Json>) -> Fault {
        Fault { text: self.apply(&fault.text, body), ..fault }
    }
}

#[cfg(test)]
mod tests;
