//! A letter with all that is known of it, and what the ledger says of it now.

use redrive_core::ids::{LetterId, SendId};
use redrive_core::letters::admission::effect_of;
use redrive_core::letters::letter::{Letter, Status};
use redrive_core::message::foreign::{ClaimCheck, Task, layers};
use redrive_core::message::key::LedgerKey;
use redrive_core::ports::{LedgerReader, Letters, Unavailable};
use redrive_core::processing::ledger::Entry;
use redrive_core::time::Timestamp;
use serde_json::{Map, Value, json};

use crate::json;

/// A letter, and what the ledger says of it.
#[derive(Debug, Clone)]
pub struct LetterView {
    /// Letter as the table has it, with its body.
    pub letter: Letter,
    /// Answer of the ledger about it.
    pub ledger: LedgerAnswer,
}

impl LetterView {
    /// Returns true if the ledger shows the letter as done, and the letter does not say so yet.
    #[must_use]
    pub fn is_done(&self, now: Timestamp) -> bool {
        let closed = matches!(self.letter.status, Status::Resolved | Status::Discarded);
        let LedgerAnswer::Records(records) = &self.ledger else { return false };
        let owned = records.iter().find(|(place, _)| *place == OWNED).map(|(_, entry)| entry);
        !closed && effect_of(&self.letter, owned, now).is_some()
    }
}

/// Place of the record under a letter's key.
const OWNED: &str = "its key";

/// Answer of the ledger about a letter, if there is one.
#[derive(Debug, Clone)]
pub enum LedgerAnswer {
    /// The queue has no ledger.
    NotKept,
    /// The records of the letter, each with what it stands under; none, if it knows nothing of it.
    Records(Vec<(&'static str, Entry)>),
}

/// Reads both. `None`: there is no such letter.
///
/// # Errors
///
/// The tables'.
pub async fn gather<L: Letters, R: LedgerReader>(
    letters: &L,
    ledger: &R,
    id: LetterId,
) -> Result<Option<LetterView>, Unavailable> {
    let Some(letter) = letters.read(&[id]).await?.pop().flatten() else { return Ok(None) };
    if !ledger.is_kept() {
        return Ok(Some(LetterView { letter, ledger: LedgerAnswer::NotKept }));
    }
    let (places, keys): (Vec<_>, Vec<_>) = records(&letter).into_iter().unzip();
    let entries = places.into_iter().zip(ledger.read(&keys).await?);
    let found = entries.filter_map(|(place, entry)| Some((place, entry?))).collect();
    Ok(Some(LetterView { letter, ledger: LedgerAnswer::Records(found) }))
}

/// Returns both as JSON, with what is to be known of a foreign message.
pub fn document(view: &LetterView, now: Timestamp) -> Value {
    let found: &[_] = match &view.ledger {
        LedgerAnswer::Records(found) => found,
        LedgerAnswer::NotKept => &[],
    };
    let records: Vec<_> =
        found.iter().map(|(place, entry)| json!({"of": place, "entry": json::entry(entry)})).collect();
    let first = found.first().map_or(Value::Null, |(_, entry)| json::entry(entry));
    let mut all = json!({"letter": json::letter(&view.letter), "ledger": first, "ledger_records": records, "done_by_ledger": view.is_done(now)});
    if let Value::Object(all) = &mut all {
        all.extend(foreign(&view.letter, now));
    }
    all
}

/// Places where the ledger may have a record of a letter: under its key, and where the outcomes stand of its last send and of its
/// message, if these owned no key.
pub fn records(letter: &Letter) -> Vec<(&'static str, LedgerKey)> {
    let owned = letter.key.as_ref().map(|key| (OWNED, LedgerKey::owned(&letter.scope, key)));
    let sent = letter.sends.last().map(|send| (SendId { letter: letter.id, number: send.number }, &send.hash));
    let sends = sent.map(|(send, hash)| {
        let earlier = ("its last send, by an earlier version", LedgerKey::of_send_without_hash(send));
        [("its last send", LedgerKey::of_send(send, hash)), earlier]
    });
    let message = ("its message", LedgerKey::keyless(None, &letter.enqueue));
    owned.into_iter().chain(sends.into_iter().flatten()).chain([message]).collect()
}

/// Member of a letter's document that says where in S3 its body stands.
pub const IN_S3: &str = "body_in_s3";

/// The value of that member.
pub fn place(check: &ClaimCheck) -> Value {
    json!({"bucket": check.bucket, "key": check.key, "bytes": check.bytes, "attribute": check.attribute})
}

/// The same for programs: a letter of which there is nothing to tell has no member of it.
fn foreign(letter: &Letter, now: Timestamp) -> Map<String, Value> {
    let payload = letter.payload_now();
    let mut all = Map::new();
    if let Some(check) = ClaimCheck::of(payload, &letter.attributes) {
        all.insert(IN_S3.to_owned(), place(&check));
    }
    if let Some(task) = Task::of(payload, &letter.attributes) {
        let time = |at: Option<Timestamp>| at.map(Timestamp::to_rfc3339);
        let shown_task = json!({"framework": task.framework, "name": task.name, "id": task.id, "eta": time(task.eta),
            "expires": time(task.expires), "dropped": task.is_dropped(now)});
        all.insert("task".to_owned(), shown_task);
    }
    let texts: Vec<_> = layers(payload).into_iter().map(|layer| layer.text).collect();
    if !texts.is_empty() {
        all.insert("decoded".to_owned(), json!(texts));
    }
    all
}
