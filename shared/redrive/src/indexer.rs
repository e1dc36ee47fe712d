use std::time::Duration;

use redrive_aws::{LedgerTable, LetterTable, SqsDeadLetterQueue};
use redrive_core::ids::QueueArn;
use redrive_core::ports::{Clock, Entropy};
use redrive_core::processing::mask::Redaction;
use redrive_core::time::Timestamp;
use redrive_engine::{Announced, DrainReport, IndexSettings, IndexedSource, Indexer, LANES, drain_all};
use redrive_lambda::config::{IndexedPair, IndexerConfig, PairConfig, environment};
use redrive_lambda::doorbell::{Wake, watched_queues};
use redrive_lambda::run::{Flow, Invocation, InvocationFailure, serve};
use redrive_lambda::{System, telemetry};
use serde_json::{Value, json};

use crate::Error;
use crate::announcing::{Announcing, announcer};
use crate::error::log;
use crate::meter::{self, Meter};
use crate::traced::Traced;

/// Number of receivers of one queue at once.
const POLLERS: usize = 4;
/// Number of receivers of all queues at once: each holds ten messages of up to 1 MiB.
const RECEIVERS: usize = 8;
/// Wait of a receive: SQS then looks into all of the queue, and not only at a sample of it.
const WAIT: Duration = Duration::from_secs(1);
/// A receive with its writes and deletes takes less; what is left is the next sweep's.
const RESERVE: Duration = Duration::from_secs(3);

/// Runs the indexer until Lambda ends the process.
///
/// # Errors
/// [`Error`], for `main` to return.
pub fn run_indexer() -> Result<(), Error> {
    telemetry::init(environment);
    let ended = start();
    ended.inspect_err(log)
}

fn start() -> Result<(), Error> {
    let config = IndexerConfig::read(environment)?;
    let function = config.function.clone();
    serve(&function, |_| async { indexing(config).await.map(Traced) })
}

async fn indexing(config: IndexerConfig) -> Result<Announcing<Indexing>, Error> {
    let aws = redrive_aws::AwsClients::load(redrive_engine::trace::current).await;
    let IndexerConfig { function, ledger_table, letter_table, pairs, event_bus } = config;
    let announcer = announcer(&aws, event_bus);
    // The others' dead-letter queues are not touched.
    let custody = pairs.into_iter().filter(|pair| pair.pair.custody);
    let queues = by_dead_letter_queue(custody);
    let pollers = (RECEIVERS / queues.len().clamp(1, LANES)).min(POLLERS);
    let mut indexing =
        Indexing { function: function.name.clone(), indexers: Vec::new(), queues: Vec::with_capacity(queues.len()) };
    for SharedQueue { url, pairs } in queues {
        let retention = pairs.iter().map(|pair| pair.dead_letter_retention).min().unwrap_or_default();
        let meter = |pair: &IndexedPair| Meter::new(function.name.clone(), pair.pair.name.clone());
        indexing.queues.push(DrainedQueue {
            name: url.rsplit('/').next().unwrap_or_default().to_owned(),
            sources: pairs.iter().map(|pair| pair.pair.reading.source.clone()).collect(),
            meters: pairs.iter().map(meter).collect(),
            retention,
        });
        let mut sources = pairs.into_iter().map(|IndexedPair { pair, masks, .. }| {
            let PairConfig { reading, policy, ledger, .. } = pair;
            let ledger = ledger_table.clone().filter(|_| ledger).map(|table| aws.ledger(table));
            IndexedSource { ledger, reading, policy, redaction: Redaction::new(masks) }
        });
        let Some(IndexedSource { ledger, reading, policy, redaction }) = sources.next() else { continue };
        let settings = IndexSettings { reading, policy, pollers, wait: WAIT, reserve: RESERVE };
        let letters = Announced::new(aws.letters(letter_table.clone()), announcer.clone());
        let queue = aws.dead_letter_queue(url);
        let indexer = Indexer::new(queue, ledger, letters, System, settings).with_redaction(redaction);
        indexing.indexers.push(sources.fold(indexer, Indexer::shared_by));
    }
    Ok(Announcing { flow: indexing, function: function.name, announcer })
}

/// A dead-letter queue, and the pairs that share it.
struct SharedQueue {
    url: String,
    pairs: Vec<IndexedPair>,
}

/// The pairs of each dead-letter queue, in the order of the first of them.
fn by_dead_letter_queue(pairs: impl Iterator<Item = IndexedPair>) -> Vec<SharedQueue> {
    let mut queues: Vec<SharedQueue> = Vec::new();
    for pair in pairs {
        let is_theirs = |shared: &&mut SharedQueue| {
            shared.pairs.first().is_some_and(|first| first.dead_letter_queue() == pair.dead_letter_queue())
        };
        match queues.iter_mut().find(is_theirs) {
            Some(shared) => shared.pairs.push(pair),
            None => queues.push(SharedQueue { url: pair.dead_letter_queue_url.clone(), pairs: vec![pair] }),
        }
    }
    queues
}

struct Indexing {
    function: String,
    indexers: Vec<Indexer<SqsDeadLetterQueue, Option<LedgerTable>, Announced<LetterTable>, System>>,
    /// The dead-letter queue of each, in the same order.
    queues: Vec<DrainedQueue>,
}

/// A dead-letter queue, as its account is told.
struct DrainedQueue {
    name: String,
    /// The queues that share it, at least one.
    sources: Vec<QueueArn>,
    /// Meters of the pairs, in the same order.
    meters: Vec<Meter>,
    /// Retention of its messages.
    retention: Duration,
}

impl DrainedQueue {
    /// Returns the name of the queue in an answer: its pairs' names.
    fn pairs(&self) -> String {
        self.meters.iter().map(Meter::queue).collect::<Vec<_>>().join(", ")
    }

    fn emit(&self, report: &DrainReport, now: Timestamp) {
        for (meter, share) in self.meters.iter().zip(report.shares(&self.sources)) {
            meter::emit(&meter.drain(&share, self.retention, now));
        }
    }
}

/// Returns the index of the queue whose turn is first: the one that an alarm rings for, else any.
fn first<'a>(mut dead_letters: impl Iterator<Item = &'a String>, rung: &[String], any: usize) -> usize {
    dead_letters.position(|name| rung.contains(name)).unwrap_or(any)
}

impl Flow for Indexing {
    type Event = Value;

    async fn invoke(&self, invocation: Invocation) -> Result<Value, InvocationFailure> {
        let wake = Wake::parse(&invocation.payload).map_err(|why| InvocationFailure::new("WakeNotUnderstood", why))?;
        let woken_by = match &wake {
            Wake::Ring { alarms } => json!({ "alarms": alarms }),
            Wake::Sweep => json!("sweep"),
            Wake::Nothing => return Ok(json!({"woken_by": "an alarm that does not ring"})),
        };
        let any = usize::try_from(System.bits() % (1 << 16)).unwrap_or_default();
        let names = self.queues.iter().map(|queue| &queue.name);
        let first = first(names, &watched_queues(&invocation.payload), any);
        let reports = drain_all(&self.indexers, first, invocation.deadline).await;
        let now = System.now();
        let answered = self.queues.iter().zip(&reports).filter_map(|(queue, report)| Some((queue, report.as_ref()?)));
        answered.clone().for_each(|(queue, report)| queue.emit(report, now));
        let whole = answered.map(|(queue, report)| (report, queue.retention));
        meter::emit(&[meter::whole_drain(&self.function, whole, now)]);
        let queues = self.queues.iter().map(DrainedQueue::pairs).zip(reports).collect();
        answer(queues, woken_by)
    }
}

/// An invocation that could do nothing at all fails, so that somebody is told; one that could do a part answers what: all
/// together, and where there are several queues, each by its name (`null`: there was no time for it).
fn answer(queues: Vec<(String, Option<DrainReport>)>, woken_by: Value) -> Result<Value, InvocationFailure> {
    let whole = queues.iter().filter_map(|(_, report)| report.clone()).fold(DrainReport::default(), DrainReport::and);
    if whole.unavailable + whole.failed_receives > 0 && whole.created + whole.changed + whole.deleted == 0 {
        let why =
            "no message could be indexed: a queue or table did not answer; all of them stay in the dead-letter queue";
        return Err(InvocationFailure::new("Unavailable", why));
    }
    let mut answer = serde_json::to_value(whole).map_err(|why| InvocationFailure::new("NoAnswer", why))?;
    if let Some(fields) = answer.as_object_mut() {
        fields.insert("woken_by".to_owned(), woken_by);
        if queues.len() > 1 {
            fields
                .insert("queues".to_owned(), queues.into_iter().map(|(name, report)| (name, json!(report))).collect());
        }
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drain_that_could_do_nothing_fails_and_one_that_did_a_part_says_which() {
        let nothing = DrainReport { received: 10, unavailable: 10, ..DrainReport::default() };
        assert!(
            answer(vec![("q".to_owned(), Some(nothing.clone()))], json!("sweep"))
                .unwrap_err()
                .to_string()
                .contains("stay in the dead-letter queue")
        );
        let part = DrainReport { created: 1, deleted: 1, ..nothing };
        let said = answer(vec![("q".to_owned(), Some(part.clone()))], json!("sweep")).unwrap();
        assert!(said.get("queues").is_none());
        assert_eq!(
            (&said["created"], &said["unavailable"], &said["woken_by"]),
            (&json!(1), &json!(10), &json!("sweep"))
        );
        assert!(answer(Vec::new(), json!("sweep")).is_ok());
    }

    #[test]
    fn the_queue_that_an_alarm_rings_for_has_the_first_turn() {
        let queues = ["a-dead", "b-dead"].map(str::to_owned);
        assert_eq!(first(queues.iter(), &queues[1..], 7), 1);
        assert_eq!((first(queues.iter(), &["else".to_owned()], 7), first(queues.iter(), &[], 7)), (7, 7));
    }

    #[test]
    fn several_queues_are_told_together_and_each_by_its_name() {
        let one = DrainReport { created: 2, ..DrainReport::default() };
        let other = DrainReport { created: 3, unavailable: 1, ..DrainReport::default() };
        let said = answer(
            ["a", "b", "c"].map(str::to_owned).into_iter().zip([Some(one), Some(other), None]).collect(),
            json!("sweep"),
        )
        .unwrap();
        assert_eq!((&said["created"], &said["unavailable"]), (&json!(5), &json!(1)));
        assert_eq!((&said["queues"]["a"]["created"], &said["queues"]["c"]), (&json!(2), &json!(null)));
    }
}
