//! Causes for which letters wait, with their letters counted.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use redrive_core::letters::fingerprint::normalised;
use redrive_core::letters::letter::ErrorType;
use redrive_core::ports::{Letters, Unavailable};
use redrive_core::replay::Candidate;
use redrive_core::time::Timestamp;
use serde_json::{Value, json};

use crate::text::{ago, count, fit, lines, queue_name, shown, table_rows};
use crate::walk::Wanted;

/// A longer cause stands in a line of its own: whoever copies it needs all of it.
const CAUSE_COLUMNS: usize = 28;
const QUEUE_COLUMNS: usize = 16;
const VERSIONS: usize = 3;
/// Limit of distinct texts of a cause that are counted.
const DISTINCT: usize = 100;
/// Limit of texts that are shown.
const TEXTS: usize = 4;

/// Letters with one fingerprint, as the index knows them.
#[derive(Debug, Clone)]
pub(crate) struct CauseRow {
    /// Fingerprint, which is its name.
    pub(crate) fingerprint: String,
    /// Number of its letters.
    pub(crate) letters: u64,
    /// The class of the error.
    pub(crate) class: ErrorType,
    code: Option<String>,
    queues: BTreeSet<String>,
    first: Timestamp,
    last: Timestamp,
    versions: BTreeSet<String>,
    /// The error's text in the letter that failed last.
    example: String,
    /// The distinct texts, without what differs from one letter to the next: how many letters have it, and one as it is.
    texts: BTreeMap<String, (u64, String)>,
    /// Letters whose text is none of those.
    other_texts: u64,
}

/// Causes by their names.
pub(crate) type CauseRows = BTreeMap<String, CauseRow>;

impl CauseRow {
    fn of(found: Candidate) -> Self {
        Self {
            fingerprint: found.fingerprint,
            letters: 1,
            class: found.error_type,
            code: found.error_code,
            queues: [found.source.to_string()].into(),
            first: found.first_failed_at,
            last: found.last_failed_at,
            versions: found.function_version.into_iter().collect(),
            texts: [(normalised(&found.error_message), (1, found.error_message.clone()))].into(),
            other_texts: 0,
            example: found.error_message,
        }
    }

    fn join(&mut self, other: Self) {
        self.letters += other.letters;
        self.first = self.first.min(other.first);
        // Of two that failed at once the text decides, so that the same letters always look the same.
        if (other.last, &other.example) > (self.last, &self.example) {
            self.example = other.example;
        }
        self.last = self.last.max(other.last);
        self.other_texts += other.other_texts;
        for (distinct, (letters, text)) in other.texts {
            let room = self.texts.len() < DISTINCT;
            match self.texts.get_mut(&distinct) {
                Some(known) => {
                    known.0 += letters;
                    // The same letters always look the same.
                    known.1 = text.min(std::mem::take(&mut known.1));
                }
                None if room => drop(self.texts.insert(distinct, (letters, text))),
                None => self.other_texts += letters,
            }
        }
        self.queues.extend(other.queues);
        self.versions.extend(other.versions);
    }

    /// Returns the earliest first failure of its letters.
    pub(crate) const fn first(&self) -> Timestamp {
        self.first
    }

    /// The distinct texts, the commonest first.
    fn texts(&self) -> Vec<(u64, &str)> {
        let mut texts: Vec<_> = self.texts.values().map(|(letters, text)| (*letters, text.as_str())).collect();
        texts.sort_by(|one, other| other.0.cmp(&one.0).then_with(|| one.1.cmp(other.1)));
        texts
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "fingerprint": self.fingerprint,
            "letters": self.letters,
            "error_type": self.class,
            "error_code": self.code,
            "source_topic": self.queues,
            "first_failed_at": self.first.to_rfc3339(),
            "last_failed_at": self.last.to_rfc3339(),
            "function_version": self.versions,
            "error_message": self.example,
            "texts": self.texts().iter().map(|(letters, text)| json!({"letters": letters, "text": text})).collect::<Vec<_>>(),
        })
    }
}

fn add(causes: &mut CauseRows, cause: CauseRow) {
    match causes.get_mut(&cause.fingerprint) {
        Some(known) => known.join(cause),
        None => drop(causes.insert(cause.fingerprint.clone(), cause)),
    }
}

/// Counts a letter to those that died of the same.
pub(crate) fn join(causes: &mut CauseRows, found: Candidate) {
    add(causes, CauseRow::of(found));
}

/// The causes of what is wanted, the largest first.
pub(crate) async fn gather<L: Letters>(letters: &L, wanted: &Wanted) -> Result<Vec<CauseRow>, Unavailable> {
    Ok(merged(wanted.sums(letters, join).await?))
}

/// Merges several counts into one.
pub(crate) fn merged(sums: impl IntoIterator<Item = CauseRows>) -> Vec<CauseRow> {
    let mut all = CauseRows::new();
    sums.into_iter().flat_map(CauseRows::into_values).for_each(|cause| add(&mut all, cause));
    sorted(all)
}

/// Sorts causes by their number of letters, the largest first.
pub(crate) fn sorted(causes: CauseRows) -> Vec<CauseRow> {
    let mut causes: Vec<_> = causes.into_values().collect();
    causes.sort_by(|one, other| other.letters.cmp(&one.letters).then_with(|| one.fingerprint.cmp(&other.fingerprint)));
    causes
}

/// Returns the number of letters of all causes.
pub(crate) fn total(causes: &[CauseRow]) -> u64 {
    causes.iter().map(|cause| cause.letters).sum()
}

pub(crate) fn document(causes: &[CauseRow]) -> Value {
    json!({"letters": total(causes), "causes": causes.iter().map(CauseRow::json).collect::<Vec<_>>()})
}

/// The causes as a table, each with an example of its text.
pub(crate) fn render(causes: &[CauseRow], now: Timestamp, width: usize) -> String {
    if causes.is_empty() {
        return "No letters.\n".to_owned();
    }
    let digits = causes.iter().map(|cause| cause.letters).max().unwrap_or(0).to_string().len().max("LETTERS".len());
    let rows: Vec<_> = causes
        .iter()
        .map(|cause| {
            vec![
                format!("{:>digits$}", cause.letters),
                fit(&shown(&cause.fingerprint), CAUSE_COLUMNS),
                fit(&queues(cause), QUEUE_COLUMNS),
                ago(now, cause.first),
                ago(now, cause.last),
                shown(&versions(cause)),
            ]
        })
        .collect();
    let (head, rows) = table_rows(&["LETTERS", "CAUSE", "QUEUE", "FIRST", "LAST", "VERSION"], &rows, width);
    let indent = if head.is_some() { digits + 2 } else { 2 };
    let mut text = head.unwrap_or_default();
    for (row, cause) in rows.iter().zip(causes) {
        text.push_str(row);
        let name = shown(&cause.fingerprint);
        if fit(&name, CAUSE_COLUMNS) != name {
            for line in lines(&name, width - indent) {
                let _ = writeln!(text, "{:indent$}{line}", "");
            }
        }
        let texts = cause.texts();
        if texts.len() > 1 {
            for (letters, one) in texts.iter().take(TEXTS) {
                let line = fit(&format!("{letters} × {}", shown(one)), width - indent);
                let _ = writeln!(text, "{:indent$}{line}", "");
            }
            let more: u64 = texts.iter().skip(TEXTS).map(|(letters, _)| letters).sum::<u64>() + cause.other_texts;
            if more > 0 {
                let _ = writeln!(text, "{:indent$}{more} × other texts", "");
            }
            continue;
        }
        let example = shown(&cause.example);
        if !example.is_empty() {
            let _ = writeln!(text, "{:indent$}{}", "", fit(&example, width - indent));
        }
    }
    let together = count(total(causes), "letter", "letters");
    let _ = writeln!(text, "{together} of {}", count(causes.len() as u64, "cause", "causes"));
    text
}

fn queues(cause: &CauseRow) -> String {
    match cause.queues.first() {
        Some(one) if cause.queues.len() == 1 => shown(queue_name(one)),
        _ => count(cause.queues.len() as u64, "queue", "queues"),
    }
}

/// The last few: an incident has one or two.
fn versions(cause: &CauseRow) -> String {
    let last: Vec<_> = cause.versions.iter().rev().take(VERSIONS).map(String::as_str).collect();
    let more = if cause.versions.len() > VERSIONS { ", …" } else { "" };
    format!("{}{more}", last.join(", "))
}
