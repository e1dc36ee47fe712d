//! Items of DynamoDB to and from the structs that say how they are stored.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// An item as the SDK has it.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// A struct as an item.
pub(crate) fn encode<T: Serialize>(stored: T) -> Result<Item, String> {
    serde_dynamo::to_item(stored).map_err(|_| "the item could not be encoded".to_owned())
}

/// A struct as an item that lacks what is null in the struct.
pub(crate) fn encode_present<T: Serialize>(stored: T) -> Result<Item, String> {
    encode(stored).map(without_nulls)
}

fn without_nulls(item: Item) -> Item {
    item.into_iter().filter_map(|(name, value)| Some((name, present(value)?))).collect()
}

/// The value without what is null in it, if it is not null itself.
fn present(value: AttributeValue) -> Option<AttributeValue> {
    match value {
        AttributeValue::Null(_) => None,
        AttributeValue::M(map) => Some(AttributeValue::M(without_nulls(map))),
        AttributeValue::L(list) => Some(AttributeValue::L(list.into_iter().filter_map(present).collect())),
        other => Some(other),
    }
}

/// An item as a struct. The error names the attribute that is missing or not as it should be, and no value: an item
/// that is not ours may hold anything.
pub(crate) fn decode<T: DeserializeOwned>(item: Item) -> Result<T, String> {
    let map = item.into_iter().map(|(name, value)| (name, value.into())).collect();
    let reader = serde_dynamo::Deserializer::from_attribute_value(serde_dynamo::AttributeValue::M(map));
    serde_path_to_error::deserialize(reader).map_err(|error| {
        let path = error.path().to_string();
        let inner = error.into_inner().to_string();
        match inner.strip_prefix("missing field `").and_then(|rest| rest.split_once('`')) {
            Some((field, _)) if path == "." => format!("the item lacks {field}"),
            Some((field, _)) => format!("the item lacks {field} in {path}"),
            None => format!("the item's {path} is not as it was written"),
        }
    })
}

/// Makes a string attribute.
pub(crate) fn text(text: impl ToString) -> AttributeValue {
    AttributeValue::S(text.to_string())
}

/// Makes a number attribute.
pub(crate) fn number(number: impl Into<i128>) -> AttributeValue {
    AttributeValue::N(number.into().to_string())
}

/// The string that an attribute holds.
pub(crate) fn text_of<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name).and_then(|value| value.as_s().ok()).map(String::as_str)
}

/// A size as DynamoDB reckons it.
pub(crate) fn size(item: &Item) -> usize {
    item.iter().map(|(name, value)| name.len() + value_size(value)).sum()
}

fn value_size(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::N(digits) => digits.trim_start_matches('-').len().div_ceil(2) + 1,
        AttributeValue::B(blob) => blob.as_ref().len(),
        AttributeValue::L(list) => 3 + list.iter().map(|value| 1 + value_size(value)).sum::<usize>(),
        AttributeValue::M(map) => 3 + map.len() + size(map),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Serialize, Deserialize)]
    struct Stored {
        pk: String,
        parts: Vec<Part>,
    }

    #[derive(Debug, Serialize, Deserialize)]
    struct Part {
        at: u64,
    }

    #[test]
    fn an_item_that_is_not_ours_is_told_by_attribute_and_never_by_value() {
        let part = |name: &str, value| AttributeValue::M(HashMap::from([(name.to_owned(), value)]));
        let with =
            |part| HashMap::from([("pk".to_owned(), text("k")), ("parts".to_owned(), AttributeValue::L(vec![part]))]);
        let told = |item| decode::<Stored>(item).unwrap_err();
        assert_eq!(told(HashMap::new()), "the item lacks pk");
        assert_eq!(told(with(part("at", text("secret")))), "the item's parts[0].at is not as it was written");
        assert_eq!(told(with(part("to", number(1)))), "the item lacks at in parts[0]");
        assert_eq!(told(HashMap::from([("pk".to_owned(), number(7))])), "the item's pk is not as it was written");
    }

    #[test]
    fn what_is_null_is_left_out_of_an_item_at_any_depth() {
        #[derive(Serialize)]
        struct Inner {
            at: Option<u64>,
            to: Option<u64>,
        }
        let inner = || Inner { at: Some(1), to: None };
        let item = encode_present(HashMap::from([("some", Some(vec![inner(), inner()])), ("none", None)])).unwrap();
        let kept = AttributeValue::M(HashMap::from([("at".to_owned(), number(1))]));
        assert_eq!(item, HashMap::from([("some".to_owned(), AttributeValue::L(vec![kept.clone(), kept]))]));
    }

    #[test]
    fn a_size_counts_names_values_and_the_overhead_of_lists_and_maps() {
        let item = encode(Stored { pk: "four".to_owned(), parts: vec![Part { at: 1_763_787_600_123 }] }).unwrap();
        assert_eq!(size(&item), (2 + 4) + (5 + 3 + 1) + (3 + 1) + (2 + 8));
    }
}
