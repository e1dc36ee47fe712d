//! Causes as a table for a terminal.

use std::fmt::Write;

use redrive_core::time::Timestamp;
pub(crate) use redrive_operator::causes::{CauseRow, CauseRows, document, gather, join, sorted, total};

use crate::text::{ago, count, fit, lines, queue_name, shown, table_rows};

/// A longer cause stands in a line of its own: whoever copies it needs all of it.
const CAUSE_COLUMNS: usize = 28;
const QUEUE_COLUMNS: usize = 16;
const VERSIONS: usize = 3;
/// Limit of texts that are shown.
const TEXTS: usize = 4;

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
