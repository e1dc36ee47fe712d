//! Settings of the engine for records of Kafka and RabbitMQ.

use redrive_core::processing::outcome::{OutageBrake, Rules};
use redrive_core::settings::MOST_RECEIVES;
use redrive_engine::{Order, ProcessSettings};
use redrive_lambda::config::BrokerProcessing;

/// Makes the engine's settings. Nobody counts the deliveries of a record: attempts are counted in the ledger alone.
pub(crate) fn process_settings(config: BrokerProcessing, order: Order, brake: OutageBrake) -> ProcessSettings {
    ProcessSettings {
        reading: config.reading,
        order,
        rules: Rules { schedule: config.schedule, max_receives: u32::try_from(MOST_RECEIVES).unwrap_or(u32::MAX) },
        handler_timeout: config.handler_timeout,
        claim_hold: config.claim_hold,
        masks: config.masks,
        concurrency: config.concurrency,
        retention: config.ledger_retention,
        settle_reserve: config.settle_reserve,
        clock_skew: config.clock_skew,
        brake,
    }
}
