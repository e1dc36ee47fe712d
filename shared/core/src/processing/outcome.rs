//! Outcome of a received message, and so the answer to Lambda and SQS.

use std::time::Duration;

use thiserror::Error;

use crate::fault::{Class, Fault};
use crate::ids::MessageId;
use crate::processing::backoff;
use crate::time::Timestamp;

/// Settings by which delays are computed.
#[derive(Debug, Clone)]
pub struct Rules {
    /// The delays between attempts.
    pub schedule: backoff::Schedule,
    /// `maxReceiveCount` of the queue's redrive policy.
    pub max_receives: u32,
}

/// Kind of outage, as seen from within a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Outage {
    /// The ledger could not be asked.
    #[error("the ledger is out of reach")]
    Ledger,
    /// The handler's dependencies all seem to be down.
    #[error("nothing of the batch succeeded, and every fault is TRANSIENT")]
    Handler,
}

/// Number of TRANSIENT faults, and nothing else, that look like an outage; fewer may be a coincidence.
const EVIDENCE: usize = 3;

impl Outage {
    /// Returns the kind of outage that a batch looks like, if it does. Its messages are then hidden for longer, which
    /// slows it down for certain: see [`Lasting`]. A failed invocation may not slow down polling with partial
    /// responses: AWS's page on errors of SQS mappings says that it does not.
    ///
    /// `known`: the process is in an outage of this kind already, and no batch is too small to belong to it.
    ///
    /// Rule R24 of docs/protocol.md.
    #[must_use]
    pub fn seen_in<'a>(outcomes: impl IntoIterator<Item = &'a Outcome>, known: bool) -> Option<Self> {
        let (mut transient, mut ledger_out) = (0, false);
        for outcome in outcomes {
            match outcome {
                Outcome::Completed | Outcome::Duplicate | Outcome::HandedOver { .. } => return None,
                Outcome::LedgerOut => ledger_out = true,
                _ => match outcome.class() {
                    Some(Class::Transient) => transient += 1,
                    Some(_) => return None,
                    None => {}
                },
            }
        }
        let evidence = if known { 1 } else { EVIDENCE };
        if ledger_out { Some(Self::Ledger) } else { (transient >= evidence).then_some(Self::Handler) }
    }
}

/// Reaction to an outage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OutageBrake {
    /// Do nothing: each message follows its own schedule.
    Off,
    /// Hide every message of the batch for as long as the outage has lasted.
    Quiet,
    /// The same, and the invocation fails: a signal for people, by the metric `Errors`.
    #[default]
    Signal,
}

impl OutageBrake {
    /// Returns true if messages are hidden for longer.
    #[must_use]
    pub const fn brakes(self) -> bool {
        matches!(self, Self::Quiet | Self::Signal)
    }

    /// Returns true if the invocation fails.
    #[must_use]
    pub const fn signals(self) -> bool {
        matches!(self, Self::Signal)
    }
}

/// An outage as one process has seen it: from when until when, with nothing that succeeded in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lasting {
    since: Timestamp,
    last: Timestamp,
}

impl Lasting {
    /// The outage with what was seen of it now. After a long silence it is another one: what was hidden has come back by then,
    /// and a process that was frozen has seen nothing.
    #[must_use]
    pub fn continued(before: Option<Self>, now: Timestamp) -> Self {
        let same = before.filter(|outage| now.since(outage.last) <= backoff::outage(outage.lasted(), 0) * 2);
        Self { since: same.map_or(now, |outage| outage.since), last: now }
    }

    /// Returns true if both are one outage.
    #[must_use]
    pub fn is_one_with(&self, other: &Self) -> bool {
        self.since == other.since
    }

    /// Returns the time that the outage has lasted: zero at first.
    #[must_use]
    pub fn lasted(&self) -> Duration {
        self.last.since(self.since)
    }
}

/// The end of one receive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The completion was read as written.
    Completed,
    /// The ledger shows it completed with this payload.
    Duplicate,
    /// The attempt failed and another follows.
    Retry {
        /// Fault of the attempt.
        fault: Fault,
        /// Number of the attempt.
        attempt: u32,
    },
    /// The enqueue ended with this receive or an earlier one: SQS moves it when its receives are used up.
    Dead {
        /// Fault that ended the enqueue; of an earlier receive if `now` is false.
        fault: Fault,
        /// Number of the attempt.
        attempt: u32,
        /// True if this receive is the one that ended it.
        now: bool,
    },
    /// The enqueue ended, and the dead-letter queue has the message under another id: that was read in SQS's `Successful`.
    HandedOver {
        /// Fault that ended the enqueue.
        fault: Fault,
        /// Number of the attempt.
        attempt: u32,
        /// True if this receive is the one that ended it.
        now: bool,
        /// Message id in the dead-letter queue.
        as_id: MessageId,
    },
    /// Another worker has the key until then.
    Busy(Timestamp),
    /// The message waited for a record of the same batch with the same key, or of the same FIFO group. It comes back
    /// after this delay (`None`: with its visibility as it was).
    Behind(Option<Duration>),
    /// The message had too little time left to start.
    NotStarted,
    /// The settlement was rejected, or its answer never came: nobody may touch the visibility.
    Unsettled,
    /// The ledger could not be asked.
    LedgerOut,
    /// The record lacks a field that every record has; left as it is.
    Unreadable,
}

impl Outcome {
    /// Returns true if Lambda may delete the message.
    ///
    /// Rule R14 of docs/protocol.md.
    #[must_use]
    pub const fn acknowledged(&self) -> bool {
        matches!(self, Self::Completed | Self::Duplicate | Self::HandedOver { .. })
    }

    /// The fault's class, if the receive ended with one.
    #[must_use]
    pub const fn class(&self) -> Option<Class> {
        match self {
            Self::Retry { fault, .. }
            | Self::Dead { fault, now: true, .. }
            | Self::HandedOver { fault, now: true, .. } => Some(fault.class),
            _ => None,
        }
    }

    /// Returns one word for logs and metrics.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Duplicate => "duplicate",
            Self::Retry { .. } => "retry",
            Self::Dead { .. } => "dead",
            Self::HandedOver { .. } => "handed-over",
            Self::Busy(_) | Self::Behind(_) => "busy",
            Self::NotStarted => "not-started",
            Self::Unsettled => "unsettled",
            Self::LedgerOut => "ledger-out",
            Self::Unreadable => "unreadable",
        }
    }

    /// Returns true if a dead message is still received though SQS should have moved it. The queue then has no redrive
    /// policy, or a more patient one than is configured here.
    #[must_use]
    pub const fn is_past_its_move(&self, receive_count: u32, max_receives: u32) -> bool {
        matches!(self, Self::Dead { .. }) && receive_count > max_receives.saturating_add(2)
    }

    /// Returns true if a message with this outcome waits until an outage is over. A dead one does not: all it needs is
    /// the rest of its receives.
    #[must_use]
    pub const fn waits_out(&self) -> bool {
        !matches!(self, Self::Dead { .. })
    }

    /// Returns the delay after which the message shall come back; `None` leaves its visibility as it is. `out` is the
    /// time for which the ledger has been out of reach.
    ///
    /// Rule R21 of docs/protocol.md.
    #[must_use]
    pub fn visibility(
        &self,
        rules: &Rules,
        receive_count: u32,
        out: Duration,
        now: Timestamp,
        roll: u64,
    ) -> Option<Duration> {
        let schedule = &rules.schedule;
        match self {
            Self::Completed | Self::Duplicate | Self::HandedOver { .. } | Self::Unsettled | Self::Unreadable => None,
            Self::Retry { fault, attempt } => Some(match fault.retry_after {
                Some(delay) => backoff::whole_seconds(delay.max(schedule.delay(*attempt, roll))),
                None => schedule.delay(*attempt, roll),
            }),
            // It would spin otherwise, at a receive a second for ever.
            Self::Dead { .. } if self.is_past_its_move(receive_count, rules.max_receives) => {
                Some(schedule.delay(schedule.attempts(), roll))
            }
            Self::Dead { .. } => Some(backoff::dead(roll)),
            Self::Busy(until) => Some(backoff::busy(until.since(now), roll)),
            Self::Behind(delay) => *delay,
            Self::NotStarted => Some(backoff::not_started(roll)),
            Self::LedgerOut => Some(backoff::outage(out, roll)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visibility(outcome: &Outcome) -> Option<u64> {
        at_receive(outcome, 1)
    }

    fn at_receive(outcome: &Outcome, receive: u32) -> Option<u64> {
        let rules = Rules { schedule: backoff::Schedule::parse("8s,80s").unwrap(), max_receives: 8 };
        let (now, out) = (Timestamp::from_millis(1_000), Duration::from_secs(70));
        outcome.visibility(&rules, receive, out, now, 0).map(|delay| delay.as_secs())
    }

    #[test]
    fn only_a_completion_a_known_duplicate_or_what_the_dead_letter_queue_has_is_acknowledged() {
        let fault = Fault::transient("t", "t");
        let failed = [
            Outcome::Retry { fault: fault.clone(), attempt: 1 },
            Outcome::Dead { fault, attempt: 1, now: true },
            Outcome::Busy(Timestamp::from_millis(1)),
            Outcome::Behind(Some(Duration::from_secs(1))),
            Outcome::NotStarted,
            Outcome::Unsettled,
            Outcome::LedgerOut,
            Outcome::Unreadable,
        ];
        assert!(failed.iter().all(|outcome| !outcome.acknowledged()));
        let as_id = MessageId::new("d-1").unwrap();
        let handed_over = Outcome::HandedOver { fault: Fault::permanent("p", "p"), attempt: 1, now: true, as_id };
        assert!([Outcome::Completed, Outcome::Duplicate, handed_over].iter().all(Outcome::acknowledged));
    }

    #[test]
    fn an_unsettled_message_keeps_its_visibility() {
        assert_eq!(visibility(&Outcome::Unsettled), None);
    }

    #[test]
    fn a_retry_follows_its_schedule_and_a_later_wish_of_the_fault() {
        let retry =
            |after| Outcome::Retry { fault: Fault { retry_after: after, ..Fault::transient("t", "t") }, attempt: 2 };
        assert_eq!(visibility(&retry(None)), Some(60));
        assert_eq!(visibility(&retry(Some(Duration::from_secs(600)))), Some(600));
        assert_eq!(visibility(&retry(Some(Duration::from_secs(5)))), Some(60));
    }

    #[test]
    fn a_dead_message_that_nobody_moves_backs_off_instead_of_spinning() {
        let dead = Outcome::Dead { fault: Fault::permanent("p", "p"), attempt: 1, now: false };
        assert_eq!([1, 9, 10].map(|receive| at_receive(&dead, receive)), [Some(1); 3]);
        assert_eq!(at_receive(&dead, 11), Some(60));
    }

    #[test]
    fn an_outage_is_nothing_done_and_only_transient_faults_or_no_ledger() {
        let retry = || Outcome::Retry { fault: Fault::transient("t", "t"), attempt: 1 };
        let dead = || Outcome::Dead { fault: Fault::permanent("p", "p"), attempt: 1, now: true };
        let seen = |outcomes: &[Outcome]| Outage::seen_in(outcomes, false);
        assert_eq!(seen(&[]), None);
        assert_eq!(seen(&[retry(), retry()]), None, "two may be a coincidence");
        assert_eq!(Outage::seen_in(&[retry()], true), Some(Outage::Handler), "in an outage a small batch is none");
        assert_eq!(Outage::seen_in(&[Outcome::NotStarted], true), None);
        assert_eq!(seen(&[retry(), retry(), retry(), Outcome::NotStarted]), Some(Outage::Handler));
        assert_eq!(seen(&[retry(), retry(), retry(), Outcome::Completed]), None);
        assert_eq!(seen(&[retry(), retry(), retry(), dead()]), None);
        assert_eq!(seen(&[Outcome::LedgerOut, Outcome::Busy(Timestamp::NEVER)]), Some(Outage::Ledger));
        assert_eq!(seen(&[Outcome::LedgerOut, Outcome::Duplicate]), None);
    }

    #[test]
    fn without_the_ledger_a_message_waits_as_long_as_the_outage_has_lasted_whatever_its_receive() {
        assert_eq!([1, 9].map(|receive| at_receive(&Outcome::LedgerOut, receive)), [Some(70); 2]);
    }

    #[test]
    fn an_outage_lasts_from_its_first_sight_to_its_last_and_a_long_silence_begins_another() {
        let at = |second: u64| Timestamp::from_millis(second * 1_000);
        let mut outage = Lasting::continued(None, at(100));
        let lasted = [101, 131, 180, 280].map(|second| {
            outage = Lasting::continued(Some(outage), at(second));
            outage.lasted().as_secs()
        });
        assert_eq!(lasted, [1, 31, 80, 180]);
        assert_eq!(
            Lasting::continued(Some(outage), at(280 + 361)).lasted(),
            Duration::ZERO,
            "twice its pause has passed"
        );
        assert_eq!(Lasting::continued(Some(outage), at(280 + 360)).lasted().as_secs(), 540);
    }

    #[test]
    fn a_busy_message_comes_back_after_the_lease() {
        assert_eq!(visibility(&Outcome::Busy(Timestamp::from_millis(8_000))), Some(8));
    }
}
