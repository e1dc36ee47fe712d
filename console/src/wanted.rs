//! Filters as an address carries them: what a page of letters, and an act on them, is about.

use redrive_core::letters::letter::{ErrorType, Status};
use redrive_core::replay::Filter;
use redrive_core::time::Timestamp;
use redrive_operator::written;

use crate::fields::{Fields, query};

/// Names of the filters in an address, as the command's options are named.
pub(crate) const NAMES: [&str; 10] =
    ["cause", "type", "code", "queue", "since", "until", "min-deaths", "max-deaths", "version", "text"];
/// The statuses, as an address names them.
pub(crate) const STATUSES: [(&str, Status); 5] = [
    ("pending", Status::Pending),
    ("replaying", Status::Replaying),
    ("replayed", Status::Replayed),
    ("resolved", Status::Resolved),
    ("discarded", Status::Discarded),
];

/// Filters as they were written, beside what they mean.
#[derive(Debug, Clone)]
pub(crate) struct Wished {
    pub(crate) filter: Filter,
    pub(crate) statuses: Vec<Status>,
    written: Vec<(&'static str, String)>,
}

impl Wished {
    /// Reads the filters of an address or a form; without a status those that somebody may act on.
    pub(crate) fn read(fields: &Fields, now: Timestamp) -> Result<Self, String> {
        let text = |name: &str| fields.get(name).map(str::to_owned);
        let number = |name: &str| match fields.get(name).map(str::parse) {
            None => Ok(None),
            Some(Ok(number)) => Ok(Some(number)),
            Some(Err(_)) => Err(format!("{name} must be a number")),
        };
        let time = |name: &str| {
            let read = fields.get(name).map(|text| written::time(name, text, now));
            read.transpose().map_err(|why| why.to_string())
        };
        let class = fields.get("type").map(|word| {
            let known = ErrorType::parse(&word.to_uppercase().replace('-', "_"));
            known.ok_or_else(|| {
                "type must be one of TRANSIENT, PERMANENT, TIMEOUT, SCHEMA, NEVER_RAN, UNKNOWN".to_owned()
            })
        });
        let queue = fields.get("queue").map(|queue| written::queue("queue", queue, &[]).map_err(|why| why.to_string()));
        let filter = Filter {
            error_type: class.transpose()?,
            error_code: text("code"),
            fingerprint: text("cause"),
            source_topic: queue.transpose()?,
            since: time("since")?,
            until: time("until")?,
            min_deaths: number("min-deaths")?,
            max_deaths: number("max-deaths")?,
            function_version: text("version"),
            text: text("text"),
            ..Filter::default()
        };
        if let Some((field, must)) = filter.wrong() {
            return Err(format!("{field} must be {must}"));
        }
        let statuses = match fields.get("status") {
            None | Some("open") => vec![Status::Pending, Status::Replaying, Status::Replayed],
            Some("any") => STATUSES.iter().map(|(_, status)| *status).collect(),
            Some(word) => match STATUSES.iter().find(|(name, _)| *name == word) {
                Some((_, status)) => vec![*status],
                None => {
                    return Err(
                        "status must be open, any, pending, replaying, replayed, resolved or discarded".to_owned()
                    );
                }
            },
        };
        let mut written: Vec<_> = NAMES.iter().filter_map(|name| Some((*name, text(name)?))).collect();
        written.extend(text("status").map(|status| ("status", status)));
        Ok(Self { filter, statuses, written })
    }

    /// The same filters in every status.
    pub(crate) fn in_any_status(self) -> Self {
        Self { statuses: STATUSES.iter().map(|(_, status)| *status).collect(), ..self }
    }

    /// Returns a filter as it was written; empty if it was not.
    pub(crate) fn written(&self, name: &str) -> &str {
        self.written.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value.as_str())
    }

    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.written.iter().map(|(name, value)| (*name, value.as_str()))
    }

    /// Makes an address with these filters, and others before them.
    pub(crate) fn address(&self, path: &str, before: &[(&str, &str)]) -> String {
        query(path, before.iter().copied().chain(self.pairs()))
    }

    /// Says the selection in words.
    pub(crate) fn words(&self) -> String {
        let filters: Vec<_> =
            self.pairs().filter(|(name, _)| *name != "status").map(|(name, value)| format!("{name} {value}")).collect();
        if filters.is_empty() { "all letters".to_owned() } else { filters.join(", ") }
    }

    /// Returns the options of the command that choose the same.
    pub(crate) fn options(&self) -> String {
        let filters = self.pairs().filter(|(name, _)| *name != "status");
        filters.map(|(name, value)| format!(" --{name} {}", quoted(value))).collect()
    }
}

/// Quotes a word for a POSIX shell.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_795_352_400_000);

    #[test]
    fn an_address_says_what_was_read_from_it() {
        let fields = Fields::read(b"cause=PERMANENT%2Fcurrency&type=permanent&since=3h&min-deaths=2&status=any&x=y");
        let wished = Wished::read(&fields, NOW).unwrap();
        assert_eq!(wished.statuses.len(), 5);
        assert_eq!(wished.filter.min_deaths, Some(2));
        let address = wished.address("/search", &[]);
        assert_eq!(address, "/search?cause=PERMANENT%2Fcurrency&type=permanent&since=3h&min-deaths=2&status=any");
        assert_eq!(wished.options(), " --cause PERMANENT/currency --type permanent --since 3h --min-deaths 2");
    }

    #[test]
    fn a_filter_that_cannot_be_read_is_told_by_its_name() {
        for (wrong, name) in [
            ("type=bad", "type"),
            ("since=yesterday", "since"),
            ("max-deaths=-1", "max-deaths"),
            ("status=dead", "status"),
        ] {
            let why = Wished::read(&Fields::read(wrong.as_bytes()), NOW).unwrap_err();
            assert!(why.starts_with(name), "{why}");
        }
    }

    #[test]
    fn what_a_message_says_stays_one_word_of_a_shell() {
        assert_eq!(quoted("a'; rm -rf / #"), r"'a'\''; rm -rf / #'");
        assert_eq!((quoted("PERMANENT/currency").as_str(), quoted("").as_str()), ("PERMANENT/currency", "''"));
    }
}
