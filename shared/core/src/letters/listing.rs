//! Listings of letters, read page by page. How a store lays them out is its own affair: a [`Cursor`] is only handed back to it.

use serde::{Deserialize, Serialize};

use crate::ids::LetterId;
use crate::letters::candidate::Candidate;
use crate::letters::letter::Status;
use crate::time::Timestamp;

/// Letters that are listed together, in the order of a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listing<'a> {
    /// Letters of one status that are due by then, the earliest due first.
    Status {
        /// Status of them all.
        status: Status,
        /// Latest time at which they are due.
        due_by: Timestamp,
    },
    /// Letters of one cause, those that failed first first.
    Cause {
        /// Fingerprint of the cause.
        fingerprint: &'a str,
        /// Status of them all; `None`: every status.
        status: Option<Status>,
    },
}

impl Listing<'_> {
    /// Letters of a status that are due by then.
    #[must_use]
    pub const fn due(status: Status, due_by: Timestamp) -> Self {
        Self::Status { status, due_by }
    }

    /// All letters of a status.
    #[must_use]
    pub const fn all(status: Status) -> Self {
        Self::due(status, Timestamp::NEVER)
    }

    /// Returns true if a candidate belongs here by what it says of itself.
    #[must_use]
    pub fn includes(&self, one: &Candidate) -> bool {
        match *self {
            Self::Status { status, due_by } => one.status == status && one.due <= due_by,
            Self::Cause { fingerprint, status } => {
                one.fingerprint == fingerprint && status.is_none_or(|status| one.status == status)
            }
        }
    }

    /// A candidate's place in the order of the listing.
    #[must_use]
    pub const fn place(&self, one: &Candidate) -> Place {
        let due = match self {
            Self::Status { .. } => one.due,
            Self::Cause { .. } => one.first_failed_at,
        };
        Place { due, id: one.id }
    }
}

/// Place of a letter in the order of a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// Time by which the listing is ordered: when the letter is due, or when it first failed.
    pub due: Timestamp,
    /// Id of the letter, which orders letters of the same time.
    pub id: LetterId,
}

/// Start of a page of a listing.
///
/// Stores part a listing into lanes, numbered from 0. A letter stays in its lane for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    lane: u8,
    after: Option<Place>,
    /// True if the walk ends with its lane.
    alone: bool,
}

impl Cursor {
    /// Start of a walk through a whole listing, lane after lane.
    pub const START: Self = Self { lane: 0, after: None, alone: false };

    /// Start of a walk through one lane, for stores to hand out.
    #[must_use]
    pub const fn of_lane(lane: u8) -> Self {
        Self { lane, after: None, alone: true }
    }

    /// A place in a walk through a whole listing, as it was noted down.
    #[must_use]
    pub const fn resumed(lane: u8, after: Option<Place>) -> Self {
        Self { lane, after, alone: false }
    }

    /// The same walk, to go on behind this place in its lane.
    #[must_use]
    pub const fn behind(self, place: Place) -> Self {
        Self { after: Some(place), ..self }
    }

    /// Number of the lane, for the store.
    #[must_use]
    pub const fn lane(&self) -> u8 {
        self.lane
    }

    /// Place of the last letter before this one in the lane; `None` at the lane's start.
    #[must_use]
    pub const fn after(&self) -> Option<Place> {
        self.after
    }
}

/// Page of a listing: letters of one lane.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// Candidates in the order of the listing.
    pub candidates: Vec<Candidate>,
    /// Start of the next page, if there is one.
    pub next: Option<Cursor>,
}

impl Page {
    /// Makes a page of what a store found in one of its `lanes`. `more`: the lane goes on after the last of them.
    #[must_use]
    pub fn new(listing: Listing<'_>, from: Cursor, mut found: Vec<Candidate>, more: bool, lanes: u8) -> Self {
        let last = found.last().filter(|_| more);
        let next = match last {
            Some(last) => Some(from.behind(listing.place(last))),
            None if from.alone || from.lane.saturating_add(1) >= lanes => None,
            None => Some(Cursor { lane: from.lane + 1, after: None, ..from }),
        };
        found.retain(|one| listing.includes(one));
        Self { candidates: found, next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{MessageId, QueueArn, ReplayNumber, Scope};
    use crate::letters::letter::ErrorType;

    fn candidate(n: u64, status: Status) -> Candidate {
        let source = QueueArn::new("arn:aws:sqs:eu-west-1:1:orders").unwrap();
        Candidate {
            id: LetterId::derive(&source, &MessageId::new(format!("message-{n}")).unwrap()),
            status,
            due: Timestamp::from_millis(1_000 + n),
            error_type: ErrorType::Permanent,
            error_code: None,
            error_message: String::new(),
            fingerprint: "cause".to_owned(),
            source,
            first_failed_at: Timestamp::from_millis(n),
            last_failed_at: Timestamp::from_millis(n),
            deaths: 1,
            number: ReplayNumber(0),
            function_version: None,
            group: None,
            sequence: None,
            key: None,
            scope: Scope::new("main").unwrap(),
        }
    }

    #[test]
    fn a_whole_walk_goes_from_lane_to_lane_and_a_walk_of_a_lane_ends_with_it() {
        let listing = Listing::all(Status::Pending);
        let found = || vec![candidate(1, Status::Pending), candidate(2, Status::Pending)];
        let page = Page::new(listing, Cursor::START, found(), true, 3);
        let within = page.next.unwrap();
        assert_eq!((within.lane(), within.after()), (0, Some(listing.place(&found()[1]))));
        let next = Page::new(listing, within, found(), false, 3).next;
        assert_eq!(next, Some(Cursor::resumed(1, None)));
        assert_eq!(Page::new(listing, Cursor::resumed(2, None), found(), false, 3).next, None, "the last lane");
        assert_eq!(Page::new(listing, Cursor::resumed(u8::MAX, None), Vec::new(), false, 3).next, None);
        assert_eq!(Page::new(listing, Cursor::of_lane(1), found(), false, 3).next, None, "its lane alone");
        let more = Page::new(listing, Cursor::of_lane(1), found(), true, 3).next.unwrap();
        assert_eq!(Page::new(listing, more, found(), false, 3).next, None);
    }

    #[test]
    fn a_page_leaves_out_what_is_none_of_its_listing_and_goes_on_behind_it() {
        let listing = Listing::Cause { fingerprint: "cause", status: Some(Status::Pending) };
        let found = vec![candidate(1, Status::Pending), candidate(2, Status::Resolved)];
        let last = listing.place(&found[1]);
        assert_eq!(last.due, found[1].first_failed_at, "a cause is ordered by the first failure");
        let page = Page::new(listing, Cursor::START, found, true, 1);
        assert_eq!(page.candidates, [candidate(1, Status::Pending)]);
        assert_eq!(page.next.and_then(|next| next.after()), Some(last));
    }
}
