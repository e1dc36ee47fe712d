//! Each flow's report as one line of numbers an invocation.

use std::time::Duration;

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
        let dimensions = [("Function", self.function.as_str()), ("Queue", self.queue.as_str())];
        metrics::emit(NAMESPACE, &dimensions, &metrics, distributions);
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

pub(crate) fn of_drain(report: &DrainReport) -> Vec<Metric> {
    vec![
        count("DeadReceived", report.received),
        count("LettersCreated", report.created),
        count("LettersChanged", report.changed),
        count("LettersResolved", report.resolved),
        count("DeadDeleted", report.deleted),
        count("DeleteFailures", report.delete_failures),
        count("LeftLeaseLive", report.lease_live),
        count("LeftUnavailable", report.unavailable),
        count("LeftSkipped", report.skipped),
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
        count("LettersDiscarded", report.discarded),
        count("LettersChangedMeanwhile", report.changed_meanwhile),
        count("LettersErased", report.erased),
        count("LettersWithoutSlot", report.no_attribute_slot),
        count("LettersWithoutBody", report.no_body),
        count("LettersUnavailable", report.unavailable),
        count("LettersEjected", report.ejected),
        count("LettersInCustody", report.in_custody),
        count("LettersInDoubt", report.returned_in_doubt),
        count("LettersUnlisted", report.unlisted),
    ]
}

fn count(name: &'static str, value: usize) -> Metric {
    #[expect(clippy::cast_precision_loss, reason = "no batch has 2^52 messages")]
    let value = value as f64;
    (name, value, Unit::Count)
}

fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 1_000.0).round()
}

#[cfg(test)]
mod tests {
    use super::*;

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
