//! Filter of letters by what they are and when they changed.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::{LetterId, QueueArn};
use crate::letters::candidate::Candidate;
use crate::letters::fingerprint::{is_cause, is_family};
use crate::letters::letter::{ErrorType, Letter, Status};
use crate::letters::listing::Listing;
use crate::letters::reason::other_name;
use crate::time::Timestamp;

/// Time after which a change is in the table, and in its indexes, or never will be. A letter's own time is that of its writer, from
/// before the write: the call ends after ten seconds, clocks differ by five, and an index is behind by seconds.
pub const IN_FLIGHT: Duration = Duration::from_secs(300);
/// Most letters that a filter names as recent: they stand in a job's head.
pub const RECENT: usize = 500;
/// The most bytes of a filter's texts: a cause may be long, and a filter stands in a job's head.
const TEXT_LIMIT: usize = 2_048;
/// SQS is younger than this (2004-01-01): nothing failed before.
const NOTHING_BEFORE: Timestamp = Timestamp::from_millis(1_072_915_200_000);
/// No letter has died so often.
const MANY_DEATHS: u32 = 1_000_000;

/// Filter of letters: all the given fields must fit; at least one is given.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Value that `error_type` must have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_type: Option<ErrorType>,
    /// Value that `error_code` must have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// Cause, or family of causes, of the letter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// The queue that it came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_topic: Option<QueueArn>,
    /// Lower limit of the last failure's time, itself included (RFC 3339).
    #[serde(default, with = "instant", skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Upper limit of the last failure's time, itself excluded (RFC 3339).
    #[serde(default, with = "instant", skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Least number of deaths.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_deaths: Option<u32>,
    /// Greatest number of deaths.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_deaths: Option<u32>,
    /// The version of the function in which its last attempt failed: what a newer version has mended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function_version: Option<String>,
    /// A part of the error's text, in any case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Instant (RFC 3339) at which somebody looked: the letters that were there by then, and have not changed otherwise (but for
    /// notes). The letter alone tells, by its own time, and not an index. A change shortly before (see [`IN_FLIGHT`]) may have been on
    /// its way then: such a letter is meant only if it is `recent`.
    #[serde(default, with = "instant", skip_serializing_if = "Option::is_none")]
    pub as_of: Option<Timestamp>,
    /// Letters that had changed shortly before `as_of`, each in the version that was shown.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub recent: BTreeMap<LetterId, u64>,
    /// Instant at which the letters were asked for where no `as_of` is given. The function sets it.
    #[serde(default, with = "instant", skip_serializing_if = "Option::is_none")]
    pub asked_at: Option<Timestamp>,
}

impl Filter {
    /// Returns true if a letter is as it was at the filter's instant.
    pub(super) fn is_unchanged(&self, letter: &Letter) -> bool {
        self.is_unchanged_at(letter.id, letter.changed_at(), letter.version)
    }

    /// Returns true if a letter that changed last at `changed`, and has this version, is as it was at the filter's instant.
    #[must_use]
    pub fn is_unchanged_at(&self, letter: LetterId, changed: Timestamp, version: u64) -> bool {
        match self.as_of {
            Some(at) => changed.after(IN_FLIGHT) <= at || self.recent.get(&letter) == Some(&version),
            // Nobody was shown anything: what is on its way then may be meant or not.
            None => self.asked_at.is_none_or(|at| changed <= at),
        }
    }

    /// Returns true if a candidate fits.
    #[must_use]
    pub fn fits(&self, candidate: &Candidate) -> bool {
        let same =
            |wanted: &Option<String>, found: Option<&str>| wanted.as_deref().is_none_or(|wanted| found == Some(wanted));
        let is_code =
            |code: Option<&str>| same(&self.error_code, code) || same(&self.error_code, code.and_then(other_name));
        let contains = |text: &String| candidate.error_message.to_lowercase().contains(&text.to_lowercase());
        self.error_type.is_none_or(|wanted| wanted == candidate.error_type)
            && is_code(candidate.error_code.as_deref())
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

    /// Returns the shortest listing that holds every letter of a status that fits.
    #[must_use]
    pub fn listing(&self, status: Status) -> Listing<'_> {
        match self.one_cause() {
            Some(fingerprint) => Listing::Cause { fingerprint, status: Some(status) },
            None => Listing::all(status),
        }
    }

    /// Returns true if the filter has no field.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Returns true if none of its fields leaves out any letter at `now`: it has none, or only such as a script's empty
    /// variable makes.
    #[must_use]
    pub fn chooses_all(&self, now: Timestamp) -> bool {
        let excluding = Self {
            since: self.since.filter(|since| *since > NOTHING_BEFORE),
            until: self.until.filter(|until| *until <= now),
            min_deaths: self.min_deaths.filter(|least| *least > 1),
            max_deaths: self.max_deaths.filter(|most| *most < MANY_DEATHS),
            text: self.text.clone().filter(|text| !text.is_empty()),
            as_of: None,
            asked_at: None,
            recent: BTreeMap::new(),
            ..self.clone()
        };
        excluding.is_empty()
    }

    /// Returns the first field that is wrong, and what it must be.
    #[must_use]
    pub fn wrong(&self) -> Option<(&'static str, &'static str)> {
        if self.text.as_ref().is_some_and(|text| text.trim().is_empty()) {
            return Some(("text", "a part of an error text, and not blank"));
        }
        if self.asked_at.is_some() {
            return Some(("asked_at", "left out: the function sets it"));
        }
        if !self.recent.is_empty() && self.as_of.is_none() || self.recent.len() > RECENT {
            return Some(("recent", "at most 500 letters, with the as_of at which they were shown"));
        }
        let texts = [
            ("text", &self.text),
            ("error_code", &self.error_code),
            ("fingerprint", &self.fingerprint),
            ("function_version", &self.function_version),
        ];
        let long = |text: &Option<String>| text.as_ref().is_some_and(|text| text.len() > TEXT_LIMIT);
        texts.into_iter().find(|(_, text)| long(text)).map(|(field, _)| (field, "at most 2,048 bytes"))
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
    use crate::ids::{MessageId, ReplayNumber, Scope};
    use crate::letters::letter::Status;

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
            number: ReplayNumber(1),
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
            (r#"{"as_of":"1970-01-01T00:00:00Z"}"#, r#"{"as_of":"1970-01-01T00:00:00Z","text":"JPY"}"#),
        ] {
            assert!(fits(fitting), "{fitting}");
            assert!(!fits(leaving), "{leaving}");
            let both: Filter = serde_json::from_str(fitting).unwrap();
            assert_eq!(serde_json::from_str::<Filter>(&serde_json::to_string(&both).unwrap()).unwrap(), both);
        }
        assert!(!fits(r#"{"error_type":"PERMANENT","min_deaths":3}"#), "all of them must fit");
    }

    #[test]
    fn a_filter_means_a_code_by_its_former_name_too() {
        let full = |code: &str| Candidate { error_code: Some(code.to_owned()), ..candidate() };
        for (wanted, code) in [("too-many-lives", "too-many-enqueues"), ("too-many-enqueues", "too-many-lives")] {
            let filter = Filter { error_code: Some(wanted.to_owned()), ..Filter::default() };
            assert!(filter.fits(&full(code)) && filter.fits(&full(wanted)), "{wanted}");
            assert!(!filter.fits(&candidate()), "{wanted}");
        }
    }

    #[test]
    fn a_filter_whose_fields_exclude_nothing_chooses_all() {
        let now = Timestamp::from_rfc3339("2026-11-29T12:00:00Z").unwrap();
        let chooses_all = |select: &str| serde_json::from_str::<Filter>(select).unwrap().chooses_all(now);
        for all in [
            "{}",
            r#"{"text":""}"#,
            r#"{"min_deaths":0}"#,
            r#"{"as_of":"2026-11-29T11:00:00Z"}"#,
            r#"{"min_deaths":1}"#,
            r#"{"max_deaths":4294967295}"#,
            r#"{"since":"1970-01-01T00:00:00Z"}"#,
            r#"{"until":"9999-12-31T23:59:59Z"}"#,
            r#"{"until":"2026-11-29T12:00:01Z"}"#,
            r#"{"text":"","min_deaths":0,"max_deaths":4294967295,"since":"1970-01-01T00:00:00Z","until":"2030-01-01T00:00:00Z"}"#,
        ] {
            assert!(chooses_all(all), "{all}");
        }
        for some in [
            r#"{"text":"CHF"}"#,
            r#"{"min_deaths":2}"#,
            r#"{"max_deaths":3}"#,
            r#"{"since":"2026-11-29T11:00:00Z"}"#,
            r#"{"until":"2026-11-29T12:00:00Z"}"#,
            r#"{"error_type":"SCHEMA"}"#,
            r#"{"source_topic":"arn:aws:sqs:us-east-1:1:orders","text":""}"#,
        ] {
            assert!(!chooses_all(some), "{some}");
        }
    }

    #[test]
    fn a_blank_text_and_an_oversized_field_are_named() {
        let wrong = |filter: Filter| filter.wrong().map(|(field, _)| field);
        for blank in ["", " ", "\n"] {
            assert_eq!(wrong(Filter { text: Some(blank.to_owned()), ..Filter::default() }), Some("text"));
        }
        let long = Some("x".repeat(2_049));
        assert_eq!(wrong(Filter { text: long.clone(), ..Filter::default() }), Some("text"));
        assert_eq!(wrong(Filter { error_code: long.clone(), ..Filter::default() }), Some("error_code"));
        assert_eq!(wrong(Filter { fingerprint: long, ..Filter::default() }), Some("fingerprint"));
        assert_eq!(wrong(Filter { fingerprint: Some("x".repeat(2_048)), ..Filter::default() }), None);
    }

    #[test]
    fn letters_that_changed_shortly_before_stand_with_an_instant_and_the_functions_own_is_refused() {
        let wrong = |select: &str| serde_json::from_str::<Filter>(select).unwrap().wrong().map(|(field, _)| field);
        let recent = format!(r#""text":"x","recent":{{"{}":1}}"#, candidate().id);
        assert_eq!(wrong(&format!("{{{recent}}}")), Some("recent"));
        assert_eq!(wrong(&format!(r#"{{{recent},"as_of":"2026-11-29T12:00:00Z"}}"#)), None);
        assert_eq!(wrong(r#"{"text":"x","asked_at":"2026-11-29T12:00:00Z"}"#), Some("asked_at"));
    }
}
