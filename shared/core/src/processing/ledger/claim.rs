use super::entry::{Entry, EntryState, LastFault, Origin, empty};
use super::{Changed, EntryWrite, Expect};
use crate::fault::Fault;
use crate::ids::{Enqueue, OwnerToken, SendId};
use crate::message::key::{LedgerKey, PayloadHash};
use crate::time::Timestamp;

/// The wish to run a message.
#[derive(Debug, Clone)]
pub struct ClaimRequest {
    /// The entry of its key.
    pub key: LedgerKey,
    /// The enqueue that was received.
    pub enqueue: Enqueue,
    /// Hash of its payload.
    pub hash: PayloadHash,
    /// Identity of the send, if it is a replay.
    pub send: Option<SendId>,
    /// Made once, before the first try.
    pub token: OwnerToken,
    /// Time until which the claim shall hold, counted from before the claim is sent.
    pub lease_until: Timestamp,
    /// Limit of attempts for an enqueue.
    pub limit: u32,
    /// Time at which the entry shall expire.
    ///
    /// Rule R18 of docs/protocol.md.
    pub expires: Timestamp,
    /// Invocation that claims, for the record of a worker that was lost.
    pub origin: Origin,
}

/// The right to run a message once, and the duty to settle it.
#[derive(Debug)]
pub struct Claim {
    request: ClaimRequest,
    entry: Entry,
}

impl Claim {
    /// Returns the request of this claim.
    #[must_use]
    pub const fn request(&self) -> &ClaimRequest {
        &self.request
    }

    /// The entry as the claim left it.
    #[must_use]
    pub const fn entry(&self) -> &Entry {
        &self.entry
    }

    /// Returns the number of this attempt of the enqueue: 1 for the first.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.entry.attempts(&self.request.enqueue)
    }
}

/// Reason for which a message may not run now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClaimRefusal {
    /// The message is done already, with this very payload: acknowledge.
    Duplicate,
    /// The key was used for another payload: PERMANENT, recorded without an owner.
    KeyReused,
    /// All enqueues of the key are dead, and no more can be remembered: PERMANENT, recorded in a keyless entry. See
    /// [`super::free`].
    TooManyEnqueues,
    /// The enqueue is dead: the message waits for SQS to move it.
    Dead(Option<LastFault>),
    /// Another worker runs the message until then.
    Busy(Timestamp),
}

/// Next step of a claim.
#[derive(Debug)]
pub enum ClaimStep {
    /// Write this; if the write succeeds, the claim is won. If its condition fails, ask again with what was found.
    Claim(Box<EntryWrite>, Box<Claim>),
    /// Write this; if the write succeeds, the answer is the refusal.
    MarkDead(Box<EntryWrite>, ClaimRefusal),
    /// The claim is won already, its answer was lost on the way: nothing to write.
    ///
    /// Rule R13 of docs/protocol.md.
    Won(Box<Claim>),
    /// The claim is refused, and nothing is to be written.
    Refused(ClaimRefusal),
}

/// Decides a claim against the entry as it was last seen (`None`: not seen, or not there).
///
/// Rule R10 of docs/protocol.md.
#[must_use]
pub fn claim(found: Option<&Entry>, request: &ClaimRequest, now: Timestamp) -> ClaimStep {
    let Some(entry) = found.filter(|entry| !entry.expired(now)) else {
        let version = found.map_or(1, |entry| entry.version.saturating_add(1));
        return win(None, request, version, Expect::AbsentOrExpired(now), now);
    };
    let unchanged = Expect::Unchanged { version: entry.version, owner: entry.owner };
    let enqueue = &request.enqueue;
    let lapsed = entry.lease_until < now;

    if entry.owner == request.token && entry.state == EntryState::InProgress {
        return ClaimStep::Won(Box::new(Claim { request: request.clone(), entry: entry.clone() }));
    }
    let over = entry.is_over(enqueue, request.send);
    let may_run = !over && entry.attempts(enqueue) < request.limit;
    if lapsed && may_run {
        return win(Some(entry), request, entry.version + 1, unchanged, now);
    }
    match entry.state {
        EntryState::Completed if entry.hash.is_same(&request.hash) => ClaimStep::Refused(ClaimRefusal::Duplicate),
        EntryState::Completed => ClaimStep::Refused(ClaimRefusal::KeyReused),
        _ if over => ClaimStep::Refused(ClaimRefusal::Dead(entry.fault_of(enqueue))),
        EntryState::InProgress if !lapsed => ClaimStep::Refused(ClaimRefusal::Busy(entry.lease_until)),
        // Another enqueue died here; this one may still run.
        EntryState::Failed if may_run => win(Some(entry), request, entry.version + 1, unchanged, now),
        EntryState::InProgress | EntryState::Failed => mark_dead(entry, request, now, unchanged),
    }
}

fn win(old: Option<&Entry>, request: &ClaimRequest, version: u64, expect: Expect, now: Timestamp) -> ClaimStep {
    let mut entry = old.cloned().unwrap_or_else(|| {
        let state = (EntryState::InProgress, request.lease_until);
        empty(state, request.token, request.hash.clone(), version, request.expires)
    });
    // As long as an entry is remembered an enqueue may come back.
    if !entry.start_attempt(&request.enqueue, now, request.expires.since(now)) {
        return ClaimStep::Refused(ClaimRefusal::TooManyEnqueues);
    }
    entry.state = EntryState::InProgress;
    entry.owner = request.token;
    entry.lease_until = request.lease_until;
    entry.hash = request.hash.clone();
    entry.version = version;
    entry.send = request.send;
    entry.expires = request.expires;
    let write = EntryWrite { key: request.key.clone(), entry: entry.clone(), expect, changed: Changed::All };
    ClaimStep::Claim(Box::new(write), Box::new(Claim { request: request.clone(), entry }))
}

/// The enqueue is at its limit, and nobody ever said that it failed for good: its last worker was lost (or the limit
/// was lowered since).
fn mark_dead(old: &Entry, request: &ClaimRequest, now: Timestamp, expect: Expect) -> ClaimStep {
    let mut entry = old.clone();
    if entry.state == EntryState::InProgress {
        let fault = Fault::timeout("worker-lost", "the last attempt never reported back, and no attempt is left");
        entry.record_failure(&request.enqueue, &fault, request.origin.clone(), now);
    }
    entry.mark_dead(&request.enqueue);
    entry.state = EntryState::Failed;
    entry.owner = request.token;
    entry.lease_until = Timestamp::NEVER;
    entry.version += 1;
    entry.expires = request.expires;
    let refusal = ClaimRefusal::Dead(entry.fault_of(&request.enqueue));
    ClaimStep::MarkDead(
        Box::new(EntryWrite { key: request.key.clone(), entry, expect, changed: Changed::All }),
        refusal,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{MessageId, Scope};
    use crate::message::key::Key;
    use crate::processing::ledger::{Settlement, Settling, settle};

    const LIMIT: u32 = 2;
    const FOREVER: Timestamp = Timestamp::from_millis(1_000_000_000);

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn request(token: u128, message: &str, body: &str, now: u64) -> ClaimRequest {
        ClaimRequest {
            key: LedgerKey::owned(&Scope::new("main").unwrap(), &Key::new("k").unwrap()),
            enqueue: Enqueue { message_id: MessageId::new(message).unwrap(), sent_at: at(1) },
            hash: PayloadHash::of_text(body),
            send: None,
            token: OwnerToken::from_random(token),
            lease_until: at(now + 10_000),
            limit: LIMIT,
            expires: FOREVER,
            origin: Origin::default(),
        }
    }

    fn won(found: Option<&Entry>, request: &ClaimRequest, now: u64) -> (Claim, Entry) {
        match claim(found, request, at(now)) {
            ClaimStep::Claim(write, claim) => {
                assert!(write.expect.holds(found), "the condition must hold for what was decided on");
                (*claim, write.entry)
            }
            other => panic!("expected a claim, got {other:?}"),
        }
    }

    fn refused(found: &Entry, request: &ClaimRequest, now: u64) -> ClaimRefusal {
        match claim(Some(found), request, at(now)) {
            ClaimStep::Refused(refusal) => refusal,
            other => panic!("expected a refusal, got {other:?}"),
        }
    }

    fn settled(claim: &Claim, entry: &Entry, settlement: &Settlement) -> Entry {
        match settle(Some(entry), claim, settlement, at(50), FOREVER) {
            Settling::Write(write) => write.entry,
            other => panic!("expected a write, got {other:?}"),
        }
    }

    #[test]
    fn the_first_claim_needs_no_read_and_counts_one_attempt() {
        let (claim, entry) = won(None, &request(1, "a", "x", 0), 0);
        assert_eq!((claim.attempt(), entry.state, entry.version), (1, EntryState::InProgress, 1));
    }

    #[test]
    fn a_live_lease_keeps_everyone_else_out_whatever_their_payload() {
        let (_, entry) = won(None, &request(1, "a", "x", 0), 0);
        for body in ["x", "y"] {
            assert_eq!(refused(&entry, &request(2, "b", body, 5), 5), ClaimRefusal::Busy(at(10_000)));
        }
    }

    #[test]
    fn ones_own_token_in_a_refusal_is_a_lost_answer() {
        let request = request(1, "a", "x", 0);
        let (_, entry) = won(None, &request, 0);
        assert!(matches!(claim(Some(&entry), &request, at(0)), ClaimStep::Won(claim) if claim.attempt() == 1));
    }

    #[test]
    fn a_completed_key_answers_duplicate_for_its_payload_and_reused_for_another() {
        let (claim, entry) = won(None, &request(1, "a", "x", 0), 0);
        let done = settled(&claim, &entry, &Settlement::Complete);
        assert_eq!(refused(&done, &request(2, "b", "x", 60), 60), ClaimRefusal::Duplicate);
        assert_eq!(refused(&done, &request(2, "b", "y", 60), 60), ClaimRefusal::KeyReused);
    }

    #[test]
    fn a_lapsed_lease_is_taken_over_until_the_limit_and_then_dead_enqueues_as_worker_lost() {
        let (_, first) = won(None, &request(1, "a", "x", 0), 0);
        let (claim2, second) = won(Some(&first), &request(2, "a", "x", 20_000), 20_000);
        assert_eq!(claim2.attempt(), 2);
        let third = request(3, "a", "x", 40_000);
        let ClaimStep::MarkDead(write, ClaimRefusal::Dead(Some(fault))) = claim(Some(&second), &third, at(40_000))
        else {
            panic!("at the limit the life is dead");
        };
        assert_eq!(fault.code, "worker-lost");
        assert!(write.entry.is_dead(&third.enqueue) && write.expect.holds(Some(&second)));
        assert!(matches!(refused(&write.entry, &request(4, "a", "x", 50_000), 50_000), ClaimRefusal::Dead(Some(_))));
    }

    #[test]
    fn a_dead_enqueue_may_never_claim_and_another_enqueue_reopens() {
        let (claim, entry) = won(None, &request(1, "a", "x", 0), 0);
        let dead = settled(&claim, &entry, &Settlement::Fail(Fault::permanent("no", "no")));
        assert!(matches!(refused(&dead, &request(2, "a", "x", 60), 60), ClaimRefusal::Dead(Some(_))));
        let (reopened, entry) = won(Some(&dead), &request(3, "b", "x", 60), 60);
        assert_eq!((reopened.attempt(), entry.version), (1, 3));
        assert!(matches!(refused(&entry, &request(4, "a", "x", 99_999), 99_999), ClaimRefusal::Dead(Some(_))));
    }

    #[test]
    fn a_retryable_failure_frees_the_key_at_once_and_the_last_one_kills_the_enqueue() {
        let (claim, entry) = won(None, &request(1, "a", "x", 0), 0);
        let failed = settled(&claim, &entry, &Settlement::Fail(Fault::transient("t", "t")));
        assert_eq!((failed.state, failed.lease_until), (EntryState::Failed, at(0)));
        let (claim, entry) = won(Some(&failed), &request(2, "a", "x", 60), 60);
        let dead = settled(&claim, &entry, &Settlement::Fail(Fault::transient("t", "t")));
        assert!(dead.is_dead(&request(2, "a", "x", 60).enqueue) && dead.lease_until == Timestamp::NEVER);
    }

    #[test]
    fn a_released_claim_counts_no_attempt_and_frees_the_key() {
        let (claim1, entry) = won(None, &request(1, "a", "x", 0), 0);
        let released = settled(&claim1, &entry, &Settlement::Release);
        assert_eq!((released.attempts(&request(1, "a", "x", 0).enqueue), released.history.len()), (0, 0));
        let (claim2, _) = won(Some(&released), &request(2, "a", "x", 60), 60);
        assert_eq!(claim2.attempt(), 1);
    }

    #[test]
    fn an_enqueue_over_a_lowered_limit_is_dead_enqueues_with_its_own_fault() {
        let (claim1, entry) = won(None, &request(1, "a", "x", 0), 0);
        let failed = settled(&claim1, &entry, &Settlement::Fail(Fault::transient("slow", "t")));
        let lowered = ClaimRequest { limit: 1, ..request(2, "a", "x", 60) };
        let ClaimStep::MarkDead(write, ClaimRefusal::Dead(Some(fault))) = claim(Some(&failed), &lowered, at(60)) else {
            panic!("no attempt is left under the new limit");
        };
        assert_eq!((fault.code.as_str(), write.entry.lease_until), ("slow", Timestamp::NEVER));
    }

    #[test]
    fn an_expired_entry_counts_as_absent_even_if_it_was_completed() {
        let (claim1, entry) = won(None, &request(1, "a", "x", 0), 0);
        let done = settled(&claim1, &entry, &Settlement::Complete);
        let later = FOREVER.as_millis() + 1_000;
        let (claim2, entry) = won(Some(&done), &request(2, "b", "y", later), later);
        assert_eq!((claim2.attempt(), entry.version), (1, done.version + 1));
    }

    #[test]
    fn an_unfenced_settlement_is_rejected_whoever_owns_the_key_by_now() {
        let (late, first) = won(None, &request(1, "a", "x", 0), 0);
        let (claim2, second) = won(Some(&first), &request(2, "a", "x", 20_000), 20_000);
        for found in [Some(&second), Some(&settled(&claim2, &second, &Settlement::Complete)), None] {
            let answer = settle(found, &late, &Settlement::Complete, at(30_000), FOREVER);
            assert!(matches!(answer, Settling::Rejected), "{found:?}");
        }
    }

    #[test]
    fn a_settlement_whose_answer_was_lost_is_done_and_the_opposite_one_is_rejected() {
        let (claim, entry) = won(None, &request(1, "a", "x", 0), 0);
        let done = settled(&claim, &entry, &Settlement::Complete);
        let again = |settlement| settle(Some(&done), &claim, &settlement, at(50), FOREVER);
        assert!(matches!(again(Settlement::Complete), Settling::Done));
        assert!(matches!(again(Settlement::Fail(Fault::transient("t", "t"))), Settling::Rejected));
    }
}
