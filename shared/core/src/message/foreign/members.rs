//! The members of a JSON object as slices of its text: what is sent again must be what stood there, byte by byte.

use serde::de::{DeserializeOwned, IgnoredAny};

/// A JSON object's members in their order: each name, and the text of its value.
#[derive(Debug)]
pub(super) struct Members<'a>(Vec<(String, &'a str)>);

impl<'a> Members<'a> {
    /// Reads a text that is one JSON object. `None` for anything else, and for an object with a name that stands twice: two
    /// readers would not agree on its value.
    pub(super) fn of(text: &'a str) -> Option<Self> {
        let mut rest = text.trim_ascii_start().strip_prefix('{')?.trim_ascii_start();
        let mut members: Vec<(String, &str)> = Vec::new();
        while !rest.starts_with('}') {
            if !members.is_empty() {
                rest = rest.strip_prefix(',')?;
            }
            let (name, after) = first::<String>(rest)?;
            let after = after.trim_ascii_start().strip_prefix(':')?.trim_ascii_start();
            let (_, left) = first::<IgnoredAny>(after)?;
            if members.iter().any(|(known, _)| *known == name) {
                return None;
            }
            members.push((name, &after[..after.len() - left.len()]));
            rest = left.trim_ascii_start();
        }
        rest[1..].trim_ascii().is_empty().then_some(Self(members))
    }

    /// The text of a member's value.
    pub(super) fn raw(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| *value)
    }

    /// A member's value, if it is what is wanted.
    pub(super) fn read<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        serde_json::from_str(self.raw(name)?).ok()
    }

    /// The names of all members.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }
}

/// The value with which a text begins, and the text after it.
fn first<T: DeserializeOwned>(text: &str) -> Option<(T, &str)> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<T>();
    let value = values.next()?.ok()?;
    Some((value, text.get(values.byte_offset()..)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_value_is_told_as_it_stands_there() {
        let text = "\n { \"a\" : 1.0e400, \"b\\u0041\":[ 1 ,2 ] , \"c\":\"}\\\",{\" ,\"d\" :\t{\"d\": 12345678901234567890123 }\t}\r\n";
        let members = Members::of(text).unwrap();
        assert_eq!(members.names().collect::<Vec<_>>(), ["a", "bA", "c", "d"]);
        let values = ["a", "bA", "c", "d"].map(|name| members.raw(name).unwrap());
        assert_eq!(values, ["1.0e400", "[ 1 ,2 ]", "\"}\\\",{\"", "{\"d\": 12345678901234567890123 }"]);
        assert_eq!(members.read::<String>("c").as_deref(), Some("}\",{"));
        assert!(Members::of("{}").unwrap().raw("a").is_none());
    }

    #[test]
    fn what_is_no_object_or_has_a_name_twice_has_no_members() {
        for text in [
            "",
            "[]",
            "{",
            "{\"a\"}",
            "{\"a\":1,}",
            "{\"a\":1}x",
            "{\"a\":1 \"b\":2}",
            "{,\"a\":1}",
            "{\"a\":1,\"\\u0061\":2}",
        ] {
            assert!(Members::of(text).is_none(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_object_is_cut_where_its_own_reader_cuts_it(names in proptest::collection::btree_map(".*", ".*", 0..5)) {
            let text = serde_json::to_string(&names).unwrap();
            let members = Members::of(&text).unwrap();
            for (name, value) in &names {
                prop_assert_eq!(members.read::<String>(name), Some(value.clone()));
            }
        }

        #[test]
        fn any_text_is_read_without_a_crash(text in "[{}\\[\\]:,\"a0\\\\ ]*") {
            prop_assert!(Members::of(&text).is_none() || serde_json::from_str::<IgnoredAny>(&text).is_ok());
        }
    }
}
