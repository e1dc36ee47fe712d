//! Plan of a letter's write: its head, and all that must change with it in the same transaction.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, ReturnValuesOnConditionCheckFailure};
use aws_sdk_dynamodb::types::{TransactWriteItem, Update};
use redrive_core::letters::letter::{Body, Letter, LetterWrite};
use redrive_core::time::Timestamp;
use serde::Deserialize;

use super::body::Codec;
use super::chunks::{BODY, ChunkRefs, EDITED};
use super::edited::EditedPlace;
use super::item::{InHead, to_item};
use super::place::BodyPlace;
use crate::item::{Item, decode, number, text};

/// Layout of a letter's bodies in the table, as its head tells it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Layout {
    /// The chunks, if its body stands apart.
    pub(super) parts: Option<ChunkRefs>,
    /// Chunks of its edited body, if that stands apart.
    pub(super) edited: Option<ChunkRefs>,
    /// Time of their deletion, in seconds.
    pub(super) expires: Option<u64>,
}

/// Attributes of a head that tell the layout of its bodies.
#[derive(Deserialize)]
struct LayoutItem {
    version: u64,
    chunks: Option<u32>,
    body_tag: Option<String>,
    body_codec: Option<Codec>,
    edited_chunks: Option<u32>,
    edited_tag: Option<String>,
    edited_codec: Option<Codec>,
    expires: Option<u64>,
    body_expires: Option<u64>,
}

/// The attributes of [`LayoutItem`], to be asked for.
pub(super) const LAYOUT: [&str; 9] = [
    "version",
    "chunks",
    "body_tag",
    "body_codec",
    "edited_chunks",
    "edited_tag",
    "edited_codec",
    "expires",
    "body_expires",
];

impl Layout {
    /// A head's version, and how it keeps its bodies.
    ///
    /// Rule R8 of docs/protocol.md.
    pub(super) fn of_head(item: Item) -> Result<(u64, Self), String> {
        let item: LayoutItem = decode(item)?;
        let parts = ChunkRefs::of_head(BODY, item.chunks, item.body_tag, item.body_codec);
        let edited = ChunkRefs::of_head(EDITED, item.edited_chunks, item.edited_tag, item.edited_codec);
        let expires = item.body_expires.or(item.expires).filter(|_| parts.is_some() || edited.is_some());
        Ok((item.version, Self { parts, edited, expires }))
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
    /// Sets the deletion time of the chunk with this key. The condition is that the chunk is still there.
    Expire(Item, Option<u64>, String),
}

/// A condition with its names and values.
pub(super) struct Condition {
    pub(super) expression: String,
    pub(super) names: HashMap<String, String>,
    pub(super) values: HashMap<String, AttributeValue>,
}

impl Plan {
    /// A letter whose bodies are to be kept in these places, if they are not apart already, as `layout` says.
    pub(super) fn of(
        write: &LetterWrite,
        (place, edited): (&BodyPlace, &EditedPlace),
        layout: &Layout,
    ) -> Result<Self, String> {
        let letter = &write.letter;
        let condition = Condition::of(write.replaces, layout);
        let expires = letter.body_expires().map(Timestamp::as_secs);
        let moves =
            |parts: &ChunkRefs| if expires == layout.expires { Vec::new() } else { expire(letter, parts, expires) };
        let (in_edited, mut beside) = edited_beside(letter, edited, layout.edited.as_ref(), expires, moves)?;
        let in_edited = in_edited.as_ref();
        let head = match (place, &layout.parts) {
            (BodyPlace::Nowhere, Some(parts)) if matches!(letter.body, Body::Erased { .. }) => {
                beside.extend(parts.keys(letter.id).map(Beside::Delete));
                to_item(letter, &InHead::Nothing, in_edited)
            }
            (_, Some(parts)) => {
                beside.extend(moves(parts));
                to_item(letter, &InHead::Parts(parts), in_edited)
            }
            (BodyPlace::Nowhere, None) => to_item(letter, &InHead::Nothing, in_edited),
            (BodyPlace::Plain, None) => to_item(letter, &InHead::Plain, in_edited),
            (BodyPlace::Packed(packed), None) => to_item(letter, &InHead::Packed(packed), in_edited),
            (BodyPlace::Apart(packed), None) => {
                let (parts, chunks) = ChunkRefs::split(BODY, letter.id, packed, expires)?;
                beside.extend(chunks.into_iter().map(Beside::Put));
                to_item(letter, &InHead::Parts(&parts), in_edited)
            }
        };
        Ok(Self { head: head?, condition, beside })
    }

    /// Makes one transaction of the plan, the head first.
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

/// The chunks of an edited body, if it is to stand apart, and what must change of them.
fn edited_beside(
    letter: &Letter,
    place: &EditedPlace,
    there: Option<&ChunkRefs>,
    expires: Option<u64>,
    moves: impl Fn(&ChunkRefs) -> Vec<Beside>,
) -> Result<(Option<ChunkRefs>, Vec<Beside>), String> {
    let all = there.into_iter().flat_map(|parts| parts.keys(letter.id));
    match place {
        // Erased, or edited once more; or it is small, and its time runs no more.
        EditedPlace::Head => Ok((None, all.map(Beside::Delete).collect())),
        EditedPlace::Lost => Ok((there.cloned(), there.map(moves).unwrap_or_default())),
        EditedPlace::Apart(packed) => {
            let (parts, chunks) = ChunkRefs::split(EDITED, letter.id, packed, expires)?;
            if let Some(there) = there.filter(|there| **there == parts) {
                return Ok((Some(parts), moves(there)));
            }
            let beyond = all.skip(chunks.len()).map(Beside::Delete);
            let beside = chunks.into_iter().map(Beside::Put).chain(beyond).collect();
            Ok((Some(parts), beside))
        }
    }
}

fn expire(letter: &Letter, parts: &ChunkRefs, expires: Option<u64>) -> Vec<Beside> {
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
    /// Requires that the letter is the version that was read, and its bodies are laid out as expected.
    fn of(replaces: Option<u64>, layout: &Layout) -> Self {
        let Some(version) = replaces else {
            let names = [("#pk".to_owned(), "pk".to_owned())].into();
            return Self { expression: "attribute_not_exists(#pk)".to_owned(), names, values: HashMap::new() };
        };
        let mut parts = vec!["#version = :version".to_owned()];
        let mut names = vec![("#version", "version")];
        let mut values = vec![(":version", number(version))];
        for (there, tag, chunks, name, value) in [
            (&layout.parts, "body_tag", "chunks", "#tag", ":tag"),
            (&layout.edited, "edited_tag", "edited_chunks", "#edited", ":edited"),
        ] {
            if let Some(there) = there {
                parts.push(format!("{name} = {value}"));
                names.push((name, tag));
                values.push((value, text(&there.tag)));
            } else {
                parts.push(format!("attribute_not_exists({name})"));
                names.push((name, chunks));
            }
        }
        let names = names.into_iter().map(|(name, is)| (name.to_owned(), is.to_owned())).collect();
        let values = values.into_iter().map(|(name, is)| (name.to_owned(), is)).collect();
        Self { expression: parts.join(" AND "), names, values }
    }
}
