//! Configuration of one queue pair by variables of its own: the shorthand of the template that brings the queues along.

use redrive_core::message::decode::Reading;
use redrive_core::settings;

use super::fields;
use super::pairs::{IndexedPair, PairConfig, ReplayedPair, destinations};
use super::reader::Reader;

/// The ledger's table, `None` inside if there is none, and the pair.
type Single<P> = (Option<Option<String>>, Option<P>);

/// Reads the pair as the indexer needs it.
pub(super) fn indexed(reader: &mut Reader<'_>) -> Single<IndexedPair> {
    let queue = fields::main_queue(reader);
    let dead_letter_queue_url = fields::dead_letter_queue_url(reader, queue.as_ref());
    let ledger = fields::ledger(reader);
    let pair = pair(reader, queue.as_ref(), ledger.as_ref());
    let masks = fields::masks(reader);
    let retention = fields::dead_letter_retention(reader);
    let whole = || {
        Some(IndexedPair {
            pair: pair?,
            dead_letter_queue_url: dead_letter_queue_url?,
            dead_letter_retention: fields::days(retention?),
            masks: masks?,
        })
    };
    (ledger, whole())
}

/// Reads the pair as replay needs it: the dead-letter queue only to eject letters into it.
pub(super) fn replayed(reader: &mut Reader<'_>) -> Single<ReplayedPair> {
    let (url, queue) = (fields::main_queue_url(reader), fields::main_queue(reader));
    fields::same_queue(reader, url.as_deref(), queue.as_ref());
    let dead_letters = reader.text("DEAD_LETTER_QUEUE_URL").is_some();
    let dead_letters = dead_letters.then(|| fields::dead_letter_queue_url(reader, queue.as_ref()));
    let ledger = fields::ledger(reader);
    let pair = pair(reader, queue.as_ref(), ledger.as_ref());
    let dead = dead_letters.as_ref().and_then(Option::as_deref);
    let destinations = destinations::variable(reader, queue.as_ref(), url.as_deref(), dead);
    let whole = || {
        let dead_letter_queue_url = match dead_letters {
            Some(url) => Some(url?),
            None => None,
        };
        let (main_queue_url, destinations) = (url?, destinations?);
        Some(ReplayedPair { pair: pair?, main_queue_url, dead_letter_queue_url, sends: true, destinations })
    };
    (ledger, whole())
}

fn pair(
    reader: &mut Reader<'_>,
    queue: Option<&fields::QueueSetting>,
    ledger: Option<&Option<String>>,
) -> Option<PairConfig> {
    let reading: Option<Reading> = fields::reading(reader, queue);
    let policy = fields::policy(reader);
    let custody = reader.word(&settings::CUSTODY, |text| match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("on (the indexer empties the dead-letter queue) or off (it is left alone)".to_owned()),
    });
    if ledger == Some(&None) && reader.text("LEDGER_SCOPE").is_some() {
        reader.refuse("LEDGER_SCOPE", "is set, and LEDGER_TABLE_NAME is none", "both, or neither");
    }
    let (policy, ledger) = (policy?, ledger?.is_some());
    let policy = if ledger { policy } else { policy.asking() };
    Some(PairConfig { name: queue?.name.clone(), reading: reading?, ledger, policy, custody: custody? })
}
