//! Form in which a ledger entry is stored.

use redrive_core::fault::Class;
use redrive_core::ids::{Enqueue, LetterId, MessageId, OwnerToken, ReplayNumber, SendId};
use redrive_core::letters::schema::{AttemptFields, EnqueueFields};
use redrive_core::message::key::{LedgerKey, PayloadHash};
use redrive_core::processing::ledger::{Attempt, DeadEnqueues, EnqueueRecord, Entry, EntryState, LastFault};
use redrive_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::item::{Item, decode, encode};

/// Item of the ledger table. Times are milliseconds since the epoch; `expires` alone is in seconds, as the table's
/// time-to-live attribute.
#[derive(Serialize, Deserialize)]
struct EntryItem {
    pk: String,
    state: EntryState,
    owner: OwnerToken,
    lease_until: Timestamp,
    hash: PayloadHash,
    version: u64,
    #[serde(rename = "lives")]
    enqueues: Vec<EnqueueItem>,
    #[serde(default, skip_serializing_if = "DeadEnqueues::is_empty")]
    #[serde(rename = "buried")]
    dead_enqueues: DeadEnqueues,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    letter: Option<LetterId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    number: Option<ReplayNumber>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fault: Option<FaultItem>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    history: Vec<AttemptItem>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    withdrawn: Vec<SendId>,
    expires: u64,
}

/// The attributes that an item may lack.
pub(super) const OPTIONAL: [&str; 6] = ["buried", "fault", "history", "letter", "number", "withdrawn"];

#[derive(Serialize, Deserialize)]
struct EnqueueItem {
    message_id: MessageId,
    sent_at: Timestamp,
    attempts: u32,
    dead: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    withdrawn: bool,
}

#[derive(Serialize, Deserialize)]
struct FaultItem {
    class: Class,
    code: String,
    text: String,
}

/// An attempt as a letter has it, but for its times.
type AttemptItem = AttemptFields<EnqueueFields<Timestamp>, Timestamp>;

/// An entry as its item.
pub(super) fn to_item(key: &LedgerKey, entry: Entry) -> Result<Item, String> {
    encode(EntryItem {
        pk: key.as_str().to_owned(),
        state: entry.state,
        owner: entry.owner,
        lease_until: entry.lease_until,
        hash: entry.hash,
        version: entry.version,
        enqueues: entry.enqueues.into_iter().map(EnqueueItem::from).collect(),
        dead_enqueues: entry.dead_enqueues,
        letter: entry.send.map(|send| send.letter),
        number: entry.send.map(|send| send.number),
        fault: entry.fault.map(|LastFault { class, code, text }| FaultItem { class, code, text }),
        history: entry.history.into_iter().map(AttemptItem::from).collect(),
        withdrawn: entry.withdrawn,
        expires: entry.expires.as_secs(),
    })
}

/// Part of an item that a completion changes, and its key.
#[derive(Serialize)]
struct CompletionItem<'a> {
    pk: &'a str,
    state: EntryState,
    lease_until: Timestamp,
    version: u64,
    expires: u64,
}

/// Attributes that a completion changes of an entry, with its key.
pub(super) fn to_completion(key: &LedgerKey, entry: &Entry) -> Result<Item, String> {
    let Entry { state, lease_until, version, expires, .. } = entry;
    let (state, lease_until, version) = (*state, *lease_until, *version);
    encode(CompletionItem { pk: key.as_str(), state, lease_until, version, expires: expires.as_secs() })
}

/// An item as the entry that it holds.
pub(super) fn from_item(item: Item) -> Result<Entry, String> {
    let stored: EntryItem = decode(item)?;
    Ok(Entry {
        state: stored.state,
        owner: stored.owner,
        lease_until: stored.lease_until,
        hash: stored.hash,
        version: stored.version,
        enqueues: stored.enqueues.into_iter().map(EnqueueRecord::from).collect(),
        dead_enqueues: stored.dead_enqueues,
        send: stored.letter.zip(stored.number).map(|(letter, number)| SendId { letter, number }),
        fault: stored.fault.map(|FaultItem { class, code, text }| LastFault { class, code, text }),
        history: stored.history.into_iter().map(Attempt::from).collect(),
        withdrawn: stored.withdrawn,
        expires: Timestamp::from_millis(stored.expires.saturating_mul(1000)),
    })
}

impl From<EnqueueRecord> for EnqueueItem {
    fn from(EnqueueRecord { enqueue, attempts, dead, withdrawn }: EnqueueRecord) -> Self {
        Self { message_id: enqueue.message_id, sent_at: enqueue.sent_at, attempts, dead, withdrawn }
    }
}

impl From<EnqueueItem> for EnqueueRecord {
    fn from(EnqueueItem { message_id, sent_at, attempts, dead, withdrawn }: EnqueueItem) -> Self {
        Self { enqueue: Enqueue { message_id, sent_at }, attempts, dead, withdrawn }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::size;
    use proptest::prelude::*;
    use redrive_core::fault::Fault;
    use redrive_core::ids::{QueueArn, Scope};
    use redrive_core::message::key::Key;
    use redrive_core::processing::ledger::{ClaimRequest, ClaimStep, Origin, Settlement, Settling, claim, settle};

    const NOW: u64 = 1_763_787_600_123;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(NOW + millis)
    }

    fn key() -> LedgerKey {
        LedgerKey::owned(&Scope::new("orders").unwrap(), &Key::new("3f333df6-90a4-4fda-8dd3-9485d27cee36").unwrap())
    }

    fn send() -> SendId {
        let letter = LetterId::derive(&QueueArn::new("arn").unwrap(), &MessageId::new("m").unwrap());
        SendId { letter, number: ReplayNumber(3) }
    }

    fn request(enqueue: u64, millis: u64) -> ClaimRequest {
        ClaimRequest {
            key: key(),
            enqueue: Enqueue { message_id: MessageId::new(format!("{enqueue:036}")).unwrap(), sent_at: at(enqueue) },
            hash: PayloadHash::of_text("body"),
            send: Some(send()),
            token: OwnerToken::from_random(u128::from(millis) + 1),
            lease_until: at(millis + 10),
            limit: 3,
            expires: at(2_592_000_000),
            origin: Origin {
                request_id: "r".repeat(36),
                function_version: "$LATEST".to_owned(),
                log_stream: format!("2026/11/22/[$LATEST]{}", "f".repeat(32)),
            },
        }
    }

    /// An entry after each of `enqueues` was claimed once, and failed with `fault` if there is one.
    fn entry(enqueues: u64, fault: Option<&Fault>) -> Entry {
        let mut found = None;
        for enqueue in 0..enqueues {
            let now = enqueue * 100;
            let ClaimStep::Claim(write, claim) = claim(found.as_ref(), &request(enqueue, now), at(now)) else {
                panic!("life {enqueue} may claim")
            };
            found = Some(write.entry);
            let Some(fault) = fault else { continue };
            let settlement = Settlement::Fail(fault.clone());
            if let Settling::Write(write) = settle(found.as_ref(), &claim, &settlement, at(now), at(9_000_000)) {
                found = Some(write.entry);
            }
        }
        found.unwrap()
    }

    fn stored(entry: &Entry) -> usize {
        size(&to_item(&key(), entry.clone()).unwrap())
    }

    #[test]
    fn an_entry_that_never_failed_stays_under_1_kb_even_with_all_the_enqueues_it_can_remember() {
        let sizes = [1, 8, 20].map(|enqueues| stored(&entry(enqueues, None)));
        assert!(sizes.iter().all(|size| *size < 1_024), "{sizes:?}");
    }

    #[test]
    fn an_entry_that_failed_stays_under_4_kb_whatever_failed() {
        let worst = Fault::permanent("c".repeat(400), "t".repeat(4_000));
        for enqueues in (1..30).chain([55, 56]) {
            let size = stored(&entry(enqueues, Some(&worst)));
            assert!(size < 4_096, "{size} bytes after {enqueues} lives");
        }
    }

    #[test]
    fn the_attributes_are_those_that_the_conditions_and_the_time_to_live_name() {
        let item = to_item(&key(), entry(1, None)).unwrap();
        let mut names: Vec<_> = item.keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(
            names,
            ["expires", "hash", "lease_until", "letter", "lives", "number", "owner", "pk", "state", "version"]
        );
        assert_eq!(item["expires"].as_n().unwrap(), &at(2_592_000_000).as_secs().to_string());
        assert_eq!(item["state"].as_s().unwrap(), "IN_PROGRESS");
    }

    #[test]
    fn a_completion_is_written_with_the_attributes_that_it_changes_and_no_others() {
        let ClaimStep::Claim(write, claim) = claim(None, &request(0, 0), at(0)) else { panic!("it may claim") };
        let before = to_item(&key(), write.entry.clone()).unwrap();
        let settled = settle(Some(&write.entry), &claim, &Settlement::Complete, at(5), at(9_000_000));
        let Settling::Write(completed) = settled else { panic!("it may be settled") };
        let mut after = to_item(&key(), completed.entry.clone()).unwrap();
        let part = to_completion(&key(), &completed.entry).unwrap();
        assert!(part.iter().all(|(name, value)| after[name] == *value));
        after.retain(|name, value| before.get(name) != Some(value));
        assert_eq!((after.len(), part.len()), (4, 5), "its key, and what differs: {after:?}");
        assert!(after.keys().all(|name| part.contains_key(name)));
    }

    proptest! {
        #[test]
        fn an_entry_survives_the_round_trip_but_for_the_fraction_of_its_expiry(
            enqueues in 1_u64..40,
            fault in proptest::option::of(("[a-z-]{1,60}", ".{0,300}")),
            plain in any::<bool>(),
            millis in 0_u64..5_000,
            now in 0_u64..5_000,
        ) {
            let fault = fault.map(|(code, text)| Fault::transient(code, text));
            let mut before = entry(enqueues, fault.as_ref());
            before.expires = Timestamp::from_millis(millis);
            if plain {
                before.send = None;
            } else {
                before.withdrawn = vec![send(); 3];
            }
            let after = from_item(to_item(&key(), before.clone()).unwrap()).unwrap();
            let now = Timestamp::from_millis(now);
            prop_assert_eq!(after.expired(now), before.expired(now), "both count as expired, or neither");
            before.expires = Timestamp::from_millis(millis / 1_000 * 1_000);
            prop_assert_eq!(after, before);
        }
    }
}
