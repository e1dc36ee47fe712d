//! Letters of a broker's dead records: what its indexer and its replay have, whichever broker it is.

use std::time::Duration;

use redrive_aws::{AwsClients, AwsGauges, LedgerTable, LetterTable};
use redrive_core::letters::dead_record::DeadRecord;
use redrive_core::ports::{Clock, Gauges, Outbox};
use redrive_core::processing::mask::Redaction;
use redrive_engine::{Announced, DrainReport, IndexedRecords, IndexedSource, QueuePair, RecordIndexer, Replayer};
use redrive_lambda::System;
use redrive_lambda::config::{BrokerIndexing, BrokerReplaying, FunctionIdentity};
use redrive_lambda::run::InvocationFailure;
use tokio::time::Instant;

use crate::announcing::{Announcing, announcer};
use crate::meter::{self, Meter};
use crate::replay::{Replaying, of_no_queue, settings};

/// Indexer of the records that a mapping hands over, with its metrics.
pub(crate) struct RecordIndexing {
    function: String,
    indexer: RecordIndexer<Option<LedgerTable>, Announced<LetterTable>, System>,
    meter: Meter,
}

impl RecordIndexing {
    /// Makes the indexer of a source's records, and what tells other systems of its letters around `flow` of it.
    pub(crate) async fn load<F>(
        function: FunctionIdentity,
        source: &str,
        config: BrokerIndexing,
        flow: impl FnOnce(Self) -> F,
    ) -> Announcing<F> {
        let aws = AwsClients::load(redrive_engine::trace::current).await;
        let announcer = announcer(&aws, config.event_bus);
        let letters = Announced::new(aws.letters(config.letter_table), announcer.clone());
        let indexed = IndexedSource {
            ledger: config.ledger_table.map(|table| aws.ledger(table)),
            reading: config.reading,
            policy: config.policy,
            redaction: Redaction::new(config.masks),
        };
        let meter = Meter::new(function.name.clone(), source.to_owned());
        let indexer = RecordIndexer::new(letters, System, indexed);
        let flow = flow(Self { function: function.name.clone(), indexer, meter });
        Announcing { flow, function: function.name, announcer }
    }

    /// Writes records down, and their metrics. How long they are kept is the broker's own matter.
    pub(crate) async fn index(&self, records: Vec<DeadRecord>, deadline: Instant) -> IndexedRecords {
        let indexed = self.indexer.index(records, deadline).await;
        let (kept, now, report) = (Duration::ZERO, System.now(), &indexed.report);
        meter::emit(&self.meter.drain(report, kept, now));
        meter::emit(&[meter::whole_drain(&self.function, [(report, kept)].into_iter(), now)]);
        indexed
    }
}

/// Failure that brings the batch again: says how many records are no letters yet, and what was in the way.
pub(crate) fn not_indexed(report: &DrainReport, left: usize) -> InvocationFailure {
    let (of, busy) = (report.received, report.lease_live);
    let text = format!(
        "{left} of {of} records are no letters yet, so the batch comes again, and what is a letter stays one: {busy} are still \
         being run, for the others a table did not answer in time"
    );
    InvocationFailure::new("RecordsNotIndexed", text)
}

/// Makes the replay of a source's letters. `gauges` is given the alarms, which are CloudWatch's whatever the broker is.
pub(crate) async fn replaying<O: Outbox, G: Gauges>(
    function: FunctionIdentity,
    source: &str,
    config: BrokerReplaying,
    outbox: O,
    gauges: impl FnOnce(AwsGauges) -> G,
) -> Announcing<Replaying<O, G>> {
    let aws = AwsClients::load(redrive_engine::trace::current).await;
    let announcer = announcer(&aws, config.event_bus);
    let letters = Announced::new(aws.letters(config.letter_table), announcer.clone());
    let ledger = config.ledger_table.map(|table| aws.ledger(table));
    // The rest of these gauges is of a queue of SQS, which is none here.
    let gauges = gauges(aws.gauges(String::new()));
    let pair = QueuePair::new(config.reading, config.policy, outbox, ledger, gauges);
    let replayer = Replayer::new(letters, System, settings(config.ledger_retention), vec![pair]);
    let (name, meters) = (function.name.clone(), vec![Meter::new(function.name.clone(), source.to_owned())]);
    let (allowed_actions, of_no_queue) = (config.allowed_actions, of_no_queue(&name));
    let flow = Replaying { function: name.clone(), allowed_actions, replayer, meters, of_no_queue, ages: None };
    Announcing { flow, function: name, announcer }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_how_many_records_are_left_and_why() {
        let report = DrainReport { received: 5, lease_live: 1, ..DrainReport::default() };
        let text = not_indexed(&report, 3).to_string();
        assert!(text.starts_with("3 of 5 records") && text.contains("1 are still being run"), "{text}");
    }
}
