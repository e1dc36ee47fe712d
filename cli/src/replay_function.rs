//! The replay function as the command knows it: it is asked, and answers with a report.

use std::collections::BTreeMap;

use redrive_core::ids::LetterId;
use redrive_core::letters::fingerprint::normalised;
use redrive_core::time::Timestamp;
use redrive_operator::conflicts::Conflict;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::completion::{Completion, Error};
use crate::text::{count, counted, hanging, indented, shown, words};

/// The counts of a report that say what was done; all others, `considered` apart, say what was not.
const DONE: [&str; 15] = [
    "sent",
    "edited",
    "taken_over",
    "resolved_instead",
    "resolved",
    "discarded",
    "restored",
    "noted",
    "erased",
    "freed",
    "ejected",
    "would_send",
    "considered",
    "in_s3",
    "expired_tasks",
];
/// Name of the list of letters that somebody else changed first.
const CONFLICTS: &str = "conflicts";
/// Count that is an instant: as of which a selection by a filter was looked at.
const AS_OF: &str = "as_of";
/// Number of letters that are named of one reason, and of reasons that are listed.
const SAMPLES: usize = 3;
const REASONS: usize = 20;
/// Counts that are told in words, after the others: what a person must know of what is sent.
const WARNINGS: [(&str, &str); 2] = [
    ("in_s3", "have only a pointer to a body in S3, which may be gone by now"),
    ("expired_tasks", "are tasks whose expires has passed: their worker drops them"),
];

/// Replay function, which does what is asked.
pub(crate) trait ReplayFunction {
    /// Asks it, and waits for its answer.
    fn ask(&self, request: &Value) -> impl Future<Output = Result<Value, Error>>;
}

/// Report that the function answers.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Report {
    /// True if its time ran out before the end of the selection.
    pub(crate) more: bool,
    /// SQS refused a whole batch with this code.
    pub(crate) stopped: Option<String>,
    /// Reason for which a request about a job was not done.
    pub(crate) refused: Option<String>,
    /// The jobs that it tells of.
    pub(crate) jobs: Vec<Value>,
    /// Letters that somebody else changed first, and the state of each.
    #[serde(skip)]
    conflicts: Vec<(LetterId, String)>,
    #[serde(flatten)]
    counts: BTreeMap<String, Value>,
}

impl Report {
    pub(crate) fn read(answer: Value) -> Result<Self, Error> {
        let strange = |_| Error::Service("the replay function's answer is not understood".to_owned());
        serde_json::from_value(answer).map_err(strange)
    }

    pub(crate) fn of(&self, name: &str) -> u64 {
        self.counts.get(name).and_then(Value::as_u64).unwrap_or(0)
    }

    /// The texts of a list.
    fn texts_of(&self, name: &str) -> impl Iterator<Item = &str> {
        self.counts.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
    }

    /// Adds letters that somebody else changed first.
    pub(crate) fn with_conflicts(mut self, conflicts: &[Conflict]) -> Self {
        if !conflicts.is_empty() {
            self.counts.insert(CONFLICTS.to_owned(), conflicts.iter().map(Conflict::document).collect());
        }
        self.conflicts = conflicts.iter().map(|conflict| (conflict.letter, conflict.state())).collect();
        self
    }

    /// Returns the number of letters that it changed.
    pub(crate) fn progress(&self) -> u64 {
        ["sent", "resolved_instead", "discarded", "restored", "noted", "erased", "ejected", "freed"]
            .iter()
            .map(|name| self.of(name))
            .sum()
    }

    /// Merges this answer with an earlier one: counts of what was done add up, the others are as they are now.
    pub(crate) fn after(mut self, earlier: &Self) -> Self {
        for name in DONE {
            let sum = self.of(name) + earlier.of(name);
            self.counts.insert(name.to_owned(), json!(sum));
        }
        self
    }

    /// Adds a report on different letters to this one.
    pub(crate) fn and(mut self, other: Self) -> Self {
        for (name, value) in other.counts {
            match (value.as_u64(), value.as_array()) {
                (Some(n), _) => self.count(&name, n),
                (_, Some(more)) => {
                    let mut all = self.counts.get(&name).and_then(Value::as_array).cloned().unwrap_or_default();
                    all.extend(more.iter().cloned());
                    self.counts.insert(name, json!(all));
                }
                _ => drop(self.counts.insert(name, value)),
            }
        }
        let stopped = self.stopped.take().or(other.stopped);
        Self { more: self.more | other.more, stopped, refused: self.refused.take().or(other.refused), ..self }
    }

    /// Takes over the instant as of which another answer looked at the letters.
    pub(crate) fn with_instant_of(mut self, other: &Self) -> Self {
        self.counts.extend(other.counts.get_key_value(AS_OF).map(|(name, value)| (name.clone(), value.clone())));
        self
    }

    /// Counts so many more.
    pub(crate) fn count(&mut self, name: &str, more: u64) {
        let sum = self.of(name) + more;
        self.counts.insert(name.to_owned(), json!(sum));
    }

    /// Returns the instant as of which a filter was looked at.
    pub(crate) fn as_of(&self) -> Option<Timestamp> {
        Timestamp::from_rfc3339(self.counts.get(AS_OF)?.as_str()?)
    }

    /// Returns [`Completion::Done`] if everything was done as asked.
    pub(crate) fn ended(&self) -> Completion {
        let left = self.counts.iter().any(|(name, n)| !DONE.contains(&name.as_str()) && n.as_u64().unwrap_or(0) > 0);
        let all = !left && !self.more && self.stopped.is_none() && self.refused.is_none();
        if all { Completion::Done } else { Completion::NotAsAsked }
    }

    pub(crate) fn json(&self) -> Value {
        let mut all: serde_json::Map<_, _> = self.counts.clone().into_iter().collect();
        all.insert("more".to_owned(), json!(self.more));
        all.insert("stopped".to_owned(), json!(self.stopped));
        all.insert("refused".to_owned(), json!(self.refused));
        Value::Object(all)
    }

    /// Renders a list of letters that were not sent by their reasons: each with its count and a few letters.
    fn reasons(&self, (list, alike): (&str, fn(&str) -> String), width: usize) -> String {
        let listed = self.counts.get(list).and_then(Value::as_array).into_iter().flatten();
        let field = |one: &'_ Value, name: &str| one.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut groups: BTreeMap<String, (String, Vec<String>)> = BTreeMap::new();
        for one in listed {
            let why = field(one, "why");
            let (_, letters) = groups.entry(alike(&why)).or_insert_with(|| (why, Vec::new()));
            letters.push(field(one, "letter"));
        }
        let mut groups: Vec<_> = groups.into_values().collect();
        groups.sort_by_key(|(_, letters)| std::cmp::Reverse(letters.len()));
        let more = groups.len().saturating_sub(REASONS);
        let mut text = String::new();
        for (why, letters) in groups.iter().take(REASONS) {
            text.push_str(&counted(letters.len() as u64, if letters.len() == 1 { "letter" } else { "letters" }, width));
            text.push_str(&indented(&shown(why), 9, width));
            letters.iter().take(SAMPLES).for_each(|id| text.push_str(&indented(&shown(id), 11, width)));
        }
        if more > 0 {
            text.push_str(&indented(&count(more as u64, "more reason", "more reasons"), 9, width));
        }
        text
    }

    /// Renders the counts, one a line.
    pub(crate) fn render(&self, width: usize) -> String {
        let mut text = String::new();
        let plain = |name: &str| name != "considered" && WARNINGS.iter().all(|(warning, _)| *warning != name);
        let counts = self.counts.iter().filter(|(name, n)| plain(name) && n.as_u64().unwrap_or(0) > 0);
        counts.for_each(|(name, n)| text.push_str(&counted(n.as_u64().unwrap_or(0), &words(name), width)));
        for (name, warning) in WARNINGS.iter().filter(|(name, _)| self.of(name) > 0) {
            text.push_str(&counted(self.of(name), warning, width));
        }
        for (letter, state) in &self.conflicts {
            text.push_str(&indented(&letter.to_string(), 9, width));
            text.push_str(&indented(&shown(state), 11, width));
        }
        // Sizes differ from one letter to the next.
        text.push_str(&self.reasons(("refused_edits", str::to_owned), width));
        text.push_str(&self.reasons(("too_large_letters", |why| normalised(why).to_string()), width));
        let mut add = |line: &str| text.push_str(&hanging(&shown(line), 2, width));
        for source in self.counts.get("unlisted_sources").and_then(Value::as_array).into_iter().flatten() {
            let source = source.as_str().unwrap_or_default();
            add(&format!("Not configured: {source}"));
        }
        if self.of("unlisted") > 0 {
            add("  List the queue (QUEUE_PAIRS) to send its letters; all else can be done as it is.");
        }
        let stays: Vec<_> = self.texts_of("stays_elsewhere").collect();
        if !stays.is_empty() && self.of("erased") > 0 {
            add("Not erased, because these copies are in other places:");
            stays.iter().for_each(|one| add(&format!("  {one}")));
        }
        if let Some(code) = &self.stopped {
            add(&format!("Stopped: SQS refused a whole batch with {code}."));
        }
        if let Some(why) = &self.refused {
            add(&format!("Not done: {why}."));
        }
        if self.more {
            add("Its time ran out before the end: ask again for the rest.");
        }
        if text.is_empty() { "Nothing.\n".to_owned() } else { text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_done_adds_up_over_pages_and_what_is_not_done_is_as_it_is_now() {
        let read = |answer| Report::read(answer).unwrap();
        let first = json!({"considered": 700, "discarded": 700, "changed_meanwhile": 1, "more": true});
        let last = json!({"considered": 55, "discarded": 54, "changed_meanwhile": 0, "more": false});
        let again = read(last.clone()).after(&read(first.clone()));
        assert_eq!((again.of("discarded"), again.of("considered"), again.ended()), (754, 755, Completion::Done));
        let pages = read(first).and(read(last));
        assert_eq!((pages.of("discarded"), pages.of("changed_meanwhile"), pages.more), (754, 1, true));
    }

    #[test]
    fn only_what_was_not_done_makes_an_end_not_as_asked() {
        let read = |answer: Value| Report::read(answer).unwrap().ended();
        assert_eq!(read(json!({"considered": 3, "sent": 3, "taken_over": 1, "more": false})), Completion::Done);
        for left in
            ["not_sent", "in_doubt", "not_found", "unavailable", "no_body", "behind", "forgotten", "policy_never"]
        {
            assert_eq!(read(json!({left: 1, "sent": 2})), Completion::NotAsAsked, "{left}");
        }
        assert_eq!(read(json!({"refused": "job is DONE"})), Completion::NotAsAsked);
        assert_eq!(read(json!({"stopped": "QueueDoesNotExist"})), Completion::NotAsAsked);
        assert!(matches!(Report::read(json!("what")), Err(Error::Service(_))));
    }
}
