use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::enqueue_record::EnqueueRecord;
use crate::ids::{Enqueue, MessageId};
use crate::time::Timestamp;

/// Number of dead enqueues remembered in short, beside those that an entry names in full.
pub(super) const DEAD_MARKS: usize = 48;
/// Length in characters of one such enqueue: mark 16, day 4, attempts 2, kind 1.
const WIDTH: usize = 23;
const DAY: u64 = 24 * 3600;

/// Dead enqueues that no longer stand among an entry's last ones. Each takes 23 bytes, so that a key whose message died fifty
/// times can still be done: an enqueue is known by the first 64 bits of a hash, and forgotten once it cannot come back.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct DeadEnqueues(Vec<DeadMark>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct DeadMark {
    mark: u64,
    /// The day since 1970 when it came here: no earlier than its death.
    day: u16,
    attempts: u8,
    /// An edit took the message back, whenever it was or will be enqueued.
    withdrawn: bool,
}

/// A text that holds no buried enqueues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("dead enqueues of a ledger entry cannot be read: {0} bytes are not whole marks of {WIDTH} hexadecimal digits")]
pub struct BadDeadMarks(usize);

impl DeadEnqueues {
    /// Returns true if no enqueue is remembered.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the number of enqueues remembered.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns true if this enqueue is among them, or its message was withdrawn.
    #[must_use]
    pub fn holds(&self, enqueue: &Enqueue) -> bool {
        self.find(enqueue).is_some()
    }

    /// Returns the number of handler starts for this enqueue, if it is among them: at most 255.
    #[must_use]
    pub fn attempts(&self, enqueue: &Enqueue) -> u32 {
        self.find(enqueue).map_or(0, |dead_mark| u32::from(dead_mark.attempts))
    }

    /// Returns true if this message was withdrawn.
    pub(super) fn withdraws(&self, id: &MessageId) -> bool {
        let mark = undated(id);
        self.0.iter().any(|dead_mark| dead_mark.withdrawn && dead_mark.mark == mark)
    }

    fn find(&self, enqueue: &Enqueue) -> Option<&DeadMark> {
        if self.0.is_empty() {
            return None;
        }
        let (own, any) = (mark(enqueue), undated(&enqueue.message_id));
        self.0.iter().find(|dead_mark| dead_mark.mark == own || dead_mark.withdrawn && dead_mark.mark == any)
    }

    /// `false` if there is no room for one more.
    pub(super) fn add(&mut self, record: &EnqueueRecord, now: Timestamp) -> bool {
        if self.0.len() >= DEAD_MARKS {
            return false;
        }
        self.0.push(DeadMark {
            mark: mark(&record.enqueue),
            day: day(now),
            attempts: u8::try_from(record.attempts).unwrap_or(u8::MAX),
            withdrawn: record.withdrawn,
        });
        true
    }

    /// Forgets what came here longer ago than `memory`, the time after which nothing can come back.
    pub(super) fn forget_the_old(&mut self, now: Timestamp, memory: Duration) {
        let (today, days) = (u64::from(day(now)), memory.as_secs() / DAY + 1);
        self.0.retain(|dead_mark| u64::from(dead_mark.day) + days >= today);
    }

    /// Forgets all but the messages that edits took back.
    pub(super) fn free(&mut self) {
        self.0.retain(|dead_mark| dead_mark.withdrawn);
    }

    /// Returns the size of the text in bytes.
    pub(super) const fn bytes(&self) -> usize {
        self.0.len() * WIDTH
    }
}

fn mark(enqueue: &Enqueue) -> u64 {
    let digest = Sha256::digest(enqueue.to_string().as_bytes());
    digest.iter().take(8).fold(0, |mark, byte| mark << 8 | u64::from(*byte))
}

fn undated(id: &MessageId) -> u64 {
    mark(&Enqueue { message_id: id.clone(), sent_at: Enqueue::UNDATED })
}

fn day(at: Timestamp) -> u16 {
    u16::try_from(at.as_secs() / DAY).unwrap_or(u16::MAX)
}

impl From<DeadEnqueues> for String {
    fn from(DeadEnqueues(dead_marks): DeadEnqueues) -> Self {
        let text = |dead_mark: &DeadMark| {
            let DeadMark { mark, day, attempts, withdrawn } = *dead_mark;
            format!("{mark:016x}{day:04x}{attempts:02x}{}", u8::from(withdrawn))
        };
        dead_marks.iter().map(text).collect()
    }
}

impl TryFrom<String> for DeadEnqueues {
    type Error = BadDeadMarks;

    fn try_from(text: String) -> Result<Self, BadDeadMarks> {
        let bad = || BadDeadMarks(text.len());
        let dead_mark = |part: &[u8]| {
            let part = std::str::from_utf8(part).ok()?;
            let mark = u64::from_str_radix(part.get(..16)?, 16).ok()?;
            let day = u16::from_str_radix(part.get(16..20)?, 16).ok()?;
            let attempts = u8::from_str_radix(part.get(20..22)?, 16).ok()?;
            let withdrawn = match part.get(22..)? {
                "0" => false,
                "1" => true,
                _ => return None,
            };
            Some(DeadMark { mark, day, attempts, withdrawn })
        };
        text.as_bytes().chunks(WIDTH).map(dead_mark).collect::<Option<_>>().map(Self).ok_or_else(bad)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(n: u64, withdrawn: bool) -> EnqueueRecord {
        let sent_at = if withdrawn { Enqueue::UNDATED } else { Timestamp::from_millis(n + 1) };
        let enqueue = Enqueue { message_id: MessageId::new(format!("m-{n}")).unwrap(), sent_at };
        EnqueueRecord { enqueue, attempts: 3, dead: true, withdrawn }
    }

    fn on(day: u64) -> Timestamp {
        Timestamp::from_millis(day * DAY * 1_000)
    }

    #[test]
    fn a_dead_enqueues_enqueue_is_known_by_itself_and_a_withdrawn_message_by_every_enqueue() {
        let mut dead_enqueues = DeadEnqueues::default();
        assert!(dead_enqueues.add(&record(1, false), on(20_000)) && dead_enqueues.add(&record(2, true), on(20_000)));
        let other = |n: u64| Enqueue { sent_at: Timestamp::from_millis(77), ..record(n, false).enqueue };
        let held = [record(1, false).enqueue, other(1), record(2, true).enqueue, other(2), other(3)];
        assert_eq!(held.each_ref().map(|enqueue| dead_enqueues.holds(enqueue)), [true, false, true, true, false]);
        assert_eq!((dead_enqueues.attempts(&held[0]), dead_enqueues.attempts(&other(3))), (3, 0));
        dead_enqueues.free();
        assert!(!dead_enqueues.holds(&held[0]) && dead_enqueues.holds(&other(2)), "what an edit took back stays");
    }

    #[test]
    fn its_text_is_read_back_and_what_is_none_is_refused() {
        let mut dead_enqueues = DeadEnqueues::default();
        (0..=DEAD_MARKS as u64)
            .for_each(|n| assert_eq!(dead_enqueues.add(&record(n, n % 2 == 0), on(n)), n < DEAD_MARKS as u64));
        let text = String::from(dead_enqueues.clone());
        assert_eq!((text.len(), dead_enqueues.bytes()), (DEAD_MARKS * WIDTH, text.len()));
        assert_eq!(DeadEnqueues::try_from(text.clone()), Ok(dead_enqueues));
        assert_eq!(DeadEnqueues::try_from(String::new()), Ok(DeadEnqueues::default()));
        for bad in [&text[1..], "x", &"z".repeat(WIDTH), &"ä".repeat(WIDTH), &"2".repeat(WIDTH)] {
            assert!(DeadEnqueues::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_can_come_back_no_more_is_forgotten_and_not_a_day_sooner() {
        let mut dead_enqueues = DeadEnqueues::default();
        dead_enqueues.add(&record(1, false), on(100));
        let month = Duration::from_secs(30 * DAY);
        dead_enqueues.forget_the_old(on(131), month);
        assert_eq!(dead_enqueues.len(), 1);
        dead_enqueues.forget_the_old(on(132), month);
        assert!(dead_enqueues.is_empty());
    }
}
