//! An edit's part of the ledger: before an edited body is sent, no copy of the unedited one may run any more.

use super::dead_enqueues::DeadEnqueues;
use super::entry::{Entry, EntryState, empty};
use super::{Changed, EntryWrite, Expect};
use crate::ids::{MessageId, OwnerToken, ReplayNumber, SendId};
use crate::message::key::{LedgerKey, PayloadHash};
use crate::time::Timestamp;

/// Limit of edited letters in an entry: two letters of one key are seldom, and an entry must stay small.
const LETTERS: usize = 8;

/// The wish that no former copy of a letter runs under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withdrawal {
    /// The entry of the key.
    pub key: LedgerKey,
    /// The letter and its highest number: SQS does not say when a copy was enqueued, so copies go by their numbers.
    pub send: SendId,
    /// Messages of the letter that carry no number: the one that it was at first, and copies without redrive's attribute.
    pub messages: Vec<MessageId>,
    /// Owner of a tombstone that is left where nothing was.
    pub token: OwnerToken,
    /// Hash of the body that is withdrawn.
    pub hash: PayloadHash,
    /// Time until which that must be remembered.
    pub expires: Timestamp,
}

/// Next step of a withdrawal.
#[derive(Debug)]
pub enum Withdrawing {
    /// Write this. If its condition fails, ask again with what was found. Of an entry that was there it changes `enqueues`, `dead_enqueues`,
    /// `withdrawn`, `version` and `expires`, and nothing else.
    Write(Box<EntryWrite>),
    /// No copy runs any more. A lost answer looks the same.
    Done,
    /// The key is completed with this payload: nothing with another one runs as long as that is remembered.
    Completed(PayloadHash),
    /// A worker runs the key now, or the entry has expired and is about to be deleted: not yet.
    Waits,
    /// The entry has no room for more dead, and an edited copy could not run either.
    Full,
}

/// Decides a withdrawal against the entry as it was last seen (`None`: not there).
///
/// Rule R37 of docs/protocol.md.
#[must_use]
pub fn withdraw(found: Option<&Entry>, withdrawal: &Withdrawal, now: Timestamp) -> Withdrawing {
    let Some(entry) = found else { return tombstone(withdrawal, now) };
    let expired = entry.expired(now);
    match entry.state {
        // What is remembered too long must not be remembered anew.
        EntryState::Completed if expired => return Withdrawing::Waits,
        EntryState::Completed => return Withdrawing::Completed(entry.hash.clone()),
        EntryState::InProgress if !expired && entry.lease_until >= now => return Withdrawing::Waits,
        EntryState::InProgress | EntryState::Failed => {}
    }
    let mut next = entry.clone();
    if expired {
        next.enqueues.clear();
        next.dead_enqueues = DeadEnqueues::default();
        next.withdrawn.clear();
    }
    let Some(mut next) = withdrawn_by(next, withdrawal, now) else { return Withdrawing::Full };
    if !expired
        && next.enqueues == entry.enqueues
        && next.dead_enqueues == entry.dead_enqueues
        && next.withdrawn == entry.withdrawn
    {
        return Withdrawing::Done;
    }
    next.version += 1;
    next.expires = entry.expires.max(withdrawal.expires);
    let expect = Expect::Unchanged { version: entry.version, owner: entry.owner };
    Withdrawing::Write(Box::new(EntryWrite { key: withdrawal.key.clone(), entry: next, expect, changed: Changed::All }))
}

fn tombstone(withdrawal: &Withdrawal, now: Timestamp) -> Withdrawing {
    let state = (EntryState::Failed, Timestamp::from_millis(0));
    let entry = empty(state, withdrawal.token, withdrawal.hash.clone(), 1, withdrawal.expires);
    let Some(entry) = withdrawn_by(entry, withdrawal, now) else { return Withdrawing::Full };
    let (key, expect) = (withdrawal.key.clone(), Expect::AbsentOrExpired(now));
    Withdrawing::Write(Box::new(EntryWrite { key, entry, expect, changed: Changed::All }))
}

/// The entry with the withdrawal written down; `None` if there is no room for it, or none is left for the enqueue of the edited
/// body.
fn withdrawn_by(mut entry: Entry, withdrawal: &Withdrawal, now: Timestamp) -> Option<Entry> {
    let (send, memory) = (withdrawal.send, withdrawal.expires.since(now));
    let room = withdrawal.messages.iter().all(|id| entry.mark_message_dead(id, now, memory));
    if !room || entry.enqueues_left(now, memory) == 0 {
        return None;
    }
    if send.number == ReplayNumber(0) || entry.withdraws(send) {
        return Some(entry);
    }
    entry.withdrawn.retain(|edited| edited.letter != send.letter);
    entry.withdrawn.push(send);
    (entry.withdrawn.len() <= LETTERS).then_some(entry)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::dead_enqueues::DEAD_MARKS;
    use super::super::entry::ENQUEUES;
    use super::*;
    use crate::fault::Fault;
    use crate::ids::{Enqueue, LetterId, QueueArn, Scope};
    use crate::message::key::Key;
    use crate::processing::ledger::{
        Claim, ClaimRefusal, ClaimRequest, ClaimStep, Origin, Settlement, Settling, claim, settle,
    };

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn id(text: &str) -> MessageId {
        MessageId::new(text).unwrap()
    }

    fn letter() -> LetterId {
        LetterId::derive(&QueueArn::new("arn").unwrap(), &id("origin"))
    }

    fn key() -> LedgerKey {
        LedgerKey::owned(&Scope::new("main").unwrap(), &Key::new("k").unwrap())
    }

    fn asked(number: u32) -> Withdrawal {
        Withdrawal {
            key: key(),
            send: SendId { letter: letter(), number: ReplayNumber(number) },
            messages: vec![id("origin")],
            token: OwnerToken::from_random(99),
            hash: PayloadHash::of_text("unedited"),
            expires: at(1_000_000),
        }
    }

    /// The wish of a copy to run: of a number, or of none.
    fn request(message: &str, number: u32, token: u128, now: u64) -> ClaimRequest {
        ClaimRequest {
            key: key(),
            enqueue: Enqueue { message_id: id(message), sent_at: at(now + 1) },
            hash: PayloadHash::of_text("unedited"),
            send: (number > 0).then_some(SendId { letter: letter(), number: ReplayNumber(number) }),
            token: OwnerToken::from_random(token),
            lease_until: at(now + 10_000),
            limit: 3,
            expires: at(1_000_000),
            origin: Origin::default(),
        }
    }

    fn claimed(found: Option<&Entry>, request: &ClaimRequest, now: u64) -> Result<(Entry, Claim), ClaimRefusal> {
        match claim(found, request, at(now)) {
            ClaimStep::Claim(write, claim) => Ok((write.entry, *claim)),
            ClaimStep::Refused(refusal) => Err(refusal),
            other => panic!("{other:?}"),
        }
    }

    fn written(found: Option<&Entry>, asked: &Withdrawal, now: u64) -> Entry {
        match withdraw(found, asked, at(now)) {
            Withdrawing::Write(write) => {
                assert!(write.expect.holds(found));
                write.entry
            }
            other => panic!("{other:?}"),
        }
    }

    fn is_dead(answer: Result<(Entry, Claim), ClaimRefusal>) -> bool {
        matches!(answer, Err(ClaimRefusal::Dead(_)))
    }

    #[test]
    fn where_nothing_was_a_tombstone_keeps_the_former_copies_out_and_lets_the_edited_one_run() {
        let entry = written(None, &asked(2), 5);
        assert_eq!((entry.state, entry.lease_until, entry.version), (EntryState::Failed, at(0), 1));
        for (message, number) in [("origin", 0), ("copy-1", 1), ("copy-2", 2)] {
            assert!(is_dead(claimed(Some(&entry), &request(message, number, 1, 10), 10)), "{message}");
        }
        let (entry, _) = claimed(Some(&entry), &request("copy-3", 3, 1, 10), 10).unwrap();
        assert!(entry.withdraws(asked(2).send), "the claim of the edited copy does not forget it");
        let (_, another) = claimed(Some(&written(None, &asked(2), 5)), &request("another", 0, 1, 10), 10).unwrap();
        assert_eq!(another.attempt(), 1, "a message of its own is none of them");
    }

    #[test]
    fn of_an_entry_that_is_there_only_enqueues_withdrawn_version_and_expiry_change() {
        let (entry, claim) = claimed(None, &request("origin", 0, 1, 0), 0).unwrap();
        let failed = Settlement::Fail(Fault::permanent("no", "no"));
        let Settling::Write(write) = settle(Some(&entry), &claim, &failed, at(5), at(500)) else { panic!() };
        let before = write.entry;
        let after = written(Some(&before), &asked(1), 10);
        let same = Entry {
            enqueues: after.enqueues.clone(),
            dead_enqueues: after.dead_enqueues.clone(),
            withdrawn: after.withdrawn.clone(),
            version: before.version + 1,
            expires: at(1_000_000),
            ..before.clone()
        };
        assert_eq!(after, same);
        assert!(after.is_dead(&request("origin", 0, 1, 77).enqueue), "enqueued at another time it is as dead");
        assert_eq!(after.attempts(&request("origin", 0, 1, 77).enqueue), 1);
        assert!(matches!(withdraw(Some(&after), &asked(1), at(11)), Withdrawing::Done));
    }

    #[test]
    fn whoever_runs_is_waited_for_and_what_is_completed_is_told() {
        let (entry, claim) = claimed(None, &request("origin", 0, 1, 0), 0).unwrap();
        assert!(matches!(withdraw(Some(&entry), &asked(1), at(10_000)), Withdrawing::Waits));
        let Settling::Write(write) = settle(Some(&entry), &claim, &Settlement::Complete, at(5), at(500)) else {
            panic!()
        };
        let Withdrawing::Completed(hash) = withdraw(Some(&write.entry), &asked(1), at(10)) else { panic!() };
        assert_eq!(hash, PayloadHash::of_text("unedited"));
        let expired = at(5_000);
        assert!(matches!(withdraw(Some(&write.entry), &asked(1), expired), Withdrawing::Waits));
    }

    #[test]
    fn a_worker_whose_lease_lapsed_before_the_edit_settles_nothing() {
        for number in [0, 1] {
            let (entry, late) = claimed(None, &request("origin", number, 1, 0), 0).unwrap();
            let after = written(Some(&entry), &asked(1), 20_000);
            let failed = Settlement::Fail(Fault::transient("t", "t"));
            for settlement in [Settlement::Complete, failed, Settlement::Release] {
                let answer = settle(Some(&after), &late, &settlement, at(20_001), at(500));
                assert!(matches!(answer, Settling::Rejected), "{settlement:?}");
            }
            let (_, edited) = claimed(Some(&after), &request("copy-2", 2, 2, 20_002), 20_002).unwrap();
            assert_eq!(edited.attempt(), 1);
        }
    }

    #[test]
    fn what_expired_is_marked_in_place_and_its_enqueues_are_forgotten() {
        let (entry, _) = claimed(None, &ClaimRequest { expires: at(2_000), ..request("x", 0, 1, 0) }, 0).unwrap();
        let later = Duration::from_secs(60).as_millis();
        let after = written(Some(&entry), &asked(1), u64::try_from(later).unwrap());
        assert_eq!(after.enqueues.len(), 1);
        assert!(!after.expired(at(900_000)) && after.version == entry.version + 1);
    }

    #[test]
    fn where_no_enqueue_is_left_for_the_edited_copy_it_is_told() {
        let messages: Vec<_> = (0..ENQUEUES + DEAD_MARKS).map(|n| id(&format!("m-{n}"))).collect();
        let full = Withdrawal { messages: messages.clone(), ..asked(1) };
        assert!(matches!(withdraw(None, &full, at(1)), Withdrawing::Full));
        let fits = Withdrawal { messages: messages[1..].to_vec(), ..asked(1) };
        let mut entry = written(None, &fits, 1);
        assert!(claimed(Some(&entry), &request("edited", 2, 1, 10), 10).is_ok());
        for n in 0..LETTERS {
            let other = LetterId::derive(&QueueArn::new("arn").unwrap(), &id(&format!("letter-{n}")));
            let other =
                Withdrawal { send: SendId { letter: other, number: ReplayNumber(1) }, messages: vec![], ..asked(1) };
            match withdraw(Some(&entry), &other, at(1)) {
                Withdrawing::Write(write) => entry = write.entry,
                Withdrawing::Full => assert_eq!(n, LETTERS - 1),
                other => panic!("{other:?}"),
            }
        }
    }
}
