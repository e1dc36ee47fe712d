//! The maps inside a letter's item that only a table has in this form.

use std::collections::BTreeMap;

use redrive_core::letters::schema::{AttributeFields, NoAttribute};
use redrive_core::message::envelope::Attributes;
use redrive_core::message::foreign::ClaimCheck;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// A message attribute, with its bytes as bytes.
pub(super) type AttributeItem = AttributeFields<ByteBuf>;

/// Message attributes as a map of a head.
pub(super) fn to_items(attributes: &Attributes) -> BTreeMap<String, AttributeItem> {
    let item = |attribute| AttributeItem::of(attribute, |bytes| ByteBuf::from(bytes.to_vec()));
    attributes.iter().map(|(name, attribute)| (name.clone(), item(attribute))).collect()
}

/// Message attributes of such a map.
pub(super) fn from_items(items: BTreeMap<String, AttributeItem>) -> Result<Attributes, NoAttribute> {
    items.into_iter().map(|(name, item)| Ok((name, item.read(|bytes| Some(bytes.into_vec()))?))).collect()
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
