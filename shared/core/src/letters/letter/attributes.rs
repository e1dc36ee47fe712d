//! The message attributes of a letter, as a hash: copies are told apart by them, also when the letter's body is gone.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::hex::hex;
use crate::letters::exact_message::EXACT_MESSAGE;
use crate::letters::exact_record::EXACT;
use crate::message::envelope::{AttributeValue, Attributes};
use crate::{message::foreign, message::redrive};

/// The attributes that redrive itself adds and takes away. Of a record's headers those count that are attributes by their names: the
/// record itself tells of each death.
const OURS: [&str; 4] = [redrive::ATTRIBUTE, foreign::ATTRIBUTE, EXACT, EXACT_MESSAGE];

/// SHA-256 of message attributes: names, types and values, redrive's own two apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AttributesHash(String);

impl AttributesHash {
    /// The hash of these attributes.
    #[must_use]
    pub fn of(attributes: &Attributes) -> Self {
        let mut digest = Sha256::new();
        // With its length before each part, no two sets of attributes have the same bytes.
        let mut part = |kind: u8, bytes: &[u8]| {
            digest.update([kind]);
            digest.update((bytes.len() as u64).to_be_bytes());
            digest.update(bytes);
        };
        for (name, attribute) in attributes.iter().filter(|(name, _)| !OURS.contains(&name.as_str())) {
            part(0, name.as_bytes());
            part(1, attribute.data_type.as_bytes());
            match &attribute.value {
                AttributeValue::Text(text) => part(2, text.as_bytes()),
                AttributeValue::Binary(bytes) => part(3, bytes),
            }
        }
        Self(hex(&digest.finalize()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::envelope::Attribute;

    fn of(attributes: &[(&str, &str, &str)]) -> AttributesHash {
        let attribute = |data_type: &str, text: &str| Attribute {
            data_type: data_type.to_owned(),
            value: AttributeValue::Text(text.to_owned()),
        };
        let attributes = attributes.iter().map(|(name, kind, text)| ((*name).to_owned(), attribute(kind, text)));
        AttributesHash::of(&attributes.collect())
    }

    #[test]
    fn a_name_a_type_and_a_value_each_make_another_hash() {
        let plain = of(&[("operation", "String", "charge")]);
        for other in [
            of(&[("operation", "String", "refund")]),
            of(&[("operation", "String.word", "charge")]),
            of(&[("operatio", "nString", "charge")]),
            of(&[("operation", "String", "charge"), ("tenant", "String", "")]),
            of(&[]),
        ] {
            assert_ne!(plain, other);
        }
        let bytes = Attribute { data_type: "String".to_owned(), value: AttributeValue::Binary(b"charge".to_vec()) };
        assert_ne!(plain, AttributesHash::of(&[("operation".to_owned(), bytes)].into()));
    }

    #[test]
    fn redrives_own_attributes_do_not_count() {
        let plain = of(&[("operation", "String", "charge")]);
        let replayed =
            [("operation", "String", "charge"), ("redrive", "String", "{}"), ("redrive-reason", "String", "x")];
        assert_eq!(plain, of(&replayed));
    }
}
