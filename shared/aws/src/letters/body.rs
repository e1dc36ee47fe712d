//! A letter's body as bytes: payload and attributes in one frame, compressed where that helps.
//!
//! Zlib, so that any language can open it: `zlib.decompress(item["body"])` in Python. `miniz_oxide` does it in safe Rust, and
//! is what the standard library itself carries.

use std::collections::BTreeMap;

use miniz_oxide::deflate::compress_to_vec_zlib;
use miniz_oxide::inflate::decompress_to_vec_zlib_with_limit;
use redrive_core::message::envelope::{Attribute, AttributeValue, Attributes};
use serde::{Deserialize, Serialize};

/// The first byte of a frame: how the rest of it is laid out.
const VERSION: u8 = 1;
const TEXT: u8 = 0;
const BINARY: u8 = 1;
/// Limit of an unpacked body in bytes, above what SQS ever held: a frame that claims more is damaged.
const FRAME_LIMIT: usize = 16 << 20;
/// Speed against size: more than this gains a hundredth.
const LEVEL: u8 = 6;

/// Compression of the stored frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Codec {
    /// Compressed as in RFC 1950.
    Zlib,
    /// Stored as it is, because it does not get smaller.
    None,
}

/// A body as bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Packed {
    pub(super) codec: Codec,
    pub(super) bytes: Vec<u8>,
}

impl Packed {
    pub(super) fn of(payload: &str, attributes: &Attributes) -> Self {
        let frame = frame(payload, attributes);
        let smaller = compress_to_vec_zlib(&frame, LEVEL);
        if smaller.len() < frame.len() {
            Self { codec: Codec::Zlib, bytes: smaller }
        } else {
            Self { codec: Codec::None, bytes: frame }
        }
    }

    /// Payload and attributes, or what is wrong with the bytes.
    pub(super) fn open(codec: Codec, bytes: &[u8]) -> Result<(String, Attributes), &'static str> {
        match codec {
            Codec::None => unframe(bytes),
            Codec::Zlib => {
                let frame = decompress_to_vec_zlib_with_limit(bytes, FRAME_LIMIT);
                unframe(&frame.map_err(|_| "its compressed bytes are damaged")?)
            }
        }
    }
}

/// Version, payload, then name, type, kind and value of each attribute; a length of four bytes before each of them.
fn frame(payload: &str, attributes: &Attributes) -> Vec<u8> {
    let mut frame = vec![VERSION];
    put(&mut frame, payload.as_bytes());
    for (name, Attribute { data_type, value }) in attributes {
        put(&mut frame, name.as_bytes());
        put(&mut frame, data_type.as_bytes());
        let (kind, value) = match value {
            AttributeValue::Text(text) => (TEXT, text.as_bytes()),
            AttributeValue::Binary(bytes) => (BINARY, bytes.as_slice()),
        };
        frame.push(kind);
        put(&mut frame, value);
    }
    frame
}

fn put(frame: &mut Vec<u8>, part: &[u8]) {
    // A part of 4 GiB does not exist: SQS holds 1 MiB.
    frame.extend(u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
    frame.extend_from_slice(part);
}

fn unframe(frame: &[u8]) -> Result<(String, Attributes), &'static str> {
    const SHORT: &str = "its bytes end too early";
    let (version, mut rest) = frame.split_first().ok_or(SHORT)?;
    if *version != VERSION {
        return Err("its bytes are laid out in a way that this version does not know");
    }
    let payload = text(take(&mut rest).ok_or(SHORT)?)?;
    let mut attributes = BTreeMap::new();
    while !rest.is_empty() {
        let name = text(take(&mut rest).ok_or(SHORT)?)?;
        let data_type = text(take(&mut rest).ok_or(SHORT)?)?;
        let (kind, after) = rest.split_first().ok_or(SHORT)?;
        rest = after;
        let value = take(&mut rest).ok_or(SHORT)?;
        let value = match *kind {
            TEXT => AttributeValue::Text(text(value)?),
            BINARY => AttributeValue::Binary(value.to_vec()),
            _ => return Err("an attribute of it is of an unknown kind"),
        };
        attributes.insert(name, Attribute { data_type, value });
    }
    Ok((payload, attributes))
}

fn take<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let (part, after) = after.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    *rest = after;
    Some(part)
}

fn text(bytes: &[u8]) -> Result<String, &'static str> {
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| "a text of it is not UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn attributes() -> impl Strategy<Value = Attributes> {
        let value = prop_oneof![
            any::<String>().prop_map(AttributeValue::Text),
            any::<Vec<u8>>().prop_map(AttributeValue::Binary)
        ];
        let attribute = (any::<String>(), value).prop_map(|(data_type, value)| Attribute { data_type, value });
        proptest::collection::btree_map(any::<String>(), attribute, 0..10)
    }

    proptest! {
        #[test]
        fn a_body_survives_its_packing(payload in any::<String>(), times in 1..200_usize, attributes in attributes()) {
            let payload = payload.repeat(times);
            let packed = Packed::of(&payload, &attributes);
            prop_assert_eq!(Packed::open(packed.codec, &packed.bytes), Ok((payload, attributes)));
        }

        #[test]
        fn bytes_that_are_no_body_are_told_and_never_crash(bytes in any::<Vec<u8>>(), with in attributes()) {
            let _ = Packed::open(Codec::None, &bytes);
            let _ = Packed::open(Codec::Zlib, &bytes);
            let mut framed = frame("body", &with);
            framed.truncate(framed.len() / 2);
            let _ = unframe(&framed);
            framed.insert(0, VERSION);
            let _ = unframe(&framed);
        }
    }

    #[test]
    fn what_is_larger_compressed_stays_as_it_is() {
        let packed = Packed::of("x", &Attributes::new());
        assert_eq!((packed.codec, packed.bytes.len()), (Codec::None, 6));
        let packed = Packed::of(&"order ".repeat(1_000), &Attributes::new());
        assert!(packed.codec == Codec::Zlib && packed.bytes.len() < 100);
    }

    #[test]
    fn a_body_that_claims_to_be_endless_is_damaged() {
        let bomb = compress_to_vec_zlib(&vec![0; FRAME_LIMIT + 1], 1);
        assert_eq!(Packed::open(Codec::Zlib, &bomb), Err("its compressed bytes are damaged"));
    }
}
