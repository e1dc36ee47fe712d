//! Which letters a request means.

use serde::{Deserialize, Serialize};

use crate::fingerprint::{is_cause, is_family};
use crate::ids::{LetterId, Number, QueueArn, Scope};
use crate::key::Key;
use crate::letter::{ErrorType, Letter, Status};
use crate::text::capped;
use crate::time::Timestamp;

/// The most bytes of an error text that an index carries.
const MESSAGE_LIMIT: usize = 256;

/// Which letters. Only PENDING ones are ever touched (DISCARDED ones, to restore them).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Selection {
    /// These.
    Ids(Vec<LetterId>),
    /// All that fit the filter.
    #[serde(rename = "select")]
    Filter(Filter),
}

impl Selection {
    /// The one queue that it names, if it does.
    #[must_use]
    pub const fn source(&self) -> Option<&QueueArn> {
        match self {
            Self::Ids(_) => None,
            Self::Filter(filter) => filter.source_topic.as_ref(),
        }
    }
}

/// All the given fields must fit; at least one is given.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// The letter's `error_type`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_type: Option<ErrorType>,
    /// Its `error_code`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// Its cause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// The queue that it came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_topic: Option<QueueArn>,
    /// It failed last at this instant or later (RFC 3339).
    #[serde(default, with = "instant", skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// It failed last before this instant (RFC 3339).
    #[serde(default, with = "instant", skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// It died at least so often.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_deaths: Option<u32>,
    /// It died at most so often.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_deaths: Option<u32>,
    /// The version of the function in which its last attempt failed: what a newer version has mended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function_version: Option<String>,
    /// A part of the error's text, in any case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// What an index knows of a letter: enough to list it, and to ask the ledger about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Which letter.
    pub id: LetterId,
    /// Where it stands.
    pub status: Status,
    /// When it is due.
    pub due: Timestamp,
    /// Why it died.
    pub error_type: ErrorType,
    /// The fault's code.
    pub error_code: Option<String>,
    /// The beginning of the fault's text.
    pub error_message: String,
    /// Its cause.
    pub fingerprint: String,
    /// The queue that it came from.
    pub source: QueueArn,
    /// When the first attempt failed.
    pub first_failed_at: Timestamp,
    /// When the last one did.
    pub last_failed_at: Timestamp,
    /// How often it died.
    pub deaths: u32,
    /// How often it was claimed for a replay.
    pub number: Number,
    /// The version of the function in which its last attempt failed.
    pub function_version: Option<String>,
    /// Its message group.
    pub group: Option<String>,
    /// Its place in a FIFO queue.
    pub sequence: Option<String>,
    /// Its idempotency key, to find out in the ledger whether it is done by now.
    pub key: Option<Key>,
    /// The ledger's scope.
    pub scope: Scope,
}

impl Candidate {
    /// What an index would show of this letter if it were up to date.
    #[must_use]
    pub fn of(letter: &Letter) -> Self {
        Self {
            id: letter.id,
            status: letter.status,
            due: letter.due,
            error_type: letter.reason.error_type,
            error_code: letter.reason.error_code.clone(),
            error_message: capped(&letter.reason.error_message, MESSAGE_LIMIT),
            fingerprint: letter.fingerprint.clone(),
            source: letter.source.clone(),
            first_failed_at: letter.reason.first_failed_at,
            last_failed_at: letter.reason.last_failed_at,
            deaths: letter.deaths,
            number: letter.number,
            function_version: letter.function_version().map(str::to_owned),
            group: letter.group.clone(),
            sequence: letter.sequence.clone(),
            key: letter.key.clone(),
            scope: letter.scope.clone(),
        }
    }
}

impl Filter {
    /// Whether a candidate fits.
    #[must_use]
    pub fn fits(&self, candidate: &Candidate) -> bool {
        let same =
            |wanted: &Option<String>, found: Option<&str>| wanted.as_deref().is_none_or(|wanted| found == Some(wanted));
        let contains = |text: &String| candidate.error_message.to_lowercase().contains(&text.to_lowercase());
        self.error_type.is_none_or(|wanted| wanted == candidate.error_type)
            && same(&self.error_code, candidate.error_code.as_deref())
            && self.fingerprint.as_ref().is_none_or(|wanted| is_cause(&candidate.fingerprint, wanted))
            && same(&self.function_version, candidate.function_version.as_deref())
            && self.source_topic.as_ref().is_none_or(|wanted| *wanted == candidate.source)
            && self.since.is_none_or(|since| candidate.last_failed_at >= since)
            && self.until.is_none_or(|until| candidate.last_failed_at < until)
            && self.min_deaths.is_none_or(|least| candidate.deaths >= least)
            && self.max_deaths.is_none_or(|most| candidate.deaths <= most)
            && self.text.as_ref().is_none_or(contains)
    }

    /// The one cause whose letters the index has in one place, if it names one: a family of causes has several.
    #[must_use]
    pub fn one_cause(&self) -> Option<&str> {
        self.fingerprint.as_deref().filter(|wanted| !is_family(wanted))
    }

    /// Whether it has no field, and so would choose every letter.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A time as people write it, or none.
mod instant {
    use serde::de::{Error, Unexpected};
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::time::Timestamp;

    #[expect(clippy::ref_option, reason = "serde hands over a reference to the field")]
    pub(super) fn serialize<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
        match at {
            Some(at) => serializer.serialize_str(&at.to_rfc3339()),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(reader: D) -> Result<Option<Timestamp>, D::Error> {
        let Some(text) = Option::<String>::deserialize(reader)? else { return Ok(None) };
        let wrong =
            || D::Error::invalid_value(Unexpected::Other("text"), &"a time like 2026-11-22T13:00:00Z (RFC 3339)");
        Timestamp::from_rfc3339(&text).ok_or_else(wrong).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::MessageId;

    fn candidate() -> Candidate {
        let source = QueueArn::new("arn:aws:sqs:us-east-1:1:orders").unwrap();
        Candidate {
            id: LetterId::derive(&source, &MessageId::new("m").unwrap()),
            status: Status::Pending,
            due: Timestamp::NEVER,
            error_type: ErrorType::Permanent,
            error_code: Some("currency".to_owned()),
            error_message: "Currency CHF is not supported".to_owned(),
            fingerprint: "PERMANENT/currency".to_owned(),
            source,
            first_failed_at: Timestamp::from_millis(1_000),
            last_failed_at: Timestamp::from_millis(2_000),
            deaths: 2,
            number: Number(1),
            function_version: Some("41".to_owned()),
            group: None,
            sequence: None,
            key: None,
            scope: Scope::new("main").unwrap(),
        }
    }

    fn fits(select: &str) -> bool {
        serde_json::from_str::<Filter>(select).unwrap().fits(&candidate())
    }

    #[test]
    fn every_field_of_a_filter_chooses_what_it_says_and_leaves_the_rest() {
        for (fitting, leaving) in [
            (r#"{"error_type":"PERMANENT"}"#, r#"{"error_type":"SCHEMA"}"#),
            (r#"{"error_code":"currency"}"#, r#"{"error_code":"curr"}"#),
            (r#"{"fingerprint":"PERMANENT/currency"}"#, r#"{"fingerprint":"PERMANENT/other"}"#),
            (
                r#"{"source_topic":"arn:aws:sqs:us-east-1:1:orders"}"#,
                r#"{"source_topic":"arn:aws:sqs:us-east-1:1:refunds"}"#,
            ),
            (r#"{"since":"1970-01-01T00:00:02Z"}"#, r#"{"since":"1970-01-01T00:00:02.001Z"}"#),
            (r#"{"until":"1970-01-01T00:00:02.001Z"}"#, r#"{"until":"1970-01-01T00:00:02Z"}"#),
            (r#"{"min_deaths":2}"#, r#"{"min_deaths":3}"#),
            (r#"{"max_deaths":2}"#, r#"{"max_deaths":1}"#),
            (r#"{"function_version":"41"}"#, r#"{"function_version":"42"}"#),
            (r#"{"text":"chf IS not"}"#, r#"{"text":"JPY"}"#),
        ] {
            assert!(fits(fitting), "{fitting}");
            assert!(!fits(leaving), "{leaving}");
            let both: Filter = serde_json::from_str(fitting).unwrap();
            assert_eq!(serde_json::from_str::<Filter>(&serde_json::to_string(&both).unwrap()).unwrap(), both);
        }
        assert!(!fits(r#"{"error_type":"PERMANENT","min_deaths":3}"#), "all of them must fit");
    }
}
