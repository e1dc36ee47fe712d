//! Typed configuration, read once from the environment: the only place that does.
//!
//! Whatever is wrong is collected and told at once, a line each with what is allowed. A function never starts with a
//! configuration that breaks a rule between two settings (a lease longer than the visibility timeout, say).

mod broker_letters;
mod broker_processing;
mod fields;
mod kafka;
mod pairs;
mod rabbitmq;
mod reader;
mod section;
mod single;
#[cfg(test)]
mod tests;
mod times;

use std::time::Duration;

use redrive_core::message::decode::Reading;
use redrive_core::processing::backoff::Schedule;
use redrive_core::processing::ledger::{CLOCK_SKEW, LEASE_MARGIN, SETTLE_RESERVE, claim_hold};
use redrive_core::processing::mask::Masks;
use redrive_core::processing::outcome::OutageBrake;
use redrive_core::processing::powertools::PowertoolsKeys;
use redrive_core::replay::AllowedActions;
use redrive_core::settings::{self, MOST_RECEIVES};

pub use broker_letters::{BrokerIndexing, BrokerReplaying};
pub use broker_processing::BrokerProcessing;
use fields::QueueSetting;
pub use kafka::{KafkaAnswer, KafkaConfig, KafkaIndexerConfig, KafkaReplayConfig};
pub use pairs::{DestinationConfig, IndexedPair, PairConfig, ReplayedPair};
pub use rabbitmq::{RabbitConfig, RabbitIndexerConfig, RabbitReplayConfig};
pub use reader::{ConfigError, Problem, Reader};

/// A variable of this process.
#[must_use]
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Identity of this function. Whoever has one was started by Lambda, or by something that looks like it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionIdentity {
    /// Name of the function.
    pub name: String,
    /// Memory of the function in MB, by which Lambda gives it the time of processors.
    pub memory_mb: u64,
}

/// Configuration of the processor.
#[derive(Debug, Clone)]
pub struct ProcessorConfig {
    /// Identity of this function.
    pub function: FunctionIdentity,
    /// URL of the main queue.
    pub main_queue_url: String,
    /// The name of the main queue.
    pub main_queue_name: String,
    /// True if it is a FIFO queue.
    pub fifo: bool,
    /// Queue to which the processor itself sends dead messages (`ON_DEAD=direct`); `None`: SQS's own redrive policy
    /// moves them.
    pub dead_letters: Option<String>,
    /// Table of the ledger.
    pub ledger_table: String,
    /// Configuration by which messages are read.
    pub reading: Reading,
    /// The delays between attempts.
    pub schedule: Schedule,
    /// Number of receives after which SQS moves a message.
    pub max_receive_count: u32,
    /// The most time that one attempt gets.
    pub handler_timeout: Duration,
    /// The longest time for which a claim may wait for a handler's free slot.
    pub claim_hold: Duration,
    /// Values that are masked out of error texts.
    pub masks: Masks,
    /// Part of a message's time that is kept for settling it.
    pub settle_reserve: Duration,
    /// Reaction to a batch that looks like an outage.
    pub outage_brake: OutageBrake,
    /// Greatest difference between two workers' clocks.
    pub clock_skew: Duration,
    /// Limit of handlers that run at once.
    pub concurrency: usize,
    /// Time for which the ledger remembers a key.
    pub ledger_retention: Duration,
    /// Powertools' idempotency table of an earlier consumer, and its keys, if it is honoured.
    pub powertools: Option<(String, PowertoolsKeys)>,
}

impl ProcessorConfig {
    /// Reads the configuration from the environment.
    ///
    /// # Errors
    /// [`ConfigError`] lists everything that is wrong.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(&lookup);
        let function = fields::function(&mut reader);
        let (url, queue) = (fields::main_queue_url(&mut reader), fields::main_queue(&mut reader));
        fields::same_queue(&mut reader, url.as_deref(), queue.as_ref());
        let dead_letters = dead_letters(&mut reader, queue.as_ref());
        let ledger_table = fields::ledger_table(&mut reader);
        let reading = fields::reading(&mut reader, queue.as_ref());
        let schedule = reader.word(&settings::RETRY_SCHEDULE, |text| Schedule::parse(text).map_err(|e| e.to_string()));
        let max_receive_count = reader.number(&settings::MAX_RECEIVE_COUNT);
        let visibility = reader.number(&settings::QUEUE_VISIBILITY_TIMEOUT_SECONDS);
        let handler_timeout = reader.number(&settings::HANDLER_TIMEOUT_SECONDS);
        let function_timeout = times::function_timeout(&mut reader);
        let concurrency = reader.number(&settings::CONCURRENCY);
        let retention = reader.number(&settings::LEDGER_RETENTION_DAYS);
        let main_retention = fields::main_retention(&mut reader);
        let outage_brake = reader.word(&settings::OUTAGE_BRAKE, |text| match text {
            "on" => Ok(OutageBrake::Signal),
            "quiet" => Ok(OutageBrake::Quiet),
            "off" => Ok(OutageBrake::Off),
            _ => Err("on, quiet or off".to_owned()),
        });
        let masks = fields::masks(&mut reader);
        let powertools = fields::powertools(&mut reader, reading.as_ref());
        enough_receives(&mut reader, max_receive_count, schedule.as_ref());
        all_receives(&mut reader, max_receive_count, queue.as_ref());
        short_lease(&mut reader, handler_timeout, visibility);
        times::handler_ends_first(&mut reader, handler_timeout, function_timeout);
        times::visible_after_six_timeouts(&mut reader, visibility, function_timeout);
        long_memory(&mut reader, retention, main_retention);
        reader.finish(|| {
            let queue = queue?;
            Some(Self {
                function: function?,
                main_queue_url: url?,
                fifo: queue.is_fifo(),
                main_queue_name: queue.name,
                dead_letters: dead_letters?,
                ledger_table: ledger_table?,
                reading: reading?,
                schedule: schedule?,
                max_receive_count: u32::try_from(max_receive_count?).ok()?,
                handler_timeout: Duration::from_secs(handler_timeout?),
                claim_hold: claim_hold(Duration::from_secs(handler_timeout?), Duration::from_secs(visibility?)),
                masks: masks?,
                settle_reserve: SETTLE_RESERVE,
                outage_brake: outage_brake?,
                clock_skew: CLOCK_SKEW,
                concurrency: usize::try_from(concurrency?).ok()?,
                ledger_retention: fields::days(retention?),
                powertools: powertools?,
            })
        })
    }
}

/// Configuration of the indexer.
#[derive(Debug, Clone)]
pub struct IndexerConfig {
    /// Identity of this function.
    pub function: FunctionIdentity,
    /// The ledger, if any consumer keeps one.
    pub ledger_table: Option<String>,
    /// Table of the letters.
    pub letter_table: String,
    /// The queue pairs, at least one.
    pub pairs: Vec<IndexedPair>,
    /// ARN of the bus on which other systems are told of letters, if there is one.
    pub event_bus: Option<String>,
}

impl IndexerConfig {
    /// Reads the configuration from the environment.
    ///
    /// # Errors
    /// [`ConfigError`] lists everything that is wrong.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(&lookup);
        let function = fields::function(&mut reader);
        let (pairs, ledger_table) = pairs::read(&mut reader, single::indexed);
        let letter_table = fields::table(&mut reader, "DEAD_LETTER_TABLE_NAME");
        let event_bus = fields::event_bus(&mut reader);
        reader.finish(|| {
            Some(Self {
                function: function?,
                ledger_table: ledger_table?,
                letter_table: letter_table?,
                pairs: pairs?,
                event_bus: event_bus?,
            })
        })
    }
}

/// Configuration of the replay function.
#[derive(Debug, Clone)]
pub struct ReplayConfig {
    /// Identity of this function.
    pub function: FunctionIdentity,
    /// The ledger, if any consumer keeps one.
    pub ledger_table: Option<String>,
    /// Time for which the ledger remembers a key.
    pub ledger_retention: Duration,
    /// Table of the letters.
    pub letter_table: String,
    /// The queue pairs, at least one.
    pub pairs: Vec<ReplayedPair>,
    /// True if the ages of the main queues are read, because no alarm looks at each of them.
    pub reads_ages: bool,
    /// Requests that this function carries out.
    pub allowed_actions: AllowedActions,
    /// ARN of the bus on which other systems are told of letters and jobs, if there is one.
    pub event_bus: Option<String>,
}

impl ReplayConfig {
    /// Reads the configuration from the environment.
    ///
    /// # Errors
    /// [`ConfigError`] lists everything that is wrong.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(&lookup);
        let function = fields::function(&mut reader);
        let (pairs, ledger_table) = pairs::read(&mut reader, single::replayed);
        let retention = reader.number(&settings::LEDGER_RETENTION_DAYS);
        let letter_table = fields::table(&mut reader, "DEAD_LETTER_TABLE_NAME");
        let reads_ages = reader.word(&settings::MAIN_QUEUE_AGES, |text| match text {
            "on" => Ok(true),
            "off" => Ok(false),
            _ => Err("on (read from CloudWatch every five minutes) or off".to_owned()),
        });
        let allowed_actions = fields::allowed_actions(&mut reader);
        let event_bus = fields::event_bus(&mut reader);
        reader.finish(|| {
            Some(Self {
                function: function?,
                event_bus: event_bus?,
                reads_ages: reads_ages?,
                allowed_actions: allowed_actions?,
                ledger_table: ledger_table?,
                ledger_retention: fields::days(retention?),
                letter_table: letter_table?,
                pairs: pairs?,
            })
        })
    }
}

/// Returns the queue to which the processor itself sends dead messages, if it does. On a FIFO queue it should, or each
/// of them holds up its group until its receives are used up.
fn dead_letters(reader: &mut Reader<'_>, main: Option<&QueueSetting>) -> Option<Option<String>> {
    let default = if main.is_some_and(QueueSetting::is_fifo) { "direct" } else { "redrive" };
    let direct = reader.optional(settings::ON_DEAD.name, default, |text| match text {
        "redrive" => Ok(false),
        "direct" => Ok(true),
        _ => Err("redrive (SQS's redrive policy moves dead messages) or direct (the processor sends them)".to_owned()),
    })?;
    if direct { fields::dead_letter_queue_url(reader, main).map(Some) } else { Some(None) }
}

/// Refuses few receives on a FIFO queue: those of a message that fails are also those of every message behind it.
fn all_receives(reader: &mut Reader<'_>, receives: Option<u64>, main: Option<&QueueSetting>) {
    let Some(receives) = receives.filter(|receives| *receives < MOST_RECEIVES) else { return };
    if main.is_some_and(QueueSetting::is_fifo) {
        reader.refuse(
            "MAX_RECEIVE_COUNT",
            format!("is {receives}, and on a FIFO queue the messages behind a failing one would die with it"),
            format!("{MOST_RECEIVES}, as in the queue's redrive policy: attempts are counted in the ledger"),
        );
    }
}

/// Receives are not attempts: without headroom a message dies before its schedule is through.
fn enough_receives(reader: &mut Reader<'_>, receives: Option<u64>, schedule: Option<&Schedule>) {
    let (Some(receives), Some(schedule)) = (receives, schedule) else { return };
    let rule = settings::RECEIVES_FOR_ATTEMPTS;
    let least = rule.least(u64::from(schedule.attempts()));
    if receives < least {
        reader.refuse(
            "MAX_RECEIVE_COUNT",
            format!("is {receives}, and the retry schedule has {} attempts", schedule.attempts()),
            format!("at least {least}, as in the queue's redrive policy: attempts and {} more", rule.plus),
        );
    }
}

/// A lease that outlives the visibility timeout would keep the message's own next receive out.
fn short_lease(reader: &mut Reader<'_>, handler_timeout: Option<u64>, visibility: Option<u64>) {
    let (Some(handler_timeout), Some(visibility)) = (handler_timeout, visibility) else { return };
    let margin = LEASE_MARGIN.as_secs();
    if !settings::LEASE_ENDS_FIRST.holds(visibility, handler_timeout) {
        reader.refuse(
            "HANDLER_TIMEOUT_SECONDS",
            format!("is {handler_timeout}, so that a lease ({margin} s more) outlasts the visibility timeout of {visibility} s"),
            format!("less than {}, or a longer QUEUE_VISIBILITY_TIMEOUT_SECONDS", visibility.saturating_sub(margin)),
        );
    }
}

/// A ledger that forgets before the queues do lets a redelivery run again.
fn long_memory(reader: &mut Reader<'_>, retention: Option<u64>, main_retention: Option<u64>) {
    let (Some(retention), Some(main_retention)) = (retention, main_retention) else { return };
    let least = settings::LEDGER_OUTLASTS_QUEUES.least(main_retention);
    if retention < least {
        reader.refuse(
            "LEDGER_RETENTION_DAYS",
            format!(
                "is {retention}, and a message may come back for {} days",
                main_retention + settings::DLQ_RETENTION
            ),
            format!("at least {least}: what both queues keep, and a margin"),
        );
    }
}
