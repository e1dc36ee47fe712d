//! Classified failures: the handler says what kind of failure it was, Redrive decides what follows from it.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::text::capped;

/// The most bytes of an error text that are kept anywhere.
pub const TEXT_LIMIT: usize = 256;
/// The most bytes of a code.
pub const CODE_LIMIT: usize = 48;

/// Kind of a failure, which decides if trying again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Class {
    /// May pass by itself: retried by the schedule.
    Transient,
    /// Will not pass by itself: never retried.
    Permanent,
    /// Ran out of its time: retried by the schedule.
    Timeout,
    /// The body or its key cannot be read: never retried, and the handler never ran.
    Schema,
}

impl Class {
    /// Returns true if another attempt may help.
    #[must_use]
    pub const fn retryable(self) -> bool {
        matches!(self, Self::Transient | Self::Timeout)
    }

    /// The word of the schema's `error_type`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Transient => "TRANSIENT",
            Self::Permanent => "PERMANENT",
            Self::Timeout => "TIMEOUT",
            Self::Schema => "SCHEMA",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An error of the user's own that knows its class.
///
/// ```
/// # mod redrive { pub use redrive_core::fault::{Class, Classify, Fault}; }
/// use redrive::{Class, Classify, Fault};
///
/// #[derive(Debug, thiserror::Error)]
/// enum ChargeError {
///     #[error("order {0} has no row yet")]
///     NoRow(String),
///     #[error("order {0} asks for an amount of zero or less")]
///     Amount(String),
/// }
///
/// impl Classify for ChargeError {
///     fn class(&self) -> Class {
///         // The row may still come; the amount does not change by itself.
///         if matches!(self, Self::NoRow(_)) { Class::Transient } else { Class::Permanent }
///     }
///
///     fn code(&self) -> &'static str {
///         match self {
///             Self::NoRow(_) => "no-row",
///             Self::Amount(_) => "amount",
///         }
///     }
/// }
///
/// let fault = Fault::from(ChargeError::Amount("o-1".to_owned()));
/// assert_eq!(fault.to_string(), "PERMANENT amount: order o-1 asks for an amount of zero or less");
/// ```
pub trait Classify: fmt::Display {
    /// Returns the kind of failure.
    fn class(&self) -> Class;
    /// A stable name for causes and metrics, like `no-row`; never data, at most [`CODE_LIMIT`] bytes.
    fn code(&self) -> &'static str;
    /// Returns the delay after which the next attempt makes sense, if this error knows it (from a rate limit's answer,
    /// say).
    fn retry_after(&self) -> Option<Duration> {
        None
    }
}

/// A classified failure. Its text is kept in the ledger and shown to whoever is on call, at most [`TEXT_LIMIT`]
/// bytes of it: it must not carry the message's body.
///
/// ```
/// # mod redrive { pub use redrive_core::fault::{Class, Fault, ResultExt}; }
/// use redrive::{Class, Fault, ResultExt};
///
/// // A failure of one's own, or any error, classified on the spot.
/// let closed = Fault::permanent("closed", "account is closed");
/// let down: Result<u64, Fault> = "not a number".parse::<u64>().transient("rates-read");
///
/// assert_eq!(closed.to_string(), "PERMANENT closed: account is closed");
/// assert!(down.is_err_and(|fault| fault.class == Class::Transient && fault.code == "rates-read"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Kind of the failure.
    pub class: Class,
    /// Stable name of the failure.
    pub code: Cow<'static, str>,
    /// Text for a person.
    pub text: String,
    /// Delay after which the next attempt makes sense, if the failure knows it.
    pub retry_after: Option<Duration>,
}

impl Fault {
    /// A fault of `class` named `code`.
    #[must_use]
    pub fn new(class: Class, code: impl Into<Cow<'static, str>>, text: impl fmt::Display) -> Self {
        let code = code.into();
        let code = if code.len() > CODE_LIMIT { capped(&code, CODE_LIMIT).into() } else { code };
        Self { class, code, text: capped(&text.to_string(), TEXT_LIMIT), retry_after: None }
    }

    /// A failure that may pass by itself.
    #[must_use]
    pub fn transient(code: impl Into<Cow<'static, str>>, text: impl fmt::Display) -> Self {
        Self::new(Class::Transient, code, text)
    }

    /// A failure that will not pass by itself.
    #[must_use]
    pub fn permanent(code: impl Into<Cow<'static, str>>, text: impl fmt::Display) -> Self {
        Self::new(Class::Permanent, code, text)
    }

    pub(crate) fn timeout(code: &'static str, text: impl fmt::Display) -> Self {
        Self::new(Class::Timeout, code, text)
    }

    pub(crate) fn schema(code: &'static str, text: impl fmt::Display) -> Self {
        Self::new(Class::Schema, code, text)
    }

    /// The handler ran out of its budget.
    #[must_use]
    pub fn out_of_time(budget: Duration) -> Self {
        Self::timeout("handler-timeout", format_args!("handler did not finish within {} ms", budget.as_millis()))
    }

    /// The handler panicked. The panic's own text may hold anything, so it is not kept.
    #[must_use]
    pub fn panicked() -> Self {
        Self::transient("panic", "handler panicked; the place is in the function's log")
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.class, self.code, self.text)
    }
}

impl<E: Classify> From<E> for Fault {
    fn from(error: E) -> Self {
        Self { retry_after: error.retry_after(), ..Self::new(error.class(), error.code(), &error) }
    }
}

/// Classifies any error on the spot: `.transient("orders-read")?`.
pub trait ResultExt<T> {
    /// The error becomes a TRANSIENT fault named `code`.
    ///
    /// # Errors
    /// The fault, if there was an error.
    fn transient(self, code: &'static str) -> Result<T, Fault>;
    /// The error becomes a PERMANENT fault named `code`.
    ///
    /// # Errors
    /// The fault, if there was an error.
    fn permanent(self, code: &'static str) -> Result<T, Fault>;
}

impl<T, E: std::error::Error> ResultExt<T> for Result<T, E> {
    fn transient(self, code: &'static str) -> Result<T, Fault> {
        self.map_err(|error| Fault::transient(code, chain(&error)))
    }

    fn permanent(self, code: &'static str) -> Result<T, Fault> {
        self.map_err(|error| Fault::permanent(code, chain(&error)))
    }
}

/// An error and its sources in one line: an SDK error's own text is only "service error".
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let more = cause.to_string();
        if !text.ends_with(&more) {
            text = format!("{text}: {more}");
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_transient_and_timeout_are_tried_again() {
        let retried: Vec<_> = [Class::Transient, Class::Permanent, Class::Timeout, Class::Schema]
            .into_iter()
            .filter(|class| class.retryable())
            .collect();
        assert_eq!(retried, [Class::Transient, Class::Timeout]);
    }

    #[test]
    fn code_and_text_of_a_fault_are_capped() {
        let fault = Fault::permanent("c".repeat(500), "t".repeat(5_000));
        assert!(fault.code.len() <= CODE_LIMIT && fault.text.len() <= TEXT_LIMIT);
    }

    #[test]
    fn a_classified_error_becomes_its_fault_with_its_own_delay() {
        struct Limited;
        impl fmt::Display for Limited {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("rate limited")
            }
        }
        impl Classify for Limited {
            fn class(&self) -> Class {
                Class::Transient
            }
            fn code(&self) -> &'static str {
                "rate"
            }
            fn retry_after(&self) -> Option<Duration> {
                Some(Duration::from_secs(9))
            }
        }
        let fault = Fault::from(Limited);
        assert_eq!(
            (fault.class, &*fault.code, fault.retry_after),
            (Class::Transient, "rate", Some(Duration::from_secs(9)))
        );
    }
}
