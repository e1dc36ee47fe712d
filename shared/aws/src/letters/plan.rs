//! What is written for a letter: its head, and whatever must change with it in the same transaction.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, ReturnValuesOnConditionCheckFailure};
use aws_sdk_dynamodb::types::{TransactWriteItem, Update};
use redrive_core::letter::{Body, Letter, LetterWrite};
use redrive_core::time::Timestamp;
use serde::Deserialize;

use super::body::Codec;
use super::chunks::Parts;
use super::item::{InHead, to_item};
use super::place::Place;
use crate::item::{Item, decode, number, text};

/// How the body of a letter is kept in the table, as its head tells it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Layout {
    /// The chunks, if it stands apart.
    pub(super) parts: Option<Parts>,
    /// When they are deleted.
    pub(super) expires: Option<u64>,
}

/// What of a head says how its body is kept.
#[derive(Deserialize)]
struct LayoutItem {
    version: u64,
    chunks: Option<u32>,
    body_tag: Option<String>,
    body_codec: Option<Codec>,
    expires: Option<u64>,
    body_expires: Option<u64>,
}

/// The attributes of [`LayoutItem`], to be asked for.
pub(super) const LAYOUT: [&str; 6] = ["version", "chunks", "body_tag", "body_codec", "expires", "body_expires"];

impl Layout {
    /// A head's version, and how it keeps its body.
    pub(super) fn of_head(item: Item) -> Result<(u64, Self), String> {
        let item: LayoutItem = decode(item)?;
        let parts = match (item.chunks, item.body_tag, item.body_codec) {
            (Some(count), Some(tag), Some(codec)) => Some(Parts { count, tag, codec }),
            _ => None,
        };
        let expires = item.body_expires.or(item.expires).filter(|_| parts.is_some());
        Ok((item.version, Self { parts, expires }))
    }
}

/// A head to be put under a condition, and what goes with it.
pub(super) struct Plan {
    pub(super) head: Item,
    pub(super) condition: Condition,
    /// Written in the same transaction, or not at all.
    pub(super) beside: Vec<Beside>,
}

/// A change of a chunk.
pub(super) enum Beside {
    Put(Item),
    Delete(Item),
    /// When the chunk of this key is deleted. It lives on only if it is still there.
    Expire(Item, Option<u64>, String),
}

/// A condition with its names and values.
pub(super) struct Condition {
    pub(super) expression: &'static str,
    pub(super) names: HashMap<String, String>,
    pub(super) values: HashMap<String, AttributeValue>,
}

impl Plan {
    /// A letter whose body is to be kept in this place, if it is not apart already, as `layout` says.
    pub(super) fn of(write: &LetterWrite, place: &Place, layout: &Layout) -> Result<Self, String> {
        let letter = &write.letter;
        let condition = Condition::of(write.replaces, layout.parts.as_ref());
        let expires = letter.body_expires().map(Timestamp::as_secs);
        let (in_head, beside) = match (place, &layout.parts) {
            (Place::Nowhere, Some(parts)) if matches!(letter.body, Body::Erased { .. }) => {
                (InHead::Nothing, parts.keys(letter.id).map(Beside::Delete).collect())
            }
            (_, Some(parts)) => {
                let moved = expires != layout.expires;
                (InHead::Parts(parts), if moved { expire(letter, parts, expires) } else { Vec::new() })
            }
            (Place::Nowhere, None) => (InHead::Nothing, Vec::new()),
            (Place::Plain, None) => (InHead::Plain, Vec::new()),
            (Place::Packed(packed), None) => (InHead::Packed(packed), Vec::new()),
            (Place::Apart(packed), None) => {
                let (parts, chunks) = Parts::split(letter.id, packed, expires)?;
                let head = to_item(letter, &InHead::Parts(&parts))?;
                let beside = chunks.into_iter().map(Beside::Put).collect();
                return Ok(Self { head, condition, beside });
            }
        };
        Ok(Self { head: to_item(letter, &in_head)?, condition, beside })
    }

    /// As one transaction, the head first.
    pub(super) fn transaction(self, table: &str) -> Vec<TransactWriteItem> {
        let Condition { expression, names, values } = self.condition;
        let head = Put::builder()
            .table_name(table)
            .set_item(Some(self.head))
            .condition_expression(expression)
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(Some(values).filter(|values| !values.is_empty()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        // Table and item are given, so it builds; if it did not, DynamoDB would refuse the empty write.
        let head = TransactWriteItem::builder().set_put(head.build().ok()).build();
        std::iter::once(head).chain(self.beside.into_iter().map(|beside| beside.built(table))).collect()
    }
}

fn expire(letter: &Letter, parts: &Parts, expires: Option<u64>) -> Vec<Beside> {
    parts.keys(letter.id).map(|key| Beside::Expire(key, expires, parts.tag.clone())).collect()
}

impl Beside {
    fn built(self, table: &str) -> TransactWriteItem {
        let built = TransactWriteItem::builder();
        let built = match self {
            Self::Put(item) => built.set_put(Put::builder().table_name(table).set_item(Some(item)).build().ok()),
            Self::Delete(key) => built.set_delete(Delete::builder().table_name(table).set_key(Some(key)).build().ok()),
            Self::Expire(key, expires, tag) => {
                let update = Update::builder().table_name(table).set_key(Some(key));
                let update = update.expression_attribute_names("#expires", "expires");
                let update = match expires {
                    // A chunk that is lost must not hold its letter: what this makes in its place expires.
                    Some(expires) => update
                        .update_expression("SET #expires = :expires")
                        .expression_attribute_values(":expires", number(expires)),
                    None => update
                        .update_expression("REMOVE #expires")
                        .condition_expression("#tag = :tag")
                        .expression_attribute_names("#tag", "body_tag")
                        .expression_attribute_values(":tag", text(tag)),
                };
                built.set_update(update.build().ok())
            }
        };
        built.build()
    }
}

impl Condition {
    /// That the letter is the version that was read, and its body is kept as it was thought to be.
    fn of(replaces: Option<u64>, parts: Option<&Parts>) -> Self {
        let (expression, names, values) = match (replaces, parts) {
            (None, _) => ("attribute_not_exists(#pk)", vec![("#pk", "pk")], Vec::new()),
            (Some(version), None) => (
                "#version = :version AND attribute_not_exists(#chunks)",
                vec![("#version", "version"), ("#chunks", "chunks")],
                vec![(":version", number(version))],
            ),
            (Some(version), Some(parts)) => (
                "#version = :version AND #tag = :tag",
                vec![("#version", "version"), ("#tag", "body_tag")],
                vec![(":version", number(version)), (":tag", text(&parts.tag))],
            ),
        };
        let names = names.into_iter().map(|(name, is)| (name.to_owned(), is.to_owned())).collect();
        let values = values.into_iter().map(|(name, is)| (name.to_owned(), is)).collect();
        Self { expression, names, values }
    }
}
