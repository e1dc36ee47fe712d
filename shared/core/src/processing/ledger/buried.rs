use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::entry::LifeRecord;
use crate::ids::{Life, MessageId};
use crate::time::Timestamp;

/// Number of dead lives remembered in short, beside those that an entry names in full.
pub(super) const GRAVES: usize = 48;
/// Length in characters of one such life: mark 16, day 4, attempts 2, kind 1.
const WIDTH: usize = 23;
const DAY: u64 = 24 * 3600;

/// Dead lives that no longer stand among an entry's last ones. Each takes 23 bytes, so that a key whose message died fifty
/// times can still be done: a life is known by the first 64 bits of a hash, and forgotten once it cannot come back.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Buried(Vec<Grave>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Grave {
    mark: u64,
    /// The day since 1970 when it came here: no earlier than its death.
    day: u16,
    attempts: u8,
    /// An edit took the message back, whenever it was or will be enqueued.
    withdrawn: bool,
}

/// A text that holds no buried lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("buried lives of a ledger entry cannot be read: {0} bytes are not whole graves of {WIDTH} hexadecimal digits")]
pub struct BadGraves(usize);

impl Buried {
    /// Returns true if no life is remembered.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the number of lives remembered.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns true if this life is among them, or its message was withdrawn.
    #[must_use]
    pub fn holds(&self, life: &Life) -> bool {
        self.find(life).is_some()
    }

    /// Returns the number of handler starts for this life, if it is among them: at most 255.
    #[must_use]
    pub fn attempts(&self, life: &Life) -> u32 {
        self.find(life).map_or(0, |grave| u32::from(grave.attempts))
    }

    /// Returns true if this message was withdrawn.
    pub(super) fn withdraws(&self, id: &MessageId) -> bool {
        let mark = undated(id);
        self.0.iter().any(|grave| grave.withdrawn && grave.mark == mark)
    }

    fn find(&self, life: &Life) -> Option<&Grave> {
        if self.0.is_empty() {
            return None;
        }
        let (own, any) = (mark(life), undated(&life.message_id));
        self.0.iter().find(|grave| grave.mark == own || grave.withdrawn && grave.mark == any)
    }

    /// `false` if there is no room for one more.
    pub(super) fn add(&mut self, record: &LifeRecord, now: Timestamp) -> bool {
        if self.0.len() >= GRAVES {
            return false;
        }
        self.0.push(Grave {
            mark: mark(&record.life),
            day: day(now),
            attempts: u8::try_from(record.attempts).unwrap_or(u8::MAX),
            withdrawn: record.withdrawn,
        });
        true
    }

    /// Forgets what came here longer ago than `memory`, the time after which nothing can come back.
    pub(super) fn forget_the_old(&mut self, now: Timestamp, memory: Duration) {
        let (today, days) = (u64::from(day(now)), memory.as_secs() / DAY + 1);
        self.0.retain(|grave| u64::from(grave.day) + days >= today);
    }

    /// Forgets all but the messages that edits took back.
    pub(super) fn free(&mut self) {
        self.0.retain(|grave| grave.withdrawn);
    }

    /// Returns the size of the text in bytes.
    pub(super) const fn bytes(&self) -> usize {
        self.0.len() * WIDTH
    }
}

fn mark(life: &Life) -> u64 {
    let digest = Sha256::digest(life.to_string().as_bytes());
    digest.iter().take(8).fold(0, |mark, byte| mark << 8 | u64::from(*byte))
}

fn undated(id: &MessageId) -> u64 {
    mark(&Life { message_id: id.clone(), sent_at: Life::UNDATED })
}

fn day(at: Timestamp) -> u16 {
    u16::try_from(at.as_secs() / DAY).unwrap_or(u16::MAX)
}

impl From<Buried> for String {
    fn from(Buried(graves): Buried) -> Self {
        let text = |grave: &Grave| {
            let Grave { mark, day, attempts, withdrawn } = *grave;
            format!("{mark:016x}{day:04x}{attempts:02x}{}", u8::from(withdrawn))
        };
        graves.iter().map(text).collect()
    }
}

impl TryFrom<String> for Buried {
    type Error = BadGraves;

    fn try_from(text: String) -> Result<Self, BadGraves> {
        let bad = || BadGraves(text.len());
        let grave = |part: &[u8]| {
            let part = std::str::from_utf8(part).ok()?;
            let mark = u64::from_str_radix(part.get(..16)?, 16).ok()?;
            let day = u16::from_str_radix(part.get(16..20)?, 16).ok()?;
            let attempts = u8::from_str_radix(part.get(20..22)?, 16).ok()?;
            let withdrawn = match part.get(22..)? {
                "0" => false,
                "1" => true,
                _ => return None,
            };
            Some(Grave { mark, day, attempts, withdrawn })
        };
        text.as_bytes().chunks(WIDTH).map(grave).collect::<Option<_>>().map(Self).ok_or_else(bad)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(n: u64, withdrawn: bool) -> LifeRecord {
        let sent_at = if withdrawn { Life::UNDATED } else { Timestamp::from_millis(n + 1) };
        let life = Life { message_id: MessageId::new(format!("m-{n}")).unwrap(), sent_at };
        LifeRecord { life, attempts: 3, dead: true, withdrawn }
    }

    fn on(day: u64) -> Timestamp {
        Timestamp::from_millis(day * DAY * 1_000)
    }

    #[test]
    fn a_buried_life_is_known_by_itself_and_a_withdrawn_message_by_every_life() {
        let mut buried = Buried::default();
        assert!(buried.add(&record(1, false), on(20_000)) && buried.add(&record(2, true), on(20_000)));
        let other = |n: u64| Life { sent_at: Timestamp::from_millis(77), ..record(n, false).life };
        let held = [record(1, false).life, other(1), record(2, true).life, other(2), other(3)];
        assert_eq!(held.each_ref().map(|life| buried.holds(life)), [true, false, true, true, false]);
        assert_eq!((buried.attempts(&held[0]), buried.attempts(&other(3))), (3, 0));
        buried.free();
        assert!(!buried.holds(&held[0]) && buried.holds(&other(2)), "what an edit took back stays");
    }

    #[test]
    fn its_text_is_read_back_and_what_is_none_is_refused() {
        let mut buried = Buried::default();
        (0..=GRAVES as u64).for_each(|n| assert_eq!(buried.add(&record(n, n % 2 == 0), on(n)), n < GRAVES as u64));
        let text = String::from(buried.clone());
        assert_eq!((text.len(), buried.bytes()), (GRAVES * WIDTH, text.len()));
        assert_eq!(Buried::try_from(text.clone()), Ok(buried));
        assert_eq!(Buried::try_from(String::new()), Ok(Buried::default()));
        for bad in [&text[1..], "x", &"z".repeat(WIDTH), &"ä".repeat(WIDTH), &"2".repeat(WIDTH)] {
            assert!(Buried::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_can_come_back_no_more_is_forgotten_and_not_a_day_sooner() {
        let mut buried = Buried::default();
        buried.add(&record(1, false), on(100));
        let month = Duration::from_secs(30 * DAY);
        buried.forget_the_old(on(131), month);
        assert_eq!(buried.len(), 1);
        buried.forget_the_old(on(132), month);
        assert!(buried.is_empty());
    }
}
