//! JSON pointers (RFC 6901) into a message's body.

use std::fmt;

use thiserror::Error;

use crate::json::Json;

/// JSON pointer (RFC 6901) to a place in a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer(String);

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Text that is no JSON pointer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} is not a JSON pointer: it must start with '/', like /order_id (RFC 6901)")]
pub struct BadPointer(String);

impl Pointer {
    /// Reads a pointer from its text.
    ///
    /// # Errors
    /// [`BadPointer`] if it does not start with `/` or has a `~` that is neither `~0` nor `~1`.
    pub fn parse(text: &str) -> Result<Self, BadPointer> {
        let escapes_well = !text.replace("~0", "").replace("~1", "").contains('~');
        if text.starts_with('/') && escapes_well { Ok(Self(text.to_owned())) } else { Err(BadPointer(text.to_owned())) }
    }

    /// Returns the pointer as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns true if a name is a step of the pointer.
    #[must_use]
    pub fn names(&self, name: &str) -> bool {
        self.0.split('/').skip(1).any(|step| step.replace("~1", "/").replace("~0", "~") == name)
    }

    /// Returns the value at the pointer, if there is one.
    #[must_use]
    pub fn find<'a>(&self, body: &'a Json) -> Option<&'a Json> {
        body.pointer(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_pointer_is_refused_with_the_mend() {
        for bad in ["", "order_id", "$.order_id", "/a~2b"] {
            let error = Pointer::parse(bad).unwrap_err();
            assert!(error.to_string().contains("must start with '/'"), "{error}");
        }
    }
}
