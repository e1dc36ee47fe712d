//! Each flow's report as one line of numbers an invocation, in the embedded metric format.
//!
//! Dimensions: `Function` and `Queue` (the main queue's name); those marked by *class* also once more with `Class`, the letters'
//! `error_type`, in a line of their own. A count that is zero is left out, and so is a class of which there is nothing.
//!
//! | from | metric | unit | what it is |
//! |---|---|---|---|
//! | indexer | `DeadReceived` | Count | messages received from the dead-letter queue; 0 says that it ran |
//! | | `LettersCreated`, `LettersChanged`, `LettersResolved` | Count | new letters; deaths of known ones; found done |
//! | | `LettersIndexed` (class only) | Count | letters that came to PENDING |
//! | | `DeadDeleted`, `DeleteFailures` | Count | messages deleted; known to the table, and not deleted yet |
//! | | `Unindexable` | Count | messages that stayed, all reasons together |
//! | | `LeftLeaseLive` | Count | of these: somebody still runs them |
//! | | `LeftUnavailable` | Count | of these: a table did not answer, or not in time, or could not read what it holds |
//! | | `LeftSkipped` | Count | of these: without an id, a receipt handle, a body or a timestamp |
//! | | `SeenAgain` | Count | messages received twice by one run |
//! | | `FailedReceives` | Count | receives that the queue did not answer |
//! | | `NewFingerprints` | Count | causes that nobody had seen before |
//! | | `UnrecordedCauses` | Count | causes whose record was not written |
//! | | `TimeToExpiry` | Seconds | until the oldest message that was received and stayed is deleted by SQS; only if one stayed |
//! | replay | `LettersPending` (also by class) | Count | PENDING, all of them; at most once a minute, by the schedule |
//! | | `LettersForAPerson` (also by class) | Count | of these: the policy never replays them |
//! | | `OldestPendingAge` (also by class) | Seconds | since the first failure of the oldest of them |
//! | | `Replay…`, `Letters…` | Count | what became of the letters of a run, see `ReplayReport` |
//! | processor | everything else | Count, Milliseconds | what became of the messages of a batch, see `Counts` |
//!
//! `TimeToExpiry` counts from the message's `SentTimestamp`: on a standard queue that is the first send, since SQS keeps it when
//! it moves a message; on a FIFO queue, and for what the processor handed over, the move. Where nothing could be indexed that
//! is when a message is lost.

use std::time::Duration;

use redrive_core::cause::Waiting;
use redrive_core::time::Timestamp;
use redrive_engine::{Counts, DrainReport, Latencies, ReplayReport};
use redrive_lambda::metrics::{self, Distribution, Metric, NAMESPACE, Unit};

/// Writes a function's metrics.
#[derive(Debug, Clone)]
pub(crate) struct Meter {
    function: String,
    queue: String,
}

impl Meter {
    pub(crate) const fn new(function: String, queue: String) -> Self {
        Self { function, queue }
    }

    /// The queue pair's name.
    pub(crate) fn queue(&self) -> &str {
        &self.queue
    }

    /// A number that is zero says nothing that its absence would not, the first one excepted: it says that the
    /// function ran.
    pub(crate) fn emit(&self, metrics: &[Metric], distributions: &[Distribution]) {
        let metrics: Vec<Metric> = metrics
            .iter()
            .enumerate()
            .filter(|(place, (_, value, _))| *place == 0 || *value > 0.0)
            .map(|(_, metric)| *metric)
            .collect();
        metrics::emit(NAMESPACE, &self.dimensions(), &metrics, distributions);
    }
}

impl Meter {
    /// Numbers that mean something at zero, too: left out, the last ones would stand for ever.
    pub(crate) fn gauge(&self, metrics: &[Metric]) {
        metrics::emit(NAMESPACE, &self.dimensions(), metrics, &[]);
    }

    /// Of the letters of one error type.
    pub(crate) fn emit_class(&self, class: &str, metrics: &[Metric]) {
        let [function, queue] = self.dimensions();
        metrics::emit(NAMESPACE, &[function, queue, ("Class", class)], metrics, &[]);
    }

    const fn dimensions(&self) -> [(&str, &str); 2] {
        [("Function", self.function.as_str()), ("Queue", self.queue.as_str())]
    }
}

pub(crate) fn of_batch(counts: &Counts) -> Vec<Metric> {
    let [transient, permanent, timeout, schema] = counts.faults;
    vec![
        count("Received", counts.received),
        count("Completed", counts.completed),
        count("Duplicates", counts.duplicates),
        count("Retries", counts.retries),
        count("Dead", counts.dead),
        count("HandedOver", counts.handed_over),
        count("WaitingForMove", counts.waiting_for_move),
        count("Busy", counts.busy),
        count("NotStarted", counts.not_started),
        count("Unsettled", counts.unsettled),
        count("LedgerOut", counts.ledger_out),
        count("Unreadable", counts.unreadable),
        count("FaultsTransient", transient),
        count("FaultsPermanent", permanent),
        count("FaultsTimeout", timeout),
        count("FaultsSchema", schema),
        count("UnstableKeys", counts.unstable_keys),
        count("VisibilityFailures", counts.visibility_failures),
        count("PastTheirMove", counts.past_their_move),
        count("Crowded", counts.crowded),
        count("Attempts", counts.handler.count()),
    ]
}

/// How long handlers and the ledger took.
pub(crate) fn latencies_of(counts: &Counts) -> Vec<Distribution> {
    let of = |name, latencies: &Latencies| {
        (name, latencies.samples().iter().copied().map(millis).collect(), Unit::Milliseconds)
    };
    vec![of("HandlerLatency", &counts.handler), of("LedgerLatency", &counts.ledger)]
}

pub(crate) fn of_drain(report: &DrainReport, retention: Duration, now: Timestamp) -> Vec<Metric> {
    let mut metrics = vec![
        count("DeadReceived", report.received),
        count("LettersCreated", report.created),
        count("LettersChanged", report.changed),
        count("LettersResolved", report.resolved),
        count("DeadDeleted", report.deleted),
        count("DeleteFailures", report.delete_failures),
        count("LeftLeaseLive", report.lease_live),
        count("LeftUnavailable", report.unavailable),
        count("LeftSkipped", report.skipped),
        count("Unindexable", report.lease_live + report.unavailable + report.skipped),
        count("SeenAgain", report.repeated),
        count("FailedReceives", report.failed_receives),
        count("NewFingerprints", report.new_fingerprints),
        count("UnrecordedCauses", report.unrecorded_causes),
    ];
    metrics.extend(report.oldest_left.map(|sent_at| {
        // What has expired is gone within the second: a zero would be left out.
        let left = sent_at.after(retention).since(now).max(Duration::from_secs(1));
        ("TimeToExpiry", seconds(left), Unit::Seconds)
    }));
    metrics
}

/// By class.
pub(crate) fn of_indexed(report: &DrainReport) -> Vec<(&'static str, Vec<Metric>)> {
    report.pending.iter().map(|(class, indexed)| (*class, vec![count("LettersIndexed", *indexed)])).collect()
}

pub(crate) fn of_waiting(waiting: &Waiting, now: Timestamp) -> Vec<Metric> {
    let age = waiting.oldest.map_or(Duration::ZERO, |oldest| now.since(oldest));
    vec![
        count("LettersPending", waiting.pending),
        count("LettersForAPerson", waiting.for_a_person),
        ("OldestPendingAge", seconds(age), Unit::Seconds),
    ]
}

pub(crate) fn of_replay(report: &ReplayReport) -> Vec<Metric> {
    vec![
        count("ReplayConsidered", report.considered),
        count("ReplaySent", report.sent),
        count("ReplayTakenOver", report.taken_over),
        count("ReplayNotSent", report.not_sent),
        count("ReplayInDoubt", report.in_doubt),
        count("LettersResolved", report.resolved + report.resolved_instead),
        count("LettersWithoutOutcome", report.no_outcome),
        count("ReplayReturnedInDoubt", report.returned_in_doubt),
        count("LettersDiscarded", report.discarded),
        count("LettersRestored", report.restored),
        count("LettersChangedMeanwhile", report.changed_meanwhile),
        count("LettersErased", report.erased),
        count("LettersWithoutSlot", report.no_attribute_slot),
        count("LettersWithoutBody", report.no_body),
        count("LettersForgotten", report.forgotten),
        count("JobsOpen", report.jobs.iter().filter(|view| view.job.is_open()).count()),
        count("LettersUnavailable", report.unavailable),
        count("LettersEjected", report.ejected),
        count("LettersInCustody", report.in_custody),
        count("LettersUnlisted", report.unlisted),
    ]
}

fn count(name: &'static str, value: usize) -> Metric {
    #[expect(clippy::cast_precision_loss, reason = "no batch has 2^52 messages")]
    let value = value as f64;
    (name, value, Unit::Count)
}

fn seconds(time: Duration) -> f64 {
    time.as_secs_f64().floor()
}

fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 1_000.0).round()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stayed_is_told_by_its_reason_and_by_when_it_will_be_lost() {
        let at = |seconds: u64| Timestamp::from_millis(seconds * 1_000);
        let (lease_live, unavailable, skipped) = (1, 2, 3);
        let report = DrainReport { lease_live, unavailable, skipped, repeated: 9, ..DrainReport::default() };
        let told = |report: &DrainReport, now| {
            let metrics = of_drain(report, Duration::from_secs(100), at(now));
            let seen: Vec<_> = metrics.iter().filter(|(_, value, _)| *value > 0.0).copied().collect();
            seen
        };
        let seen = told(&report, 150);
        assert!(seen.contains(&("Unindexable", 6.0, Unit::Count)) && seen.contains(&("SeenAgain", 9.0, Unit::Count)));
        assert!(seen.iter().all(|(name, ..)| *name != "TimeToExpiry"), "nothing is known to wait");
        let report = DrainReport { oldest_left: Some(at(90)), ..report };
        let expiry = |now| told(&report, now).into_iter().find(|(name, ..)| *name == "TimeToExpiry");
        assert_eq!(expiry(150), Some(("TimeToExpiry", 40.0, Unit::Seconds)));
        assert_eq!(expiry(500), Some(("TimeToExpiry", 1.0, Unit::Seconds)));
    }

    #[test]
    fn what_waits_is_told_at_zero_too() {
        let now = Timestamp::from_millis(90_000);
        let values = |waiting: &Waiting| of_waiting(waiting, now).into_iter().map(|(_, value, _)| value).collect();
        let none: Vec<_> = values(&Waiting::default());
        assert_eq!(none, [0.0, 0.0, 0.0]);
        let oldest = Some(Timestamp::from_millis(30_000));
        let some: Vec<_> = values(&Waiting { pending: 3, for_a_person: 2, oldest });
        assert_eq!(some, [3.0, 2.0, 60.0]);
    }

    #[test]
    fn faults_are_named_after_their_classes() {
        let counts = Counts { received: 3, faults: [1, 0, 0, 2], ..Counts::default() };
        let seen: Vec<_> = of_batch(&counts)
            .into_iter()
            .filter(|(_, value, _)| *value > 0.0)
            .map(|(name, value, _)| (name, value))
            .collect();
        assert_eq!(seen, [("Received", 3.0), ("FaultsTransient", 1.0), ("FaultsSchema", 2.0)]);
    }
}
