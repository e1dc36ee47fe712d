//! Envelopes in which the bodies of each queue are wrapped, as the replay function is configured.

use std::collections::{BTreeMap, HashMap};

use redrive_core::ids::QueueArn;
use redrive_core::message::wrapping::Wrapping;
use serde_json::Value;

/// The wrapping of each main queue, by its ARN. A queue that is not told of has none.
#[derive(Debug, Default)]
pub(crate) struct Wrappings(BTreeMap<String, Wrapping>);

impl Wrappings {
    /// Reads the environment of the replay function; `None` if the list of queues is in a file, or is not understood.
    pub(crate) fn read(variables: &HashMap<String, String>) -> Option<Self> {
        let variable = |name: &str| variables.get(name).map(|text| text.trim()).filter(|text| !text.is_empty());
        let Some(list) = variable("QUEUE_PAIRS") else {
            let wrapping = Wrapping::parse(variable("BODY_WRAPPING").unwrap_or("none"))?;
            return Some(Self([(variable("MAIN_QUEUE_ARN")?.to_owned(), wrapping)].into()));
        };
        let list: Value = serde_json::from_str(list).ok()?;
        let pair = |pair: &Value| {
            let wrapping = pair.get("body_wrapping").map_or(Some("none"), Value::as_str)?;
            Some((pair.get("source_arn")?.as_str()?.to_owned(), Wrapping::parse(wrapping)?))
        };
        list.get("pairs")?.as_array()?.iter().map(pair).collect::<Option<_>>().map(Self)
    }

    /// The wrapping of a queue.
    pub(crate) fn of(&self, source: &QueueArn) -> Wrapping {
        self.0.get(source.as_str()).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Option<Wrappings> {
        Wrappings::read(&variables.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect())
    }

    #[test]
    fn each_queues_wrapping_is_read_from_its_own_variable_or_from_the_list() {
        let of = |wrappings: &Wrappings, name: &str| wrappings.of(&QueueArn::new(name).unwrap());
        let single = read(&[("MAIN_QUEUE_ARN", "arn:aws:sqs:eu-west-1:1:a"), ("BODY_WRAPPING", "sns")]).unwrap();
        assert_eq!(of(&single, "arn:aws:sqs:eu-west-1:1:a"), Wrapping::Sns);
        let list = r#"{"pairs":[{"source_arn":"arn:aws:sqs:eu-west-1:1:a","body_wrapping":"eventbridge"},
            {"source_arn":"arn:aws:sqs:eu-west-1:1:b"}]}"#;
        let listed = read(&[("QUEUE_PAIRS", list)]).unwrap();
        let both = ["arn:aws:sqs:eu-west-1:1:a", "arn:aws:sqs:eu-west-1:1:b"].map(|name| of(&listed, name));
        assert_eq!(both, [Wrapping::EventBridge, Wrapping::None]);
        assert!(read(&[("QUEUE_PAIRS_FILE", "pairs.json")]).is_none() && read(&[("QUEUE_PAIRS", "{}")]).is_none());
    }
}
