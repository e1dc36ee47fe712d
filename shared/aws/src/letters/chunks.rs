//! A body that stands apart from its letter's head: in chunks, written, restored and expired with it in one transaction.

use redrive_core::ids::LetterId;
use redrive_core::message::envelope::Attributes;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use sha2::{Digest, Sha256};

use super::body::{Codec, Packed};
use crate::item::{Item, decode, encode, text};

/// Size in bytes of one chunk of a body: an item holds 400 KB, and a transaction 4 MB in 100 of them.
const CHUNK: usize = 300 * 1024;
/// A body that no transaction could hold is not believed.
const CHUNKS: u32 = 99;

/// Prefixes of the sort keys of a body's chunks, and of an edited body's.
pub(super) const BODY: &str = "chunk";
pub(super) const EDITED: &str = "edited";

/// Description of the chunks beside a head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ChunkRefs {
    /// Prefix of their sort keys.
    pub(super) series: &'static str,
    /// Number of the chunks.
    pub(super) count: u32,
    /// SHA-256 of their bytes together: each of them carries it, so that chunks of two bodies are never mixed.
    pub(super) tag: String,
    /// Compression of the bytes.
    pub(super) codec: Codec,
}

#[derive(Serialize, Deserialize)]
struct ChunkItem {
    pk: LetterId,
    sk: String,
    chunks: u32,
    body_tag: String,
    data: ByteBuf,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires: Option<u64>,
}

impl ChunkRefs {
    /// A body as chunks, and what its head must know of them.
    pub(super) fn split(
        series: &'static str,
        id: LetterId,
        packed: &Packed,
        expires: Option<u64>,
    ) -> Result<(Self, Vec<Item>), String> {
        let pieces: Vec<_> = packed.bytes.chunks(CHUNK).collect();
        let count = u32::try_from(pieces.len()).ok().filter(|count| *count <= CHUNKS);
        let count = count.ok_or_else(|| "the body is too large for one transaction".to_owned())?;
        let parts = Self { series, count, tag: tag(&packed.bytes), codec: packed.codec };
        let chunk = |(n, piece): (usize, &&[u8])| {
            encode(ChunkItem {
                pk: id,
                sk: sk(series, n),
                chunks: count,
                body_tag: parts.tag.clone(),
                data: ByteBuf::from(piece.to_vec()),
                expires,
            })
        };
        let items = pieces.iter().enumerate().map(chunk).collect::<Result<_, _>>()?;
        Ok((parts, items))
    }

    /// Reads the description from a head.
    pub(super) fn of_head(
        series: &'static str,
        count: Option<u32>,
        tag: Option<String>,
        codec: Option<Codec>,
    ) -> Option<Self> {
        Some(Self { series, count: count?, tag: tag?, codec: codec? })
    }

    /// The keys of the chunks, in order.
    pub(super) fn keys(&self, id: LetterId) -> impl Iterator<Item = Item> + use<> {
        let (series, count) = (self.series, self.count.min(CHUNKS) as usize);
        (0..count).map(move |n| key(id, &sk(series, n)))
    }

    /// Payload and attributes, from the chunks in order as far as they are there; or what is wrong with them.
    pub(super) fn join(&self, chunks: Vec<Option<Item>>) -> Result<(String, Attributes), String> {
        let of = self.count;
        let mut bytes = Vec::with_capacity(chunks.len() * CHUNK);
        for (n, chunk) in chunks.into_iter().enumerate() {
            let chunk = chunk.ok_or_else(|| format!("chunk {n} of {of} is not there"))?;
            let chunk: ChunkItem = decode(chunk).map_err(|why| format!("chunk {n} of {of} is damaged: {why}"))?;
            if chunk.body_tag != self.tag || chunk.chunks != of {
                return Err(format!("chunk {n} of {of} belongs to another body"));
            }
            bytes.extend_from_slice(&chunk.data);
        }
        if tag(&bytes) != self.tag {
            return Err(format!("its {of} chunks are not what was written"));
        }
        Packed::open(self.codec, &bytes).map_err(str::to_owned)
    }
}

/// The key of one item of a letter.
pub(super) fn key(id: LetterId, sk: &str) -> Item {
    Item::from([("pk".to_owned(), text(id)), ("sk".to_owned(), text(sk))])
}

fn sk(series: &str, n: usize) -> String {
    format!("{series}#{n}")
}

fn tag(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_dynamodb::primitives::Blob;
    use aws_sdk_dynamodb::types::AttributeValue;
    use redrive_core::ids::{MessageId, QueueArn};

    fn id() -> LetterId {
        LetterId::derive(&QueueArn::new("arn:aws:sqs:us-east-1:1:q").unwrap(), &MessageId::new("m").unwrap())
    }

    fn split(bytes: usize) -> (Packed, ChunkRefs, Vec<Option<Item>>) {
        let packed = Packed::of(&noise(bytes), &Attributes::new());
        let (parts, items) = ChunkRefs::split(BODY, id(), &packed, Some(9)).unwrap();
        (packed, parts, items.into_iter().map(Some).collect())
    }

    /// Text that hardly gets smaller.
    fn noise(bytes: usize) -> String {
        let mut state = 1_u64;
        let letter = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(33 + u8::try_from(state >> 58).unwrap())
        });
        letter.take(bytes).collect()
    }

    #[test]
    fn a_body_is_split_into_chunks_that_fit_an_item_and_joined_again() {
        let (packed, parts, items) = split(1 << 20);
        assert!(packed.bytes.len() > 2 * CHUNK && items.len() > 2, "{} bytes", packed.bytes.len());
        assert_eq!(parts.keys(id()).count(), items.len());
        for (item, key) in items.iter().flatten().zip(parts.keys(id())) {
            assert!(crate::item::size(item) < 400 * 1024);
            assert!(key.iter().all(|(name, value)| item[name] == *value));
            assert_eq!(item["expires"], crate::item::number(9));
        }
        assert_eq!(parts.join(items), Ok((noise(1 << 20), Attributes::new())));
    }

    #[test]
    fn a_chunk_that_is_missing_foreign_or_damaged_is_told_by_its_number() {
        let (_, parts, items) = split(800_000);
        let of = items.len();
        let told = |spoil: &dyn Fn(&mut Vec<Option<Item>>)| {
            let mut items = items.clone();
            spoil(&mut items);
            parts.join(items).unwrap_err()
        };
        assert_eq!(told(&|items| items[1] = None), format!("chunk 1 of {of} is not there"));
        let put = |name: &'static str, value: AttributeValue| {
            move |items: &mut Vec<Option<Item>>| drop(items[0].as_mut().unwrap().insert(name.to_owned(), value.clone()))
        };
        let foreign = put("body_tag", text("another"));
        assert_eq!(told(&foreign), format!("chunk 0 of {of} belongs to another body"));
        let damaged = put("data", AttributeValue::B(Blob::new(b"secret".to_vec())));
        assert_eq!(told(&damaged), format!("its {of} chunks are not what was written"));
        let stub = told(&|items| drop(items[0].as_mut().unwrap().remove("data")));
        assert_eq!(stub, format!("chunk 0 of {of} is damaged: the item lacks data"));
        let swapped = told(&|items| items.swap(0, 1));
        assert_eq!(swapped, format!("its {of} chunks are not what was written"));
    }
}
