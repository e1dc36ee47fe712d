use std::time::Duration;

use redrive_aws::{LedgerTable, LetterTable, SqsDeadLetterQueue};
use redrive_core::mask::Redaction;
use redrive_core::ports::{Clock, Entropy};
use redrive_engine::{DrainReport, IndexSettings, Indexer, LANES, drain_all};
use redrive_lambda::config::{IndexedPair, IndexerConfig, Pair, environment};
use redrive_lambda::doorbell::{Wake, watched_queues};
use redrive_lambda::run::{Failure, Flow, Invocation, serve};
use redrive_lambda::{System, telemetry};
use serde_json::{Value, json};

use crate::Error;
use crate::error::log;
use crate::meter::{self, Meter};

/// How many receive from one queue at once.
const POLLERS: usize = 4;
/// How many receive at once from all of them: each holds ten messages of up to 1 MiB.
const RECEIVERS: usize = 8;
/// How long a receive waits: SQS then looks into all of the queue, and not only at a sample of it.
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
    serve(&function, |_| indexing(config))
}

async fn indexing(config: IndexerConfig) -> Result<Indexing, Error> {
    let aws = redrive_aws::Aws::load().await;
    let IndexerConfig { function, ledger_table, letter_table, pairs } = config;
    // The others' dead-letter queues are not touched.
    let pairs: Vec<_> = pairs.into_iter().filter(|pair| pair.pair.custody).collect();
    let pollers = (RECEIVERS / pairs.len().clamp(1, LANES)).min(POLLERS);
    let queues = pairs.into_iter().map(|IndexedPair { pair, dead_letter_queue_url, dead_letter_retention, masks }| {
        let Pair { name, reading, policy, ledger, .. } = pair;
        let settings = IndexSettings { reading, policy, pollers, wait: WAIT, reserve: RESERVE };
        let ledger = ledger_table.clone().filter(|_| ledger).map(|table| aws.ledger(table));
        let letters = aws.letters(letter_table.clone());
        let dead_letters = dead_letter_queue_url.rsplit('/').next().unwrap_or_default().to_owned();
        let indexer = Indexer::new(aws.dead_letter_queue(dead_letter_queue_url), ledger, letters, System, settings);
        let meter = (Meter::new(function.name.clone(), name), dead_letter_retention);
        (indexer.with_redaction(Redaction::new(masks)), (meter, dead_letters))
    });
    let (indexers, meters): (_, Vec<_>) = queues.unzip();
    let (meters, dead_letters) = meters.into_iter().unzip();
    Ok(Indexing { function: function.name, indexers, meters, dead_letters })
}

struct Indexing {
    function: String,
    indexers: Vec<Indexer<SqsDeadLetterQueue, Option<LedgerTable>, LetterTable, System>>,
    /// Of each, in the same order, and how long its dead-letter queue keeps a message.
    meters: Vec<(Meter, Duration)>,
    /// The name of each dead-letter queue.
    dead_letters: Vec<String>,
}

/// Whose turn is first: the queue's that an alarm rings for, else any.
fn first(dead_letters: &[String], rung: &[String], any: usize) -> usize {
    dead_letters.iter().position(|name| rung.contains(name)).unwrap_or(any)
}

impl Flow for Indexing {
    async fn invoke(&self, invocation: Invocation) -> Result<Value, Failure> {
        let wake = Wake::parse(&invocation.payload).map_err(|why| Failure::new("WakeNotUnderstood", why))?;
        let woken_by = match &wake {
            Wake::Ring { alarms } => json!({ "alarms": alarms }),
            Wake::Sweep => json!("sweep"),
            Wake::Nothing => return Ok(json!({"woken_by": "an alarm that does not ring"})),
        };
        let any = usize::try_from(System.bits() % (1 << 16)).unwrap_or_default();
        let first = first(&self.dead_letters, &watched_queues(&invocation.payload), any);
        let reports = drain_all(&self.indexers, first, invocation.deadline).await;
        let now = System.now();
        let told = self.meters.iter().zip(&reports).filter_map(|(meter, report)| Some((meter, report.as_ref()?)));
        told.clone().for_each(|((meter, retention), report)| meter::emit(&meter.drain(report, *retention, now)));
        let whole = told.map(|((_, retention), report)| (report, *retention));
        meter::emit(&[meter::whole_drain(&self.function, whole, now)]);
        let queues = self.meters.iter().map(|(meter, _)| meter.queue()).zip(reports).collect();
        answer(queues, woken_by)
    }
}

/// An invocation that could do nothing at all fails, so that somebody is told; one that could do a part answers what: all
/// together, and where there are several queues, each by its name (`null`: there was no time for it).
fn answer(queues: Vec<(&str, Option<DrainReport>)>, woken_by: Value) -> Result<Value, Failure> {
    let whole = queues.iter().filter_map(|(_, report)| report.clone()).fold(DrainReport::default(), DrainReport::and);
    if whole.unavailable + whole.failed_receives > 0 && whole.created + whole.changed + whole.deleted == 0 {
        let why =
            "no message could be indexed: a queue or table did not answer; all of them stay in the dead-letter queue";
        return Err(Failure::new("Unavailable", why));
    }
    let mut answer = serde_json::to_value(whole).map_err(|why| Failure::new("NoAnswer", why))?;
    if let Some(fields) = answer.as_object_mut() {
        fields.insert("woken_by".to_owned(), woken_by);
        if queues.len() > 1 {
            fields.insert(
                "queues".to_owned(),
                queues.into_iter().map(|(name, report)| (name.to_owned(), json!(report))).collect(),
            );
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
            answer(vec![("q", Some(nothing.clone()))], json!("sweep"))
                .unwrap_err()
                .to_string()
                .contains("stay in the dead-letter queue")
        );
        let part = DrainReport { created: 1, deleted: 1, ..nothing };
        let said = answer(vec![("q", Some(part.clone()))], json!("sweep")).unwrap();
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
        assert_eq!(first(&queues, &queues[1..], 7), 1);
        assert_eq!((first(&queues, &["else".to_owned()], 7), first(&queues, &[], 7)), (7, 7));
    }

    #[test]
    fn several_queues_are_told_together_and_each_by_its_name() {
        let one = DrainReport { created: 2, ..DrainReport::default() };
        let other = DrainReport { created: 3, unavailable: 1, ..DrainReport::default() };
        let said = answer(vec![("a", Some(one)), ("b", Some(other)), ("c", None)], json!("sweep")).unwrap();
        assert_eq!((&said["created"], &said["unavailable"]), (&json!(5), &json!(1)));
        assert_eq!((&said["queues"]["a"]["created"], &said["queues"]["c"]), (&json!(2), &json!(null)));
    }
}
