//! Settings by which handlers run on the records of a broker.

use std::time::Duration;

use redrive_core::message::decode::Reading;
use redrive_core::processing::backoff::Schedule;
use redrive_core::processing::ledger::{CLOCK_SKEW, SETTLE_RESERVE, claim_hold};
use redrive_core::processing::mask::Masks;
use redrive_core::settings;

use super::fields::{self, QueueSetting};
use super::{Reader, times};

/// Settings by which handlers run on records: the same for Kafka and RabbitMQ. Nothing there has a visibility, and nobody counts receives.
#[derive(Debug, Clone)]
pub struct BrokerProcessing {
    /// Table of the ledger.
    pub ledger_table: String,
    /// Configuration by which messages are read.
    pub reading: Reading,
    /// The delays between attempts.
    pub schedule: Schedule,
    /// Most time that one attempt gets.
    pub handler_timeout: Duration,
    /// Longest time for which a claim may wait for a handler's free slot.
    pub claim_hold: Duration,
    /// Values that are masked out of error texts.
    pub masks: Masks,
    /// Part of an invocation's time that is kept for settling.
    pub settle_reserve: Duration,
    /// Greatest difference between two workers' clocks.
    pub clock_skew: Duration,
    /// Limit of handlers that run at once.
    pub concurrency: usize,
    /// Time for which the ledger remembers a key.
    pub ledger_retention: Duration,
}

impl BrokerProcessing {
    /// Reads the settings. `source`: what letters are named after.
    pub(super) fn read(reader: &mut Reader<'_>, source: Option<&QueueSetting>) -> Option<Self> {
        let ledger_table = fields::ledger_table(reader);
        let reading = fields::reading(reader, source);
        let schedule = reader.word(&settings::RETRY_SCHEDULE, |text| Schedule::parse(text).map_err(|e| e.to_string()));
        let handler_timeout = reader.number(&settings::HANDLER_TIMEOUT_SECONDS);
        let function_timeout = times::function_timeout(reader);
        let concurrency = reader.number(&settings::CONCURRENCY);
        let retention = reader.number(&settings::LEDGER_RETENTION_DAYS);
        let masks = fields::masks(reader);
        times::handler_ends_first(reader, handler_timeout, function_timeout);
        let handler_timeout = Duration::from_secs(handler_timeout?);
        Some(Self {
            ledger_table: ledger_table?,
            reading: reading?,
            schedule: schedule?,
            handler_timeout,
            // No visibility timeout that a lease could outlast.
            claim_hold: claim_hold(handler_timeout, Duration::MAX),
            masks: masks?,
            settle_reserve: SETTLE_RESERVE,
            clock_skew: CLOCK_SKEW,
            concurrency: usize::try_from(concurrency?).ok()?,
            ledger_retention: fields::days(retention?),
        })
    }
}
