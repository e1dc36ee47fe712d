//! Selection of letters that a request means.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::filter::{Filter, IN_FLIGHT, RECENT};
use crate::ids::{LetterId, QueueArn};
use crate::letters::letter::Letter;
use crate::time::Timestamp;

/// Number of letters of a part; the last one has what is left. A part stands in one item of the table.
pub const LIST_PART: u32 = 500;
/// Most letters of a list.
pub const LIST_LIMIT: u32 = 1_000_000;
/// Selection of letters. Only PENDING ones are ever touched (DISCARDED ones, to restore them).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Selection {
    /// The letters with these ids.
    Ids(Vec<LetterId>),
    /// The letters with these ids, if they are still in the versions that were shown.
    Shown(Shown),
    /// Letters of a list that stands beside its job.
    Listed(LetterList),
    /// The letters that fit the filter.
    #[serde(rename = "select")]
    Filter(Filter),
}

/// Letters that somebody has looked at: each in the version that was shown, and in no other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// Letters, each with the version that was shown.
    pub letters: BTreeMap<LetterId, u64>,
    /// True if each was named by its id, and not chosen by a filter: see [`super::ConsentTerms`].
    pub named: bool,
}

/// Letters of a list, each in the version that was shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LetterList {
    /// Queue of all the letters.
    pub source_topic: QueueArn,
    /// Number of letters in the list.
    pub letters: u32,
    /// True if each was named by its id, and not chosen by a filter: see [`crate::replay::ConsentTerms`].
    #[serde(default)]
    pub named: bool,
}

impl LetterList {
    /// Number of the list's parts.
    #[must_use]
    pub const fn parts(&self) -> u32 {
        self.letters.div_ceil(LIST_PART)
    }

    /// Number of letters that a part has.
    #[must_use]
    pub fn letters_of(&self, part: u32) -> u32 {
        self.letters.saturating_sub(part.saturating_mul(LIST_PART)).min(LIST_PART)
    }
}

impl Selection {
    /// The letters that it lists, if it is a list.
    #[must_use]
    pub fn ids(&self) -> Option<Vec<LetterId>> {
        match self {
            Self::Ids(ids) => Some(ids.clone()),
            Self::Shown(shown) => Some(shown.letters.keys().copied().collect()),
            Self::Listed(_) | Self::Filter(_) => None,
        }
    }

    /// Returns the number of the letters that it lists, if it is a list.
    #[must_use]
    pub fn count(&self) -> Option<usize> {
        match self {
            Self::Ids(ids) => Some(ids.len()),
            Self::Shown(shown) => Some(shown.letters.len()),
            Self::Listed(listed) => usize::try_from(listed.letters).ok(),
            Self::Filter(_) => None,
        }
    }

    /// Returns true if each letter was named by its id.
    #[must_use]
    pub const fn is_named(&self) -> bool {
        match self {
            Self::Ids(_) => true,
            Self::Shown(shown) => shown.named,
            Self::Listed(listed) => listed.named,
            Self::Filter(_) => false,
        }
    }

    /// The same, and a filter that names no instant fixed at this one, at which it is asked for: what changes later is none of it.
    ///
    /// Rule R38 of docs/protocol.md.
    #[must_use]
    pub fn as_of(self, at: Timestamp) -> Self {
        match self {
            Self::Filter(filter) if filter.as_of.is_none() => {
                Self::Filter(Filter { asked_at: filter.asked_at.or(Some(at)), ..filter })
            }
            fixed => fixed,
        }
    }

    /// The same, and a filter fixed at this instant, at which somebody was shown these letters: each with the time of its last change
    /// and its version. Of those that changed shortly before, the longest unchanged are named, at most [`RECENT`]; returned besides
    /// is the number of those that are left out.
    #[must_use]
    pub fn shown_at(
        self,
        at: Timestamp,
        letters: impl IntoIterator<Item = (LetterId, Timestamp, u64)>,
    ) -> (Self, usize) {
        let Self::Filter(filter) = self else { return (self, 0) };
        let mut recent: Vec<_> = letters.into_iter().filter(|(_, changed, _)| changed.after(IN_FLIGHT) > at).collect();
        recent.sort_by_key(|(id, changed, _)| (*changed, *id));
        let left_out = recent.len().saturating_sub(RECENT);
        let recent = recent.into_iter().take(RECENT).map(|(id, _, version)| (id, version)).collect();
        (Self::Filter(Filter { as_of: Some(at), recent, asked_at: None, ..filter }), left_out)
    }

    /// The instant at which its letters are fixed, if it is a filter and says one.
    #[must_use]
    pub fn instant(&self) -> Option<Timestamp> {
        match self {
            Self::Filter(filter) => filter.as_of.or(filter.asked_at),
            Self::Ids(_) | Self::Shown(_) | Self::Listed(_) => None,
        }
    }

    /// Returns true if this letter is as it was when it was selected: in the version that was shown, or unchanged since
    /// the filter's instant, and for [`IN_FLIGHT`] before it where somebody looked at that instant. Of a list beside its job only
    /// the job's lines know the versions.
    #[must_use]
    pub fn is_unchanged(&self, letter: &Letter) -> bool {
        match self {
            Self::Ids(_) | Self::Listed(_) => true,
            Self::Shown(shown) => shown.letters.get(&letter.id) == Some(&letter.version),
            Self::Filter(filter) => filter.is_unchanged(letter),
        }
    }

    /// Returns true if this letter was indexed when it was selected, in whatever state.
    #[must_use]
    pub fn has_met(&self, letter: &Letter) -> bool {
        let Some(at) = self.instant() else { return true };
        letter.history.first().is_none_or(|event| event.at <= at)
    }

    /// The one queue that it names, if it does.
    #[must_use]
    pub const fn source(&self) -> Option<&QueueArn> {
        match self {
            Self::Ids(_) | Self::Shown(_) => None,
            Self::Listed(listed) => Some(&listed.source_topic),
            Self::Filter(filter) => filter.source_topic.as_ref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::ids::MessageId;

    #[test]
    fn what_changed_shortly_before_the_look_is_meant_only_in_the_version_that_was_shown() {
        let at = Timestamp::from_millis(1_000_000_000);
        let before = |time: Duration| Timestamp::from_millis(at.as_millis() - u64::try_from(time.as_millis()).unwrap());
        let any = crate::replay::consent::tests::letter(before(IN_FLIGHT), "c");
        let young = Letter { history: vec![event(before(IN_FLIGHT / 2))].into(), version: 7, ..any.clone() };
        let old = Letter { history: vec![event(before(IN_FLIGHT))].into(), ..any.clone() };
        let filter = || Selection::Filter(Filter { text: Some("c".to_owned()), ..Filter::default() });
        let (unseen, _) = filter().shown_at(at, []);
        let (seen, left_out) = filter().shown_at(at, [(any.id, young.changed_at(), 7)]);
        assert_eq!([&unseen, &seen].map(|one| one.is_unchanged(&old)), [true, true]);
        assert_eq!([&unseen, &seen].map(|one| one.is_unchanged(&young)), [false, true]);
        assert!(!seen.is_unchanged(&Letter { version: 8, ..young.clone() }));
        assert_eq!((left_out, seen.instant()), (0, Some(at)));
        // Where nobody was shown anything the request's own instant counts.
        assert!(filter().as_of(at).is_unchanged(&young) && seen.clone().as_of(Timestamp::NEVER) == seen);
        let many = (0..600_u64).map(|n| (id(n), before(Duration::from_millis(n)), n));
        let (Selection::Filter(filter), left_out) = filter().shown_at(at, many) else { panic!("a filter") };
        assert_eq!((filter.recent.len(), left_out), (RECENT, 100));
        assert!(filter.recent.contains_key(&id(599)) && !filter.recent.contains_key(&id(0)), "the longest unchanged");
        assert_eq!(serde_json::from_str::<Filter>(&serde_json::to_string(&filter).unwrap()).unwrap(), filter);
    }

    fn id(n: u64) -> LetterId {
        let source = QueueArn::new("arn:aws:sqs:us-east-1:1:orders").unwrap();
        LetterId::derive(&source, &MessageId::new(format!("m-{n}")).unwrap())
    }

    fn event(at: Timestamp) -> crate::letters::letter::Event {
        let (what, who) = (crate::letters::letter::EventKind::Indexed, "indexer".to_owned());
        crate::letters::letter::Event { at, what, who, note: None, attempt: None }
    }
}
