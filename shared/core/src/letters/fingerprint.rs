//! Fingerprints, which group failures into causes.

mod mismatch;
mod normal;

use crate::hex::hex;
use sha2::{Digest, Sha256};

pub use normal::normalised;

/// The name of a cause: the class and the handler's stable code; where there is no code, a hash of the message
/// with everything normalised away that differs from one letter to the next. A SCHEMA failure that names what does not fit
/// has that in its name, too: `SCHEMA/decode: missing field currency`. It never has a value.
#[must_use]
pub fn fingerprint(error_type: &str, code: Option<&str>, message: &str) -> String {
    match code.filter(|code| !code.is_empty()) {
        Some(code) => match mismatch::of(error_type, code, message) {
            Some(mismatch) => format!("{error_type}/{code}: {mismatch}"),
            None => format!("{error_type}/{code}"),
        },
        None => {
            let hash = Sha256::digest(normalised(message).as_bytes());
            format!("{error_type}/~{}", hex(&hash[..6]))
        }
    }
}

/// The causes of one code, however many mismatches it has: what a cause was called before mismatches had names. `None` if
/// the cause names none.
#[must_use]
pub fn family(fingerprint: &str) -> Option<&str> {
    let (family, _) = fingerprint.split_once(": ")?;
    is_family(family).then_some(family)
}

/// Returns true for the name of a family of causes. Letters of an older version have that name alone.
#[must_use]
pub fn is_family(fingerprint: &str) -> bool {
    fingerprint.strip_prefix("SCHEMA/").is_some_and(|code| mismatch::CODES.contains(&code))
}

/// Returns true if a cause is the wanted one, or belongs to the wanted family.
#[must_use]
pub fn is_cause(fingerprint: &str, wanted: &str) -> bool {
    fingerprint == wanted || family(fingerprint) == Some(wanted)
}

#[cfg(test)]
mod tests;
