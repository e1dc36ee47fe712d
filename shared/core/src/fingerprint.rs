//! Which failures are one cause.

mod normal;

use sha2::{Digest, Sha256};

pub use normal::normalised;

/// The name of a cause: the class and the handler's stable code; where there is no code, a hash of the message
/// with everything normalised away that differs from one letter to the next.
#[must_use]
pub fn fingerprint(error_type: &str, code: Option<&str>, message: &str) -> String {
    match code.filter(|code| !code.is_empty()) {
        Some(code) => format!("{error_type}/{code}"),
        None => {
            let hash: String =
                Sha256::digest(normalised(message).as_bytes()).iter().take(6).map(|b| format!("{b:02x}")).collect();
            format!("{error_type}/~{hash}")
        }
    }
}

#[cfg(test)]
mod tests;
