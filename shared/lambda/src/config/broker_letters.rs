//! Settings of the indexer and of the replay of a broker's letters, whichever broker it is.

use std::time::Duration;

use redrive_core::letters::policy::Policy;
use redrive_core::message::decode::Reading;
use redrive_core::processing::mask::Masks;
use redrive_core::replay::AllowedActions;
use redrive_core::settings;

use super::Reader;
use super::fields::{self, QueueSetting};

/// Settings by which dead records become letters.
#[derive(Debug, Clone)]
pub struct BrokerIndexing {
    /// The ledger, if the consumer keeps one.
    pub ledger_table: Option<String>,
    /// Table of the letters.
    pub letter_table: String,
    /// Configuration by which records are read: the processor's own, or the keys would differ.
    pub reading: Reading,
    /// Policy of the letters. Without a ledger only a person replays.
    pub policy: Policy,
    /// Values that are masked out of the reasons that records bring with them.
    pub masks: Masks,
    /// ARN of the bus on which other systems are told of letters, if there is one.
    pub event_bus: Option<String>,
}

impl BrokerIndexing {
    /// Reads the settings. `None` if one of them is refused, which the reader knows.
    pub(super) fn read(reader: &mut Reader<'_>, source: Option<&QueueSetting>) -> Option<Self> {
        let ledger_table = fields::ledger(reader);
        let letter_table = fields::table(reader, LETTERS);
        let reading = fields::reading(reader, source);
        let policy = policy(reader, ledger_table.as_ref());
        let masks = fields::masks(reader);
        let event_bus = fields::event_bus(reader);
        Some(Self {
            ledger_table: ledger_table?,
            letter_table: letter_table?,
            reading: reading?,
            policy: policy?,
            masks: masks?,
            event_bus: event_bus?,
        })
    }
}

/// Settings by which letters go back to where they come from.
#[derive(Debug, Clone)]
pub struct BrokerReplaying {
    /// The ledger, if the consumer keeps one.
    pub ledger_table: Option<String>,
    /// Time for which the ledger remembers a key.
    pub ledger_retention: Duration,
    /// Table of the letters.
    pub letter_table: String,
    /// Configuration by which records are read.
    pub reading: Reading,
    /// Policy of the letters. Without a ledger only a person replays.
    pub policy: Policy,
    /// Requests that this function carries out.
    pub allowed_actions: AllowedActions,
    /// ARN of the bus on which other systems are told of letters and jobs, if there is one.
    pub event_bus: Option<String>,
}

impl BrokerReplaying {
    /// Reads the settings. `None` if one of them is refused, which the reader knows.
    pub(super) fn read(reader: &mut Reader<'_>, source: Option<&QueueSetting>) -> Option<Self> {
        let ledger_table = fields::ledger(reader);
        let retention = reader.number(&settings::LEDGER_RETENTION_DAYS);
        let letter_table = fields::table(reader, LETTERS);
        let reading = fields::reading(reader, source);
        let policy = policy(reader, ledger_table.as_ref());
        let allowed_actions = fields::allowed_actions(reader);
        let event_bus = fields::event_bus(reader);
        Some(Self {
            ledger_table: ledger_table?,
            ledger_retention: fields::days(retention?),
            letter_table: letter_table?,
            reading: reading?,
            policy: policy?,
            allowed_actions: allowed_actions?,
            event_bus: event_bus?,
        })
    }
}

const LETTERS: &str = "DEAD_LETTER_TABLE_NAME";

/// Policy of the letters, which asks where there is no ledger.
fn policy(reader: &mut Reader<'_>, ledger: Option<&Option<String>>) -> Option<Policy> {
    let policy = fields::policy(reader)?;
    Some(if ledger?.is_some() { policy } else { policy.asking() })
}
