//! Search for letters by anything that stands in them.
//!
//! Ids and keys are found through the table's keys and its index of keys, and ids of later sends through the items beside the letters.
//! Everything else is found by reading: first what the indexes show of every letter, then so many bodies as were asked for, those
//! that failed last first.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, TryStreamExt, stream};
use redrive_core::ids::{LetterId, MessageId, QueueArn};
use redrive_core::letters::letter::{Letter, Status};
use redrive_core::message::envelope::AttributeValue;
use redrive_core::message::foreign::layers;
use redrive_core::message::key::Key;
use redrive_core::ports::{KeyIndex, LedgerReader, Letters, Unavailable};
use redrive_core::replay::{Candidate, Filter};
use redrive_core::time::Timestamp;
use serde_json::{Value, json};

use crate::done::done;
use crate::walk::{Wanted, look};

/// Number of letters that are read whole in a search without `--all`.
pub const BODIES: usize = 1_000;
/// Limit of letters that are kept of those that were found.
const KEPT: usize = 1_000;
/// Number of whole letters that are read in one call, because they are large.
const WHOLE: usize = 25;
/// Number of such calls at once.
const AT_ONCE: usize = 4;

/// All statuses of letters.
pub const EVERY_STATUS: [Status; 5] =
    [Status::Pending, Status::Replaying, Status::Replayed, Status::Resolved, Status::Discarded];

/// Place in which a text was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FoundBy {
    /// Id of the letter.
    Letter,
    /// Idempotency key of the letter.
    Key,
    /// Id of a message: of the first one, of the last enqueue, or of a send.
    Message,
    /// Id of a Lambda request in which it failed.
    Request,
    /// Id of the trace in which it was first sent, in W3C's form or X-Ray's.
    Trace,
    /// Code or text of an error, or the cause.
    Error,
    /// Body or an attribute.
    Body,
    /// Note, or the name of whoever acted.
    Note,
}

impl FoundBy {
    /// Describes the place in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Letter => "letter id",
            Self::Key => "key",
            Self::Message => "message id",
            Self::Request => "request id",
            Self::Trace => "trace",
            Self::Error => "error",
            Self::Body => "body",
            Self::Note => "note",
        }
    }
}

/// Letter that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundLetter {
    /// Candidate as the index or the table shows it.
    pub found: Candidate,
    /// Place of the text.
    pub by: FoundBy,
}

/// Result of a search.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// Letters that were found, those that failed last first; 1,000 at most.
    pub letters: Vec<FoundLetter>,
    /// Number of letters that were found.
    pub met: u64,
    /// Number of letters that were read whole.
    pub looked: u64,
    /// Number of letters in the table, where the search went through all; `None`: an id or a key answered it.
    pub of: Option<u64>,
    /// Letters among those that the ledger shows as done, and that do not say so yet.
    pub done: BTreeSet<LetterId>,
}

impl Search {
    /// Returns true if letters are left whose bodies were not read.
    #[must_use]
    pub fn is_bounded(&self) -> bool {
        self.of.is_some_and(|of| self.looked < of)
    }

    /// Asks the ledger which of the letters are done by now.
    ///
    /// # Errors
    ///
    /// The tables'.
    pub async fn join<L: Letters, R: LedgerReader>(
        &mut self,
        letters: &L,
        ledger: &R,
        now: Timestamp,
    ) -> Result<(), Unavailable> {
        let found: Vec<_> = self.letters.iter().map(|one| one.found.clone()).collect();
        self.done = done(letters, ledger, &found, now).await?;
        Ok(())
    }

    /// Returns the search as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        let letters = self.letters.iter().map(|one| {
            let mut all = crate::listing::document(&one.found, None);
            all["found_by"] = json!(one.by.words());
            all["done_by_ledger"] = json!(self.done.contains(&one.found.id));
            all
        });
        json!({"letters": letters.collect::<Vec<_>>(), "found": self.met, "bodies_read": self.looked, "of": self.of})
    }

    fn of_exact(letters: Vec<FoundLetter>) -> Self {
        Self { met: letters.len() as u64, letters, ..Self::default() }
    }
}

/// Finds letters by their id, their key or a message id without a walk: by the id of the message that they began as, and by those
/// that the table keeps of later sends.
///
/// # Errors
///
/// The table's.
pub async fn exactly<L: KeyIndex>(letters: &L, text: &str, sources: &[QueueArn]) -> Result<Search, Unavailable> {
    let mut ids: BTreeMap<LetterId, FoundBy> = BTreeMap::new();
    if let Ok(key) = Key::new(text) {
        let of_key = letters.of_key(&key).await?.unwrap_or_default();
        ids.extend(of_key.into_iter().map(|id| (id, FoundBy::Key)));
    }
    if let Some(message) = MessageId::new(text) {
        ids.extend(letters.of_message(&message).await?.map(|id| (id, FoundBy::Message)));
        ids.extend(sources.iter().map(|source| (LetterId::derive(source, &message), FoundBy::Message)));
    }
    ids.extend(LetterId::parse(text).map(|id| (id, FoundBy::Letter)));
    let named: Vec<_> = ids.keys().copied().collect();
    let looks = look(letters, &named).await?.into_iter().flatten();
    let found = looks.filter_map(|look| Some((*ids.get(&look.candidate.id)?, look.candidate)));
    // The index lags: a key that was erased since is none.
    let found =
        found.filter(|(by, one)| *by != FoundBy::Key || one.key.as_ref().is_some_and(|key| key.as_str() == text));
    Ok(Search::of_exact(newest_first(found.map(|(by, found)| FoundLetter { found, by }).collect())))
}

/// Letters of one lane: those that their index tells, and those whose bodies may be read.
#[derive(Default)]
struct SearchedLane {
    of: u64,
    found: Vec<FoundLetter>,
    met: u64,
    others: BTreeSet<(Timestamp, LetterId)>,
}

/// Searches every letter: what the indexes show of all, and the bodies of the `bodies` that failed last. `progress` hears how many
/// bodies were read, of how many letters.
///
/// # Errors
///
/// The table's.
pub async fn everywhere<L: Letters>(
    letters: &L,
    text: &str,
    bodies: usize,
    mut progress: impl FnMut(u64, u64),
) -> Result<Search, Unavailable> {
    let needle = text.to_lowercase();
    let wanted = Wanted { filter: Filter::default(), statuses: EVERY_STATUS.to_vec() };
    let add = |lane: &mut SearchedLane, one: Candidate| {
        lane.of += 1;
        if let Some(by) = in_candidate(&one, &needle) {
            lane.met += 1;
            if lane.found.len() < KEPT {
                lane.found.push(FoundLetter { found: one, by });
            }
            return;
        }
        lane.others.insert((one.last_failed_at, one.id));
        if lane.others.len() > bodies {
            lane.others.pop_first();
        }
    };
    let lanes = wanted.sums(letters, add).await?;
    let (mut all, mut others) = (Search::default(), BTreeSet::new());
    let mut total = 0;
    for lane in lanes {
        total += lane.of;
        all.met += lane.met;
        all.letters.extend(lane.found);
        others.extend(lane.others);
        while others.len() > bodies {
            others.pop_first();
        }
    }
    // What the index told needs no body.
    let found_in_index = all.met;
    all.looked = found_in_index;
    progress(all.looked, total);
    let ids: Vec<_> = others.into_iter().rev().map(|(_, id)| id).collect();
    let calls = stream::iter(ids.chunks(WHOLE)).map(|some| letters.read(some)).buffered(AT_ONCE);
    let mut calls = std::pin::pin!(calls);
    while let Some(read) = calls.try_next().await? {
        for letter in read.into_iter().flatten() {
            all.looked += 1;
            if let Some(by) = in_letter(&letter, text, &needle) {
                all.met += 1;
                all.letters.push(FoundLetter { found: Candidate::of(&letter), by });
            }
        }
        progress(all.looked, total);
    }
    // Some may be gone since the index was read: they are looked at, too.
    all.looked = found_in_index + ids.len() as u64;
    all.of = Some(total);
    all.letters = newest_first(all.letters);
    all.letters.truncate(KEPT);
    Ok(all)
}

fn newest_first(mut letters: Vec<FoundLetter>) -> Vec<FoundLetter> {
    letters.sort_by_key(|one| (std::cmp::Reverse(one.found.last_failed_at), one.found.id));
    letters
}

/// Returns the place of a text in what an index shows of a letter.
fn in_candidate(one: &Candidate, needle: &str) -> Option<FoundBy> {
    let has = |text: &str| text.to_lowercase().contains(needle);
    if one.key.as_ref().is_some_and(|key| has(key.as_str())) {
        return Some(FoundBy::Key);
    }
    let error = has(&one.error_message) || has(&one.fingerprint) || one.error_code.as_deref().is_some_and(has);
    error.then_some(FoundBy::Error)
}

/// Returns the place of a text in a whole letter.
fn in_letter(letter: &Letter, text: &str, needle: &str) -> Option<FoundBy> {
    let attempts = || letter.history.iter().filter_map(|event| event.attempt.as_ref());
    let mut messages = letter.sends.iter().filter_map(|send| send.message_id.as_ref());
    let is = |id: &MessageId| id.as_str() == text;
    if is(&letter.origin) || is(&letter.enqueue.message_id) || messages.any(is) {
        return Some(FoundBy::Message);
    }
    if attempts().any(|attempt| is(&attempt.enqueue.message_id)) {
        return Some(FoundBy::Message);
    }
    if attempts().any(|attempt| attempt.origin.request_id == text) {
        return Some(FoundBy::Request);
    }
    if letter.trace.is_some_and(|trace| [trace.trace_id_text(), trace.xray_trace_id()].iter().any(|id| id == needle)) {
        return Some(FoundBy::Trace);
    }
    let has = |text: &str| text.to_lowercase().contains(needle);
    if has(&letter.reason.error_message) || attempts().any(|attempt| has(&attempt.text) || has(&attempt.code)) {
        return Some(FoundBy::Error);
    }
    let edited = letter.edited.as_ref().map(|edited| edited.payload.as_str());
    let in_attribute = |value: &AttributeValue| matches!(value, AttributeValue::Text(text) if has(text));
    let in_body = has(&letter.payload)
        || edited.is_some_and(has)
        || layers(letter.payload_now()).iter().any(|layer| has(&layer.text))
        || letter.attributes.iter().any(|(name, attribute)| has(name) || in_attribute(&attribute.value));
    if in_body {
        return Some(FoundBy::Body);
    }
    let note = letter.history.iter().any(|event| has(&event.who) || event.note.as_deref().is_some_and(has));
    note.then_some(FoundBy::Note)
}

#[cfg(test)]
mod tests {
    use redrive_testkit::ModelLetters;

    use super::*;
    use crate::samples::{self, NOW};

    fn store() -> ModelLetters {
        let store = ModelLetters::new();
        samples::letters().into_iter().chain(samples::many(200)).for_each(|letter| store.force(letter));
        store
    }

    fn sources() -> Vec<QueueArn> {
        vec![samples::full().source]
    }

    #[tokio::test]
    async fn an_id_a_key_or_any_message_id_leads_to_the_letter_without_a_walk() {
        let (store, letter) = (store(), samples::full());
        store.force(letter.clone());
        let key = letter.key.as_ref().unwrap().as_str().to_owned();
        let sent = letter.sends.iter().find_map(|send| send.message_id.as_ref()).unwrap();
        assert_ne!(*sent, letter.origin);
        for (text, by) in [
            (letter.id.to_string(), FoundBy::Letter),
            (key, FoundBy::Key),
            (letter.origin.as_str().to_owned(), FoundBy::Message),
            (sent.as_str().to_owned(), FoundBy::Message),
        ] {
            let search = exactly(&store, &text, &sources()).await.unwrap();
            let found: Vec<_> = search.letters.iter().map(|one| (one.found.id, one.by)).collect();
            assert!(found.contains(&(letter.id, by)), "{text}: {found:?}");
            assert_eq!((search.looked, search.of), (0, None));
        }
        assert_eq!(exactly(&store, "nobody", &sources()).await.unwrap().met, 0);
    }

    #[tokio::test]
    async fn an_erased_key_is_found_no_more() {
        let (store, mut letter) = (store(), samples::full());
        letter.key = None;
        store.force(letter.clone());
        let key = samples::full().key.unwrap();
        let search = exactly(&store, key.as_str(), &sources()).await.unwrap();
        assert!(search.letters.iter().all(|one| one.found.id != letter.id));
    }

    #[tokio::test]
    async fn whatever_stands_in_a_letter_of_any_status_is_found_and_said_where() {
        let store = store();
        let mut letter = samples::full();
        letter.status = Status::Resolved;
        letter.payload = r#"{"deep":{"text":"Needle-In-The-Body"}}"#.to_owned();
        store.force(letter.clone());
        let attempt = letter.history.iter().find_map(|event| event.attempt.as_ref()).unwrap();
        let sent = letter.sends.iter().find_map(|send| send.message_id.as_ref()).unwrap();
        for (text, by) in [
            ("needle-in-the-body", FoundBy::Body),
            (attempt.origin.request_id.as_str(), FoundBy::Request),
            (sent.as_str(), FoundBy::Message),
            ("waits for version 42", FoundBy::Note),
            ("6937f5c94bf92f3577b34da6a3ce929d", FoundBy::Trace),
            ("1-6937f5c9-4bf92f3577b34da6a3ce929d", FoundBy::Trace),
        ] {
            let search = everywhere(&store, text, usize::MAX, |_, _| ()).await.unwrap();
            let found = search.letters.iter().find(|one| one.found.id == letter.id);
            assert_eq!(found.map(|one| one.by), Some(by), "{text}");
            assert!(!search.is_bounded() && search.of == Some(search.looked), "{search:?}");
        }
    }

    #[tokio::test]
    async fn a_bounded_search_reads_the_letters_that_failed_last_and_says_how_many_of_how_many() {
        let store = store();
        let (mut told, total) = (Vec::new(), store_size(&store).await);
        let search = everywhere(&store, "no such text", 30, |looked, of| told.push((looked, of))).await.unwrap();
        assert_eq!((search.met, search.looked, search.of), (0, 30, Some(total)));
        assert!(search.is_bounded());
        assert_eq!((told.first(), told.last()), (Some(&(0, total)), Some(&(30, total))));
        let newest =
            samples::letters().into_iter().chain(samples::many(200)).max_by_key(|one| one.reason.last_failed_at);
        let mut newest = newest.unwrap();
        newest.payload = "the one that failed last".to_owned();
        newest.reason.last_failed_at = NOW;
        store.force(newest.clone());
        let search = everywhere(&store, "FAILED LAST", 1, |_, _| ()).await.unwrap();
        assert_eq!(search.letters.iter().map(|one| one.found.id).collect::<Vec<_>>(), [newest.id]);
    }

    async fn store_size(store: &ModelLetters) -> u64 {
        let wanted = Wanted { filter: Filter::default(), statuses: EVERY_STATUS.to_vec() };
        wanted.sums(store, |sum: &mut u64, _| *sum += 1).await.unwrap().iter().sum()
    }
}
