//! Metrics of each flow's report, one line an invocation, in the embedded metric format.
//!
//! Dimensions: `Function` and `Queue` (the main queue's name); those marked by *class* also once more with `Class`, the letters'
//! `error_type`, in a line of their own. Those marked *all* once more with `Function` alone, all queues together: an alarm cannot
//! search for queues. A count that is zero is left out, and so is a class of which there is nothing. `infra/metrics.json` is the
//! list, made by this module's test; what an alarm or the dashboard shows must be in it.
//!
//! The page docs/metrics.md says of each what it counts; its texts stand in `meter/descriptions.rs`.
//!
//! `TimeToExpiry` counts from the message's `SentTimestamp`: on a standard queue that is the first send, since SQS keeps it when
//! it moves a message; on a FIFO queue, and for what the processor handed over, the move. Where nothing could be indexed that
//! is when a message is lost.

use std::time::Duration;

use redrive_aws::Ages;
use redrive_core::letters::cause::{PendingCounts, PendingSummary};
use redrive_core::time::Timestamp;
use redrive_engine::{Counts, DrainReport, EventCounts, Latencies, ReplayReport};
use redrive_lambda::metrics::{self, Distribution, MetricValue, NAMESPACE, Unit};

/// Log line with metrics.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MetricRow {
    dimensions: Vec<(&'static str, String)>,
    metrics: Vec<MetricValue>,
    distributions: Vec<Distribution>,
    /// True if zeros are written, too: left out, the last values would stand for ever.
    zeros: bool,
}

impl MetricRow {
    /// Returns the metrics to write. A zero says nothing that its absence would not, the first one excepted: it says
    /// that the function ran.
    fn values(&self) -> Vec<MetricValue> {
        let value =
            |(place, metric): (usize, &MetricValue)| (self.zeros || place == 0 || metric.1 > 0.0).then_some(*metric);
        self.metrics.iter().enumerate().filter_map(value).collect()
    }
}

/// Writes the lines to the log.
pub(crate) fn emit(lines: &[MetricRow]) {
    for line in lines {
        let dimensions: Vec<_> = line.dimensions.iter().map(|(name, value)| (*name, value.as_str())).collect();
        metrics::emit(NAMESPACE, &dimensions, &line.values(), &line.distributions);
    }
}

/// Makes a function's lines: of one queue pair, or of all.
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

    /// Makes the lines of a processor's batch.
    pub(crate) fn batch(&self, counts: &Counts) -> Vec<MetricRow> {
        vec![MetricRow { distributions: latencies_of(counts), ..self.counts(of_batch(counts)) }]
    }

    /// Makes the lines of an indexer's run.
    pub(crate) fn drain(&self, report: &DrainReport, retention: Duration, now: Timestamp) -> Vec<MetricRow> {
        let of_class =
            |(class, indexed): (&&str, &usize)| self.counts(vec![count("LettersIndexed", *indexed)]).of(class);
        let mut lines = vec![self.counts(of_drain(report, retention, now))];
        lines.extend(report.pending.iter().map(of_class));
        lines
    }

    /// Makes the lines of a replay's run.
    pub(crate) fn replay(&self, report: &ReplayReport, now: Timestamp) -> Vec<MetricRow> {
        let mut lines =
            vec![MetricRow { distributions: vec![resolution_of(report)], ..self.counts(of_replay(report)) }];
        if let Some(pending_counts) = &report.pending_counts {
            let gauges = |waiting: &PendingSummary| MetricRow { zeros: true, ..self.counts(of_waiting(waiting, now)) };
            lines.push(gauges(&pending_counts.total()));
            lines.extend(pending_counts.types.iter().map(|(class, waiting)| gauges(waiting).of(class)));
        }
        lines
    }

    fn counts(&self, metrics: Vec<MetricValue>) -> MetricRow {
        let dimensions = vec![("Function", self.function.clone()), ("Queue", self.queue.clone())];
        MetricRow { dimensions, metrics, distributions: Vec::new(), zeros: false }
    }
}

impl MetricRow {
    /// Narrows the line to the letters of one error type.
    fn of(mut self, class: &str) -> Self {
        self.dimensions.push(("Class", class.to_owned()));
        self
    }
}

/// Makes the line of the indexer for all queue pairs together, for alarms, which cannot search for queues. Each report
/// comes with how long its dead-letter queue keeps a message.
pub(crate) fn whole_drain<'a>(
    function: &str,
    reports: impl Iterator<Item = (&'a DrainReport, Duration)>,
    now: Timestamp,
) -> MetricRow {
    let of_each: Vec<_> = reports.flat_map(|(report, retention)| of_drain(report, retention, now)).collect();
    let of = |name| of_each.iter().filter(move |metric| metric.0 == name).map(|metric| metric.1);
    let sum = |name| (name, of(name).sum(), Unit::Count);
    let mut metrics = vec![sum("DeadReceived"), sum("NewFingerprints"), sum("Unindexable")];
    metrics.extend(of("TimeToExpiry").reduce(f64::min).map(|least| ("TimeToExpiry", least, Unit::Seconds)));
    MetricRow { dimensions: vec![("Function", function.to_owned())], metrics, distributions: Vec::new(), zeros: false }
}

/// Makes the line of replay for all queue pairs together, for the same reason.
pub(crate) fn whole_pending_counts(function: &str, pending_counts: &PendingCounts, now: Timestamp) -> MetricRow {
    let metrics = of_waiting(&pending_counts.total(), now);
    MetricRow { dimensions: vec![("Function", function.to_owned())], metrics, distributions: Vec::new(), zeros: true }
}

/// Line of the replay about the ages of what waits in the main queues of a list. Where none could be read, no age is told.
pub(crate) fn whole_ages(function: &str, ages: &Ages) -> MetricRow {
    let mut metrics = vec![count("MainQueuesUnread", ages.unread)];
    if ages.read > 0 {
        let oldest = ages.oldest.as_ref().map_or(0.0, |(_, age)| age.as_secs_f64());
        metrics.push(("MainQueueOldestAge", oldest, Unit::Seconds));
    }
    MetricRow { dimensions: vec![("Function", function.to_owned())], metrics, distributions: Vec::new(), zeros: true }
}

/// Line of a function about its integration events. Zeros are told, too: they say that there is a bus.
pub(crate) fn whole_events(function: &str, events: EventCounts) -> MetricRow {
    let metrics = vec![count("EventsSent", events.sent), count("EventsLost", events.lost)];
    MetricRow { dimensions: vec![("Function", function.to_owned())], metrics, distributions: Vec::new(), zeros: true }
}

fn of_batch(counts: &Counts) -> Vec<MetricValue> {
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
        count("CrowdedKeys", counts.crowded_keys),
        count("Attempts", counts.handler.count()),
    ]
}

/// Returns the latencies of handlers and of the ledger.
fn latencies_of(counts: &Counts) -> Vec<Distribution> {
    let of = |name, latencies| distribution(name, latencies, millis, Unit::Milliseconds);
    vec![of("HandlerLatency", &counts.handler), of("LedgerLatency", &counts.ledger)]
}

fn of_drain(report: &DrainReport, retention: Duration, now: Timestamp) -> Vec<MetricValue> {
    let unlisted = report.unlisted + report.source_unsaid;
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
        count("LeftUnlisted", unlisted),
        count("Unindexable", report.lease_live + report.unavailable + report.skipped + unlisted),
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

fn of_waiting(waiting: &PendingSummary, now: Timestamp) -> Vec<MetricValue> {
    let age = waiting.oldest.map_or(Duration::ZERO, |oldest| now.since(oldest));
    vec![
        count("LettersPending", waiting.pending),
        count("LettersForAPerson", waiting.for_a_person),
        ("OldestPendingAge", seconds(age), Unit::Seconds),
    ]
}

fn of_replay(report: &ReplayReport) -> Vec<MetricValue> {
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
        count("LettersTooLarge", report.too_large),
        count("LettersWithoutBody", report.no_body),
        count("LettersForgotten", report.forgotten),
        count("LettersTooManyEnqueues", report.too_many_enqueues),
        count("LettersFreed", report.freed),
        count("JobsOpen", report.jobs.iter().filter(|view| view.job.is_open()).count()),
        count("LettersUnavailable", report.unavailable),
        count("LettersEjected", report.ejected),
        count("LettersInCustody", report.in_custody),
        count("LettersUnlisted", report.unlisted),
        count(
            "CountsIncomplete",
            usize::from(report.pending_counts.as_ref().is_some_and(|pending_counts| pending_counts.at_least)),
        ),
    ]
}

/// Returns the times that letters took to RESOLVED.
fn resolution_of(report: &ReplayReport) -> Distribution {
    distribution("TimeToResolution", &report.took, seconds, Unit::Seconds)
}

fn distribution(name: &'static str, latencies: &Latencies, measure: fn(Duration) -> f64, unit: Unit) -> Distribution {
    (name, latencies.samples().iter().copied().map(measure).collect(), unit)
}

fn count(name: &'static str, value: usize) -> MetricValue {
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
mod descriptions;
#[cfg(test)]
mod tests;
