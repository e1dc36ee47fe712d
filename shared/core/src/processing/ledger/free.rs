//! The way out of a key whose every enqueue is dead: a person has its dead enqueues forgotten.

use super::entry::{Entry, EntryState};
use super::{Changed, EntryWrite, Expect};
use crate::ids::{Enqueue, LetterId, QueueArn};
use crate::message::key::LedgerKey;
use crate::time::Timestamp;

/// Next step of freeing a key.
#[derive(Debug)]
pub enum Freeing {
    /// Write this: so many dead enqueues are forgotten by it. If its condition fails, ask again with what was found. It changes
    /// `enqueues`, `dead_enqueues` and `version`, and nothing else.
    Write(Box<EntryWrite>, usize),
    /// No dead enqueue is remembered that could be forgotten, or the key is completed. A lost answer looks the same.
    Nothing,
    /// A worker runs the key now: not yet.
    Waits,
}

/// Decides what is forgotten of an entry as it was last seen (`None`: not there).
///
/// A copy that is still in a queue may run after that. What keeps it harmless stays: a key is completed once, and what an edit
/// took back is remembered, so that no former body runs. `source` is the queue that the entry's messages come from.
#[must_use]
pub fn free(found: Option<&Entry>, key: &LedgerKey, source: &QueueArn, now: Timestamp) -> Freeing {
    let Some(entry) = found.filter(|entry| !entry.expired(now)) else { return Freeing::Nothing };
    match entry.state {
        EntryState::Completed => return Freeing::Nothing,
        EntryState::InProgress if entry.lease_until >= now => return Freeing::Waits,
        EntryState::InProgress | EntryState::Failed => {}
    }
    let mut next = entry.clone();
    next.enqueues.retain(|record| !record.dead || record.withdrawn || withdrew(entry, &record.enqueue, source));
    next.dead_enqueues.free();
    let forgotten = entry.dead_enqueues() - next.dead_enqueues();
    if forgotten == 0 {
        return Freeing::Nothing;
    }
    next.version += 1;
    let expect = Expect::Unchanged { version: entry.version, owner: entry.owner };
    Freeing::Write(Box::new(EntryWrite { key: key.clone(), entry: next, expect, changed: Changed::All }), forgotten)
}

/// Returns true if an earlier release wrote this enqueue down because its letter was edited: it did not mark that.
fn withdrew(entry: &Entry, enqueue: &Enqueue, source: &QueueArn) -> bool {
    let letter = LetterId::derive(source, &enqueue.message_id);
    enqueue.sent_at == Enqueue::UNDATED && entry.withdrawn.iter().any(|send| send.letter == letter)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Fault;
    use crate::ids::{MessageId, OwnerToken, ReplayNumber, Scope, SendId};
    use crate::message::key::{Key, PayloadHash};
    use crate::processing::ledger::{
        Claim, ClaimRefusal, ClaimRequest, ClaimStep, Origin, Settlement, Settling, Withdrawal, Withdrawing, claim,
        settle, withdraw,
    };

    const FOREVER: u64 = 30 * 24 * 3_600_000;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn key() -> LedgerKey {
        LedgerKey::owned(&Scope::new("main").unwrap(), &Key::new("k").unwrap())
    }

    fn source() -> QueueArn {
        QueueArn::new("arn").unwrap()
    }

    fn enqueue(n: u64) -> Enqueue {
        Enqueue { message_id: MessageId::new(format!("m-{n}")).unwrap(), sent_at: at(n + 1) }
    }

    fn request(n: u64) -> ClaimRequest {
        ClaimRequest {
            key: key(),
            enqueue: enqueue(n),
            hash: PayloadHash::of_text("body"),
            send: None,
            token: OwnerToken::from_random(u128::from(n) + 1),
            lease_until: at(1_000 + n),
            limit: 1,
            expires: at(FOREVER),
            origin: Origin::default(),
        }
    }

    fn claimed(found: Option<&Entry>, n: u64) -> Result<(Entry, Claim), ClaimRefusal> {
        match claim(found, &request(n), at(n)) {
            ClaimStep::Claim(write, claim) => Ok((write.entry, *claim)),
            ClaimStep::Refused(refusal) => Err(refusal),
            other => panic!("{other:?}"),
        }
    }

    /// Returns the entry after so many enqueues died, as many as are remembered.
    fn dead(enqueues: u64) -> Entry {
        let mut found: Option<Entry> = None;
        for n in 0..enqueues {
            let (entry, claim) = claimed(found.as_ref(), n).unwrap_or_else(|refusal| panic!("life {n}: {refusal:?}"));
            let failed = Settlement::Fail(Fault::permanent("no", "no"));
            let Settling::Write(write) = settle(Some(&entry), &claim, &failed, at(n), at(FOREVER)) else { panic!() };
            found = Some(write.entry);
        }
        found.unwrap()
    }

    fn freed(entry: &Entry) -> (Entry, usize) {
        match free(Some(entry), &key(), &source(), at(2_000)) {
            Freeing::Write(write, forgotten) => {
                assert!(write.expect.holds(Some(entry)));
                (write.entry, forgotten)
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn fifty_six_enqueues_may_die_each_stays_dead_and_one_more_is_refused_until_the_key_is_freed() {
        let full = dead(56);
        assert_eq!(full.enqueues_left(at(0), std::time::Duration::from_secs(30 * 86_400)), 0);
        assert!((0..56).all(|n| matches!(claimed(Some(&full), n), Err(ClaimRefusal::Dead(Some(_))))));
        assert!(matches!(claimed(Some(&full), 56), Err(ClaimRefusal::TooManyEnqueues)));
        let (free_again, forgotten) = freed(&full);
        assert_eq!((forgotten, free_again.dead_enqueues(), free_again.version), (56, 0, full.version + 1));
        let same = Entry {
            enqueues: full.enqueues.clone(),
            dead_enqueues: full.dead_enqueues.clone(),
            version: full.version,
            ..free_again.clone()
        };
        assert_eq!(same, full, "nothing else changes");
        assert!(claimed(Some(&free_again), 56).is_ok());
        assert!(matches!(free(Some(&free_again), &key(), &source(), at(2_000)), Freeing::Nothing));
    }

    #[test]
    fn a_dead_enqueue_makes_room_once_it_can_come_back_no_more() {
        let full = dead(56);
        let month = 30 * 86_400_000;
        let late = ClaimRequest { expires: at(3 * month), ..request(56) };
        let full = Entry { expires: at(3 * month), ..full };
        assert!(
            matches!(claim(Some(&full), &late, at(2 * month)), ClaimStep::Claim(..)),
            "a retention of a month is over"
        );
    }

    #[test]
    fn what_an_edit_took_back_stays_dead_and_whoever_runs_is_waited_for() {
        let origin = enqueue(3).message_id;
        let letter = LetterId::derive(&source(), &origin);
        let asked = Withdrawal {
            key: key(),
            send: SendId { letter, number: ReplayNumber(2) },
            messages: vec![origin],
            token: OwnerToken::from_random(9),
            hash: PayloadHash::of_text("body"),
            expires: at(FOREVER),
        };
        let Withdrawing::Write(write) = withdraw(Some(&dead(20)), &asked, at(50)) else { panic!() };
        let mut legacy = write.entry.clone();
        legacy.enqueues.iter_mut().for_each(|record| record.withdrawn = false);
        for entry in [write.entry, legacy] {
            let (after, _) = freed(&entry);
            assert!(after.is_dead(&Enqueue { sent_at: at(77), ..enqueue(3) }) && !after.is_dead(&enqueue(4)));
            assert!(after.withdraws(asked.send));
        }
        let (running, claim) = claimed(Some(&dead(2)), 2).unwrap();
        assert!(matches!(free(Some(&running), &key(), &source(), at(500)), Freeing::Waits));
        let Settling::Write(done) = settle(Some(&running), &claim, &Settlement::Complete, at(3), at(FOREVER)) else {
            panic!()
        };
        assert!(matches!(free(Some(&done.entry), &key(), &source(), at(2_000)), Freeing::Nothing));
        assert!(matches!(free(None, &key(), &source(), at(0)), Freeing::Nothing));
    }
}
