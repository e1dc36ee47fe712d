//! The maps inside a letter's item that only a table has in this form.

use redrive_core::message::envelope::{Attribute, AttributeValue};
use redrive_core::message::foreign::ClaimCheck;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// A message attribute: `string_value` or `binary_value`.
#[derive(Serialize, Deserialize)]
pub(super) struct AttributeItem {
    data_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    string_value: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    binary_value: Option<ByteBuf>,
}

impl From<Attribute> for AttributeItem {
    fn from(Attribute { data_type, value }: Attribute) -> Self {
        let (string_value, binary_value) = match value {
            AttributeValue::Text(text) => (Some(text), None),
            AttributeValue::Binary(bytes) => (None, Some(ByteBuf::from(bytes))),
        };
        Self { data_type, string_value, binary_value }
    }
}

impl From<AttributeItem> for Attribute {
    fn from(stored: AttributeItem) -> Self {
        let value = match stored.binary_value {
            Some(bytes) => AttributeValue::Binary(bytes.into_vec()),
            None => AttributeValue::Text(stored.string_value.unwrap_or_default()),
        };
        Self { data_type: stored.data_type, value }
    }
}

/// Place in S3 of a body to which its message only points.
#[derive(Serialize, Deserialize)]
pub(super) struct InS3Item {
    bucket: String,
    key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    attribute: Option<String>,
}

impl From<ClaimCheck> for InS3Item {
    fn from(ClaimCheck { bucket, key, bytes, attribute }: ClaimCheck) -> Self {
        Self { bucket, key, bytes, attribute: attribute.map(str::to_owned) }
    }
}

impl From<InS3Item> for ClaimCheck {
    fn from(InS3Item { bucket, key, bytes, attribute }: InS3Item) -> Self {
        Self { bucket, key, bytes, attribute: attribute.as_deref().and_then(Self::reserved) }
    }
}
