//! Output about chosen letters: what was not sent and why, the places of a patch, and interruptions.

use clap::Parser;
use redrive_core::letters::letter::{Event, EventKind, Letter, Status};
use redrive_core::message::wrapping::Wrapping;
use redrive_core::replay::{Edit, Patch, Selection};
use redrive_operator::job_holders::JobHolders;
use redrive_operator::samples::{self, NOW};
use serde_json::{Value, json};

use super::{NARROW, WIDTH, is, is_within};
use crate::args::CliArgs;
use crate::completion::Error;
use crate::edit::EditPreview;
use crate::preview::Preview;
use crate::replay_function::{ReplayFunction, Report};
use crate::text::hanging;
use crate::{act, run, shown};

#[test]
fn letters_that_were_not_sent_are_grouped_by_reason_with_a_count_and_three_of_them() {
    let letters = samples::letters();
    let refused = |n: usize| {
        let why = if n.is_multiple_of(9) {
            "its result is no JSON"
        } else {
            "operation 1 of the patch does not apply: its test failed"
        };
        json!({"letter": letters[n].id, "why": why})
    };
    let large = |n: usize| {
        let why = format!("message has {} bytes, and the dead-letter queue takes 262144", 300_000 + n);
        json!({"letter": letters[n].id, "why": why})
    };
    let edits: Vec<_> = (0..30).map(refused).collect();
    let sizes: Vec<_> = (40..45).map(large).collect();
    let report = json!({"considered": 40, "sent": 5, "edit_failed": 30, "too_large": 5, "refused_edits": edits,
        "too_large_letters": sizes});
    let report = Report::read(report).unwrap();
    is("not-sent.txt", &report.render(WIDTH));
    is_within("not-sent-narrow.txt", &report.render(NARROW), NARROW);
}

#[tokio::test]
async fn a_letter_that_somebody_else_changed_first_names_its_state_and_who_did_it() {
    let table = super::store();
    let letters = samples::letters();
    let ids = letters[..2].iter().map(|letter| letter.id).collect();
    let statuses = vec![Status::Pending];
    let preview = Preview::of(&table, &Selection::Ids(ids), statuses, &JobHolders::default()).await.unwrap();
    let event = Event { what: EventKind::Discarded, who: "bob".to_owned(), at: NOW, ..letters[0].history[0].clone() };
    let event = Event { attempt: None, note: Some("a duplicate of last week".to_owned()), ..event };
    let history = letters[0].history.iter().cloned().chain([event]).collect();
    let version = letters[0].version + 1;
    table.force(Letter { status: Status::Discarded, version, history, ..letters[0].clone() });
    let request = act::request("discard", &Selection::Ids(Vec::new()), "ann");
    let report = preview.carry_out((&Discards, &table), &Selection::Ids(Vec::new()), request).await.unwrap();
    is("conflict.txt", &report.render(WIDTH));
    is_within("conflict-narrow.txt", &report.render(NARROW), NARROW);
    is("conflict.json", &format!("{:#}\n", report.json()));
}

/// Function that discards one of two letters.
struct Discards;

impl ReplayFunction for Discards {
    async fn ask(&self, _: &Value) -> Result<Value, Error> {
        Ok(json!({"considered": 2, "discarded": 1, "changed_meanwhile": 1}))
    }
}

#[test]
fn the_places_of_a_patch_stand_below_a_body_that_is_too_large_to_compare() {
    let patch = r#"[{"op":"test","path":"/n","value":12345678901234567.89},{"op":"replace","path":"/currency","value":"EUR"},
        {"op":"add","path":"/note","value":"mended"}]"#;
    let payload = format!(r#"{{"a":"{}","currency":"CHF","n":12345678901234567.89}}"#, "x".repeat(900_000));
    let letter = Letter { payload, ..samples::full() };
    let preview = EditPreview::of(&letter, &Edit::Patch(Patch::parse(patch).unwrap()), Wrapping::None);
    is("patched-large.txt", &last_lines(&preview.render(WIDTH)));
    is_within("patched-large-narrow.txt", &last_lines(&preview.render(NARROW)), NARROW);
}

fn last_lines(text: &str) -> String {
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(6)..].iter().map(|line| format!("{line}\n")).collect()
}

#[test]
fn an_interruption_says_what_was_done_what_goes_on_and_where_to_look() {
    let id = "00000000-0000-0000-0000-000000000007";
    let lines = [&["causes"][..], &["console"], &["cancel", id], &["drain"], &["import", "letters.ndjson"]];
    let mut texts: Vec<_> = lines
        .into_iter()
        .map(|line| {
            let line = CliArgs::try_parse_from(["redrive"].iter().chain(line)).unwrap();
            run::interruption(&line.command)
        })
        .collect();
    let report = Report::read(json!({"discarded": 4_000, "changed_meanwhile": 1})).unwrap();
    texts.push(shown::interrupted(&report, (4_500, 500, 15_000)));
    let set = |width| texts.iter().map(|text| hanging(text, 2, width)).collect::<String>();
    is("interrupted.txt", &set(WIDTH));
    is_within("interrupted-narrow.txt", &set(NARROW), NARROW);
}
