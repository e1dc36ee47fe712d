use std::time::Duration;

use redrive_aws::{LedgerTable, LetterTable, SqsDeadLetterQueue};
use redrive_core::mask::Redaction;
use redrive_core::ports::Clock;
use redrive_engine::{DrainReport, IndexSettings, Indexer};
use redrive_lambda::config::{IndexerConfig, environment};
use redrive_lambda::doorbell::Wake;
use redrive_lambda::run::{Failure, Flow, Invocation, serve};
use redrive_lambda::{System, telemetry};
use serde_json::{Value, json};

use crate::Error;
use crate::error::log;
use crate::meter::{self, Meter};

/// How many receive at once.
const POLLERS: usize = 4;
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
    let settings = IndexSettings {
        reading: config.reading,
        policy: config.policy,
        pollers: POLLERS,
        wait: WAIT,
        reserve: RESERVE,
    };
    let queue = aws.dead_letter_queue(config.dead_letter_queue_url);
    let (ledger, letters) = (aws.ledger(config.ledger_table), aws.letters(config.letter_table));
    Ok(Indexing {
        indexer: Indexer::new(queue, ledger, letters, System, settings).with_redaction(Redaction::new(config.masks)),
        meter: Meter::new(config.function.name, config.main_queue_name),
        retention: config.dead_letter_retention,
    })
}

struct Indexing {
    indexer: Indexer<SqsDeadLetterQueue, LedgerTable, LetterTable, System>,
    meter: Meter,
    retention: Duration,
}

impl Flow for Indexing {
    async fn invoke(&self, invocation: Invocation) -> Result<Value, Failure> {
        let wake = Wake::parse(&invocation.payload).map_err(|why| Failure::new("WakeNotUnderstood", why))?;
        let woken_by = match &wake {
            Wake::Ring { alarms } => json!({ "alarms": alarms }),
            Wake::Sweep => json!("sweep"),
            Wake::Nothing => return Ok(json!({"woken_by": "an alarm that does not ring"})),
        };
        let report = self.indexer.drain(invocation.deadline).await;
        self.meter.emit(&meter::of_drain(&report, self.retention, System.now()), &[]);
        for (class, metrics) in meter::of_indexed(&report) {
            self.meter.emit_class(class, &metrics);
        }
        answer(&report, woken_by)
    }
}

/// An invocation that could do nothing at all fails, so that somebody is told; one that could do a part answers what.
fn answer(report: &DrainReport, woken_by: Value) -> Result<Value, Failure> {
    if report.unavailable + report.failed_receives > 0 && report.created + report.changed + report.deleted == 0 {
        let why =
            "no message could be indexed: a queue or table did not answer; all of them stay in the dead-letter queue";
        return Err(Failure::new("Unavailable", why));
    }
    let mut answer = serde_json::to_value(report).map_err(|why| Failure::new("NoAnswer", why))?;
    if let Some(fields) = answer.as_object_mut() {
        fields.insert("woken_by".to_owned(), woken_by);
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drain_that_could_do_nothing_fails_and_one_that_did_a_part_says_which() {
        let nothing = DrainReport { received: 10, unavailable: 10, ..DrainReport::default() };
        assert!(answer(&nothing, json!("sweep")).unwrap_err().to_string().contains("stay in the dead-letter queue"));
        let part = DrainReport { created: 1, deleted: 1, ..nothing };
        let said = answer(&part, json!("sweep")).unwrap();
        assert_eq!(
            (&said["created"], &said["unavailable"], &said["woken_by"]),
            (&json!(1), &json!(10), &json!("sweep"))
        );
        assert!(answer(&DrainReport::default(), json!("sweep")).is_ok());
    }
}
