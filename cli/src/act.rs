//! Commands that change letters: shown first, confirmed, and then asked of the replay function.

use std::collections::BTreeMap;

use redrive_core::letters::letter::Status;
use redrive_core::replay::{Filter, Selection};
use redrive_core::time::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::args::{Chosen, ListedStatus};
use crate::aws::StackAccess;
use crate::completion::{Completion, Error};
use crate::out::{self, Out};
use crate::preview::Preview;
use crate::shown::select;
use crate::text::{counted, hanging, indented, shown, words};
use crate::walk::filter;

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

impl ReplayFunction for StackAccess {
    async fn ask(&self, request: &Value) -> Result<Value, Error> {
        Self::ask(self, request).await
    }
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
    fn said(&self, name: &str) -> impl Iterator<Item = &str> {
        self.counts.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
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
                (_, Some(told)) => {
                    let mut all = self.counts.get(&name).and_then(Value::as_array).cloned().unwrap_or_default();
                    all.extend(told.iter().cloned());
                    self.counts.insert(name, json!(all));
                }
                _ => drop(self.counts.insert(name, value)),
            }
        }
        let stopped = self.stopped.take().or(other.stopped);
        Self { more: self.more | other.more, stopped, refused: self.refused.take().or(other.refused), ..self }
    }

    /// Counts so many more.
    pub(crate) fn count(&mut self, name: &str, more: u64) {
        let sum = self.of(name) + more;
        self.counts.insert(name.to_owned(), json!(sum));
    }

    /// Returns the instant as of which a filter was looked at.
    pub(crate) fn as_of(&self) -> Option<Timestamp> {
        Timestamp::from_rfc3339(self.counts.get("as_of")?.as_str()?)
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

    /// Renders the counts, one a line.
    pub(crate) fn render(&self, width: usize) -> String {
        let mut text = String::new();
        let plain = |name: &str| name != "considered" && WARNINGS.iter().all(|(warning, _)| *warning != name);
        let told = self.counts.iter().filter(|(name, n)| plain(name) && n.as_u64().unwrap_or(0) > 0);
        told.for_each(|(name, n)| text.push_str(&counted(n.as_u64().unwrap_or(0), &words(name), width)));
        for (name, warning) in WARNINGS.iter().filter(|(name, _)| self.of(name) > 0) {
            text.push_str(&counted(self.of(name), warning, width));
        }
        for list in ["refused_edits", "too_large_letters"] {
            for refused in self.counts.get(list).and_then(Value::as_array).into_iter().flatten() {
                let said = |name: &str| refused.get(name).and_then(Value::as_str).unwrap_or_default();
                text.push_str(&indented(&shown(said("letter")), 9, width));
                text.push_str(&indented(&shown(said("why")), 11, width));
            }
        }
        let mut add = |line: &str| text.push_str(&hanging(&shown(line), 2, width));
        for source in self.counts.get("unlisted_sources").and_then(Value::as_array).into_iter().flatten() {
            let source = source.as_str().unwrap_or_default();
            add(&format!("Not configured: {source}"));
        }
        if self.of("unlisted") > 0 {
            add("  List the queue (QUEUE_PAIRS) to send its letters; all else can be done as it is.");
        }
        let stays: Vec<_> = self.said("stays_elsewhere").collect();
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

/// Reads what is chosen.
pub(crate) fn selection(chosen: &Chosen, access: &StackAccess, now: Timestamp) -> Result<Selection, Error> {
    chosen_of(chosen, filter(&chosen.filters, access.stack.main_queue().as_ref(), now)?, now)
}

fn chosen_of(chosen: &Chosen, filter: Filter, now: Timestamp) -> Result<Selection, Error> {
    if let Some((field, must)) = filter.wrong() {
        return Err(Error::Usage(format!("--{} must be {must}", field.replace('_', "-"))));
    }
    match (chosen.ids.is_empty(), filter.is_empty()) {
        (false, true) => Ok(Selection::Ids(chosen.ids.clone())),
        (true, false) if filter.chooses_all(now) => Err(Error::Usage(
            "what was given excludes no letter: say which ones, by --cause, --type and so on".to_owned(),
        )),
        (true, false) => Ok(Selection::Filter(filter)),
        (false, false) => Err(Error::Usage("name letters by their ids or by what fits them, not by both".to_owned())),
        (true, true) => Err(Error::Usage("which letters? Give their ids, or --cause, --type and so on".to_owned())),
    }
}

/// A request about letters.
pub(crate) fn request(action: &str, selection: &Selection, by: &str) -> Value {
    let mut request = json!({"action": action, "by": by});
    select(&mut request, selection);
    request
}

/// Refuses at once what would have to be confirmed where nobody can be asked.
pub(crate) fn confirmable(yes: bool) -> Result<(), Error> {
    if yes || out::can_ask() {
        return Ok(());
    }
    Err(Error::Refused("this must be confirmed, and there is no terminal to ask at: say --yes".to_owned()))
}

/// Asks, unless it was said already.
pub(crate) fn confirm(yes: bool, question: &str) -> Result<(), Error> {
    if yes || out::ask(question)? { Ok(()) } else { Err(Error::Refused("not confirmed; nothing was done".to_owned())) }
}

/// Actions of a person on letters, apart from replays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doing {
    Discard,
    Restore,
    Note,
    Erase,
    Free,
}

impl Doing {
    const fn action(self) -> &'static str {
        match self {
            Self::Discard => "discard",
            Self::Restore => "restore",
            Self::Note => "note",
            Self::Erase => "erase",
            Self::Free => "free",
        }
    }

    const fn verb(self) -> &'static str {
        match self {
            Self::Discard => "to be discarded",
            Self::Restore => "to be restored",
            Self::Note => "to be noted",
            Self::Free => {
                "to have the dead enqueues of their keys forgotten; a dead copy that is still in a queue would run again"
            }
            Self::Erase => "to lose payload and attributes for ever; what waits is given up, too",
        }
    }

    /// Returns true if something is given up or lost.
    const fn must_be_confirmed(self) -> bool {
        matches!(self, Self::Discard | Self::Erase | Self::Free)
    }

    /// Returns the statuses that letters must have for it. By their ids, body and notes can be changed of any.
    fn from(self, selection: &Selection) -> Vec<Status> {
        match (self, selection) {
            (Self::Note, Selection::Ids(_) | Selection::Shown(_)) => ListedStatus::Any.statuses(),
            (Self::Erase, Selection::Ids(_) | Selection::Shown(_)) => {
                vec![Status::Pending, Status::Resolved, Status::Discarded]
            }
            (Self::Restore, _) => vec![Status::Discarded],
            _ => vec![Status::Pending],
        }
    }
}

/// Carries out the action: shows, asks, and reports.
pub(crate) async fn run(
    doing: Doing,
    remark: &crate::args::RemarkArgs,
    access: &StackAccess,
    by: &str,
    (now, out): (Timestamp, Out),
) -> Result<Completion, Error> {
    let selection = selection(&remark.chosen, access, now)?;
    if remark.note.trim().is_empty() {
        return Err(Error::Usage("--note must say something".to_owned()));
    }
    if doing.must_be_confirmed() {
        confirmable(remark.yes)?;
    }
    let letters = access.letters()?;
    let preview = Preview::of(&letters, &selection, doing.from(&selection)).await?;
    preview.met(&selection)?;
    out::say(preview.render(doing.verb(), now, out.width).trim_end());
    if doing.must_be_confirmed() && preview.letters() > 0 {
        confirm(remark.yes, "Go on?")?;
    }
    let mut request = request(doing.action(), &selection, by);
    request["note"] = json!(remark.note);
    let report = preview.carry_out((access, &letters), &selection, request).await?;
    out.either(|| report.json(), |width| report.render(width))?;
    Ok(report.ended())
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
    fn a_filter_that_excludes_nothing_is_refused_like_none() {
        let now = Timestamp::from_rfc3339("2026-11-29T12:00:00Z").unwrap();
        let chosen = |filter: Filter| chosen_of(&Chosen { ids: Vec::new(), filters: Default::default() }, filter, now);
        let text = |text: &str| Filter { text: Some(text.to_owned()), ..Filter::default() };
        for all in [
            Filter::default(),
            text(""),
            text(" "),
            Filter { min_deaths: Some(0), ..Filter::default() },
            Filter { max_deaths: Some(u32::MAX), ..Filter::default() },
            Filter { since: Some(Timestamp::from_millis(0)), ..Filter::default() },
            Filter { until: Some(now.after(std::time::Duration::from_secs(1))), ..Filter::default() },
        ] {
            assert!(matches!(chosen(all.clone()), Err(Error::Usage(_))), "{all:?}");
        }
        assert!(matches!(chosen(text("CHF")), Ok(Selection::Filter(filter)) if filter == text("CHF")));
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
