//! Causes as a table for a terminal.

use std::fmt::Write;

use redrive_core::letters::summary::OtherCauses;
use redrive_core::time::Timestamp;
pub(crate) use redrive_operator::causes::{CauseRow, CauseRows, join, sorted, total};
use redrive_operator::waiting::{CountBasis, JOINED, WaitingCount};
use unicode_width::UnicodeWidthStr;

use crate::text::{ago, count, fit, hanging, indented, instant, lines, queue_name, shown, table_rows};

/// A longer cause stands in a line of its own: whoever copies it needs all of it.
const CAUSE_COLUMNS: usize = 28;
const QUEUE_COLUMNS: usize = 16;
const VERSIONS: usize = 3;
/// Mark of a cause that came up within a day.
pub(crate) const NEW: &str = "NEW";
/// Limit of texts that are shown.
const TEXTS: usize = 4;

/// Renders the causes as a table, each with its texts, who acts on its letters, and one of them to look at.
pub(crate) fn render(found: &WaitingCount, now: Timestamp, width: usize) -> String {
    let all = table_of((&found.causes, &found.others), now, width, facts);
    let basis = basis(found.basis, now).map_or(String::new(), |words| hanging(&words, 2, width));
    all + &packed(&found.steps().words(now), 0, width) + &basis
}

/// Describes where a count is from, unless every letter was read and the ledger asked about each.
pub(crate) fn basis(basis: CountBasis, now: Timestamp) -> Option<String> {
    let at = |at: Timestamp| format!("{} ({})", instant(at), ago(now, at));
    match basis {
        CountBasis::Summary { as_of } => Some(format!(
            "As of {}, by the schedule's own count, without a look into the ledger: --exact reads every letter now",
            at(as_of)
        )),
        CountBasis::Letters { outdated: Some(as_of), .. } => {
            Some(format!("Every letter was read: the schedule's own count, as of {}, is too old", at(as_of)))
        }
        CountBasis::Letters { joined: false, .. } => {
            Some(format!("The ledger was not asked which are done by now: there are more than {JOINED}"))
        }
        CountBasis::Letters { joined: true, outdated: None } => None,
    }
}

/// Renders the causes as a table, each with an example of its text, before something is done to them.
pub(crate) fn preview(causes: &[CauseRow], now: Timestamp, width: usize) -> String {
    table_of((causes, &OtherCauses::default()), now, width, |_, _| Vec::new())
}

fn table_of(
    (causes, others): (&[CauseRow], &OtherCauses),
    now: Timestamp,
    width: usize,
    facts: impl Fn(&CauseRow, Timestamp) -> Vec<String>,
) -> String {
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
        let who = facts(cause, now);
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
        } else if !cause.example.is_empty() {
            let _ = writeln!(text, "{:indent$}{}", "", fit(&shown(&cause.example), width - indent));
        }
        text.push_str(&packed(&who, indent, width));
    }
    if others.causes > 0 {
        let smaller = count(others.causes, "smaller cause", "smaller causes");
        let _ = writeln!(text, "{:>digits$}  {smaller}", others.letters);
    }
    let together = count(total(causes) + others.letters, "letter", "letters");
    let _ = writeln!(text, "{together} of {}", count(causes.len() as u64 + others.causes, "cause", "causes"));
    text
}

/// Describes who acts on the letters of a cause, since when it grows, and names a letter to look at.
fn facts(cause: &CauseRow, now: Timestamp) -> Vec<String> {
    let mut parts = Vec::new();
    if cause.is_new(now) {
        parts.push(cause.seen_since.map_or_else(|| NEW.to_owned(), |at| format!("{NEW} {}", ago(now, at))));
    }
    parts.extend(cause.steps.words(now));
    // Where it has grown since it began, the first failure says so.
    let since = cause.grows_since(now).filter(|since| *since > cause.first);
    parts.extend(since.map(|since| format!("grows since {}", ago(now, since))));
    parts.push(cause.sample.to_string());
    parts
}

/// Sets parts in lines under an indent, as many to a line as fit.
fn packed(parts: &[String], indent: usize, width: usize) -> String {
    let mut rows: Vec<String> = Vec::new();
    for part in parts {
        match rows.last_mut() {
            Some(row) if indent + row.width() + 3 + part.width() <= width => {
                row.push_str(" · ");
                row.push_str(part);
            }
            _ => rows.push(part.clone()),
        }
    }
    rows.iter().map(|row| indented(row, indent, width)).collect()
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
