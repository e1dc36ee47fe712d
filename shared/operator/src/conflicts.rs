//! Letters that somebody else changed before an act came to them: the state of each, and who made it so.

use redrive_core::ids::LetterId;
use redrive_core::letters::letter::{Event, Letter, Status};
use redrive_core::message::key::Key;
use redrive_core::ports::{Letters, Unavailable};
use redrive_core::replay::Shown;
use serde_json::{Value, json};

use crate::text::{instant, words};
use crate::walk::look;
use crate::who::short;

/// Most letters that are named.
const NAMED: usize = 20;
/// Most letters that are read for it, and how many in one call.
const READ: usize = 2_000;
const CALL: usize = 100;

/// A letter that was left alone.
#[derive(Debug, Clone)]
pub struct Conflict {
    /// Id of the letter.
    pub letter: LetterId,
    /// Key of its message.
    pub key: Option<Key>,
    /// State of the letter now.
    pub status: Status,
    /// Last event of its history that is no attempt.
    pub event: Option<Event>,
}

impl Conflict {
    fn of(letter: Letter) -> Self {
        let event = letter.history.iter().rev().find(|event| event.attempt.is_none()).cloned();
        Self { letter: letter.id, key: letter.key, status: letter.status, event }
    }

    /// Describes the state, and who made it so: `is DISCARDED, discarded by bob at 2026-11-22 12:30:00Z: “a duplicate”`.
    pub fn state(&self) -> String {
        let who = self.event.as_ref().map_or(String::new(), |event| {
            let what = json!(event.what).as_str().map(|what| words(&what.to_lowercase())).unwrap_or_default();
            let note = event.note.as_deref().map_or(String::new(), |note| format!(": “{note}”"));
            format!(", {what} by {} at {}{note}", short(&event.who), instant(event.at))
        });
        format!("is {}{who}", self.status)
    }

    /// The same as JSON.
    pub fn document(&self) -> Value {
        let event = self.event.as_ref();
        json!({
            "letter": self.letter,
            "status": self.status.to_string(),
            "what": event.map(|event| json!(event.what)),
            "by": event.map(|event| event.who.as_str()),
            "at": event.map(|event| event.at.to_rfc3339()),
            "note": event.and_then(|event| event.note.as_deref()),
        })
    }
}

/// Finds the first letters that were shown and that somebody else than `by` has changed since, or that were not in one of `statuses`.
///
/// # Errors
///
/// The table's.
pub async fn conflicts<L: Letters>(
    letters: &L,
    shown: &Shown,
    (statuses, by): (&[Status], &str),
) -> Result<Vec<Conflict>, Unavailable> {
    let version = |id: LetterId| shown.letters.get(&id).copied().unwrap_or_default();
    let ids: Vec<_> = shown.letters.keys().copied().collect();
    let looks = look(letters, &ids).await?.into_iter().flatten();
    let other = looks
        .filter(|look| look.version != version(look.candidate.id) || !statuses.contains(&look.candidate.status))
        .map(|look| look.candidate.id);
    let other: Vec<_> = other.take(READ).collect();
    let mut found = Vec::new();
    for few in other.chunks(CALL) {
        let read = letters.read(few).await?.into_iter().flatten();
        found.extend(read.filter(|letter| !is_own(letter, version(letter.id), by)).map(Conflict::of));
        if found.len() >= NAMED {
            break;
        }
    }
    found.truncate(NAMED);
    Ok(found)
}

/// Returns true if a letter was changed by this person since it had that version.
fn is_own(letter: &Letter, version: u64, by: &str) -> bool {
    let since = usize::try_from(letter.version.saturating_sub(version)).unwrap_or(usize::MAX);
    letter.history.iter().rev().take(since).any(|event| event.who == by)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use redrive_core::letters::letter::EventKind;
    use redrive_testkit::ModelLetters;

    use super::*;
    use crate::samples::{self, NOW};

    fn changed(letter: &Letter, who: &str, status: Status) -> Letter {
        let note = Some("a duplicate".to_owned());
        let event =
            Event { at: NOW, what: EventKind::Discarded, who: who.to_owned(), note, ..letter.history[0].clone() };
        let history = letter.history.iter().cloned().chain([Event { attempt: None, ..event }]).collect();
        Letter { version: letter.version + 1, status, history, ..letter.clone() }
    }

    #[tokio::test]
    async fn a_letter_that_somebody_else_changed_names_its_state_and_who_did_it() {
        let (table, letters) = (ModelLetters::new(), samples::letters());
        let shown = letters[..4].iter().map(|letter| (letter.id, letter.version)).collect::<BTreeMap<_, _>>();
        table.force(changed(&letters[0], "arn:aws:sts::1:assumed-role/on-call/bob", Status::Discarded));
        table.force(changed(&letters[1], "ann", Status::Discarded));
        table.force(letters[2].clone());
        table.force(Letter { status: Status::Resolved, ..letters[3].clone() });
        let shown = Shown { letters: shown, named: true };
        let found = conflicts(&table, &shown, (&[Status::Pending], "ann")).await.unwrap();
        let states: BTreeMap<_, _> = found.iter().map(|conflict| (conflict.letter, conflict.state())).collect();
        assert_eq!(states.len(), 2, "{states:?}");
        assert_eq!(states[&letters[0].id], "is DISCARDED, discarded by bob at 2026-11-22 13:00:00Z: “a duplicate”");
        assert!(states[&letters[3].id].starts_with("is RESOLVED"), "it was never PENDING: {states:?}");
        let document = found.iter().find(|conflict| conflict.letter == letters[0].id).unwrap().document();
        assert_eq!((&document["status"], &document["note"]), (&json!("DISCARDED"), &json!("a duplicate")));
    }
}
