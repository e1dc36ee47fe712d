//! Queues that an indexer of ours is configured with.

use std::collections::BTreeMap;

use serde_json::Value;

/// A main queue, and whether the indexer empties its dead-letter queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Indexed {
    /// The main queue's ARN.
    pub source: String,
    /// True if the indexer empties the dead-letter queue.
    pub custody: bool,
}

impl Indexed {
    /// Reads the indexer's environment; `None` if the list is not in it (a file has it), or is not understood.
    #[must_use]
    pub fn read(variables: &BTreeMap<String, String>) -> Option<Vec<Self>> {
        let value_of = |name: &str| variables.get(name).map(|value| value.trim()).filter(|value| !value.is_empty());
        let Some(list) = value_of("QUEUE_PAIRS") else {
            let custody = value_of("CUSTODY").is_none_or(|custody| custody == "on");
            return value_of("MAIN_QUEUE_ARN").map(|source| vec![Self { source: source.to_owned(), custody }]);
        };
        let list: Value = serde_json::from_str(list).ok()?;
        let pairs = list.get("pairs")?.as_array()?.iter().map(|pair| {
            let custody = pair.get("custody").and_then(Value::as_bool).unwrap_or(false);
            Some(Self { source: pair.get("source_arn")?.as_str()?.to_owned(), custody })
        });
        pairs.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Option<Vec<(String, bool)>> {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let pairs = Indexed::read(&variables)?;
        Some(pairs.into_iter().map(|pair| (pair.source, pair.custody)).collect())
    }

    #[test]
    fn a_single_pair_is_in_custody_unless_it_is_said_and_one_of_a_list_only_if_it_is_said() {
        assert_eq!(read(&[("MAIN_QUEUE_ARN", "a")]), Some(vec![("a".to_owned(), true)]));
        assert_eq!(read(&[("MAIN_QUEUE_ARN", "a"), ("CUSTODY", "off")]), Some(vec![("a".to_owned(), false)]));
        let list = r#"{"pairs":[{"source_arn":"a","custody":true},{"source_arn":"b"}]}"#;
        assert_eq!(read(&[("QUEUE_PAIRS", list)]), Some(vec![("a".to_owned(), true), ("b".to_owned(), false)]));
    }

    #[test]
    fn a_list_that_is_elsewhere_or_is_none_is_not_guessed() {
        for variables in [
            &[][..],
            &[("QUEUE_PAIRS_FILE", "pairs.json")],
            &[("QUEUE_PAIRS", "{}")],
            &[("QUEUE_PAIRS", r#"{"pairs":[{}]}"#)],
        ] {
            assert_eq!(read(variables), None);
        }
    }
}
