//! Expiry of waiting messages and letters: when the first is lost, or forgotten.

use std::time::Duration;

use redrive_core::ids::LetterId;
use redrive_core::ports::{LedgerReader, Letters, Unavailable};
use redrive_core::time::Timestamp;

use crate::letter_view::records;
use crate::readings::Depths;
use crate::text::ago;

/// The shortest memory that a ledger may have: it must outlast both queues, and they keep a message for a day and for 14.
const SHORTEST: Duration = Duration::from_secs(15 * 86_400);

/// Time at which SQS deletes the first message of the dead-letter queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// The message expires then: the indexer received it and had to leave it.
    At(Timestamp),
    /// The message does not expire before then.
    NotBefore(Timestamp),
    /// The age of the message is not known.
    Unknown,
}

impl Expiry {
    /// Reckons the expiry of the first message of a queue with these depths; `None` for an empty queue.
    ///
    /// `indexed`: as the indexer reckoned it. Without that, a queue's retention counts from the first send, which a standard
    /// queue keeps when it moves a message, and SQS tells the age since the move only: the time before it is at most the main
    /// queue's retention. On FIFO queues the move counts.
    pub fn of(
        dead: &Depths,
        main: Option<Duration>,
        indexed: Option<Timestamp>,
        age: Option<Duration>,
        now: Timestamp,
    ) -> Option<Self> {
        if dead.all() == 0 {
            return None;
        }
        let bound = || {
            let left = dead.retention?.saturating_sub(age?).saturating_sub(main?);
            Some(Self::NotBefore(now.after(left)))
        };
        Some(indexed.map(Self::At).or_else(bound).unwrap_or(Self::Unknown))
    }

    /// Describes the expiry in words that follow the name of the message.
    pub fn words(self, now: Timestamp) -> String {
        match self {
            Self::At(at) if at <= now => "is expiring".to_owned(),
            Self::At(at) => format!("expires {}", ago(now, at)),
            Self::NotBefore(at) if at <= now => "may expire at any time".to_owned(),
            Self::NotBefore(at) => format!("expires {} at the earliest", ago(now, at)),
            Self::Unknown => "expires: CloudWatch does not say when".to_owned(),
        }
    }
}

/// Time for which the ledger knows the first of the letters that wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LedgerMemory {
    /// The ledger knows it until then.
    Until(Timestamp),
    /// The ledger may have forgotten it: it is replayed only with `--forgotten-ok`.
    Gone,
}

/// Reads how long the ledger still knows a letter: for as long as its longest record is kept.
///
/// # Errors
///
/// The tables'.
pub async fn memory<L: Letters, R: LedgerReader>(
    letters: &L,
    ledger: &R,
    first: Option<LetterId>,
    now: Timestamp,
) -> Result<Option<LedgerMemory>, Unavailable> {
    let Some(first) = first.filter(|_| ledger.is_kept()) else { return Ok(None) };
    let Some(letter) = letters.read(&[first]).await?.pop().flatten() else { return Ok(None) };
    let keys: Vec<_> = records(&letter).into_iter().map(|(_, key)| key).collect();
    let entries = ledger.read(&keys).await?.into_iter().flatten().filter(|entry| !entry.expired(now));
    // What is younger than any ledger's memory was not forgotten: nothing was ever recorded of it.
    let forgettable = letter.sent_at.after(SHORTEST) < now;
    Ok(entries.map(|entry| entry.expires).max().map(LedgerMemory::Until).or(forgettable.then_some(LedgerMemory::Gone)))
}

#[cfg(test)]
mod tests {
    use redrive_testkit::{ModelLedger, ModelLetters};

    use super::*;
    use crate::samples::{self, NOW};

    const DAY: Duration = Duration::from_secs(86_400);

    fn dead(visible: u64) -> Depths {
        Depths { visible: Some(visible), retention: Some(14 * DAY), ..Depths::default() }
    }

    #[test]
    fn the_first_to_expire_is_as_the_indexer_saw_it_or_bounded_by_what_sqs_tells() {
        let (seen, age) = (Some(NOW.after(DAY)), Some(2 * DAY));
        assert_eq!(Expiry::of(&dead(0), Some(4 * DAY), seen, age, NOW), None);
        assert_eq!(Expiry::of(&dead(3), Some(4 * DAY), seen, age, NOW), Some(Expiry::At(NOW.after(DAY))));
        let bound = |days| Some(Expiry::NotBefore(NOW.after(days * DAY)));
        assert_eq!(Expiry::of(&dead(3), Some(4 * DAY), None, age, NOW), bound(8));
        assert_eq!(Expiry::of(&dead(3), Some(Duration::ZERO), None, age, NOW), bound(12), "on FIFO queues");
        assert_eq!(Expiry::of(&dead(3), Some(13 * DAY), None, age, NOW), bound(0));
        assert_eq!(Expiry::of(&dead(3), Some(4 * DAY), None, None, NOW), Some(Expiry::Unknown));
    }

    #[tokio::test]
    async fn only_what_is_older_than_any_ledgers_memory_and_has_no_record_anywhere_is_forgotten() {
        let letter = samples::full();
        let store = ModelLetters::new();
        store.force(letter.clone());
        let ledger = ModelLedger::new();
        let asked = async |now| memory(&store, &ledger, Some(letter.id), now).await.unwrap();
        assert_eq!(asked(NOW).await, None, "minutes after the installation nothing is forgotten");
        assert_eq!(asked(letter.sent_at.after(16 * DAY)).await, Some(LedgerMemory::Gone));
        for (place, key) in records(&letter) {
            let ledger = ModelLedger::new();
            let entry = samples::entry(&letter);
            ledger.force(key, entry.clone());
            let found = memory(&store, &ledger, Some(letter.id), NOW).await.unwrap();
            assert_eq!(found, Some(LedgerMemory::Until(entry.expires)), "{place}");
        }
    }
}
