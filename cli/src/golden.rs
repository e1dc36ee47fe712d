//! Output of every command, held to the files in tests/golden. To change one, delete its file and run the tests: they
//! write it anew, and fail once, so that somebody looks at it.

mod counts;
mod lists;
mod narrow;
mod selected;
mod stopped;

use std::fs;
use std::path::Path;
use std::time::Duration;

use redrive_core::ids::QueueArn;
use redrive_core::letters::letter::{Body, ErrorType, Letter, Status};
use redrive_core::message::wrapping::Wrapping;
use redrive_core::replay::job::Disposition;
use redrive_core::replay::{Edit, Filter, Selection};
use redrive_testkit::{ModelLedger, ModelLetters};
use serde_json::json;
use unicode_width::UnicodeWidthStr;

use crate::drain::DrainResult;
use crate::edit::Wrappings;
use crate::import::{Contents, Imported};
use crate::preview::Preview;
use crate::replay_function::Report;
use crate::{edit, eject, jobs, replay, run, show, status, text, watch};
use redrive_operator::board::{self, Board, QueueStatus, TableStatus};
use redrive_operator::expiry::{Expiry, LedgerMemory};
use redrive_operator::job_holders::JobHolders;
use redrive_operator::letter_view::{LedgerAnswer, LetterView};
use redrive_operator::policies::Policies;
use redrive_operator::readings::{AlarmStatus, Depths};
use redrive_operator::samples::{self, NOW};
use redrive_operator::waiting::{self, WaitingLook};
use redrive_operator::walk::Wanted;
use redrive_operator::{json, letter_view};

const WIDTH: usize = 80;
const SCREEN: usize = 24;

/// Columns of a terminal that stands beside something else.
pub(crate) const NARROW: usize = 40;

pub(crate) fn is(name: &str, output: &str) {
    is_within(name, output, WIDTH);
}

/// Number of UUIDs in a text.
fn ids(text: &str) -> usize {
    let dashes = [8, 13, 18, 23];
    let is_id = |window: &[u8]| {
        window.iter().enumerate().all(|(at, c)| if dashes.contains(&at) { *c == b'-' } else { c.is_ascii_hexdigit() })
    };
    text.as_bytes().windows(36).filter(|window| is_id(window)).count()
}

pub(crate) fn is_within(name: &str, output: &str, columns: usize) {
    let output = if name.ends_with(".txt") { output.to_owned() } else { text::shown_json(output) };
    for line in output.lines() {
        let is_text = name.ends_with(".txt");
        assert!(!is_text || line.width() <= columns, "{name}: {line:?} has {} columns", line.width());
        assert_eq!(line, text::shown(line), "{name}: a terminal would obey this");
        assert_eq!(line, line.trim_end(), "{name}: space at an end");
    }
    if name.ends_with(".txt") {
        let whole: String = output.split_whitespace().collect();
        assert_eq!(ids(&output), ids(&whole), "{name}: an id is broken in two");
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    match fs::read_to_string(&path) {
        Ok(expected) => assert_eq!(output, expected, "{name}"),
        Err(_) => {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &output).unwrap();
            panic!("{name} was written: look at it");
        }
    }
}

/// Returns the texts of all files below a folder with this ending.
fn texts(folder: &Path, ending: &str) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.fold(Vec::new(), |mut all, path| {
        if path.is_dir() {
            all.extend(texts(&path, ending));
        } else if path.extension().is_some_and(|found| found == ending) {
            all.push(fs::read_to_string(path).unwrap());
        }
        all
    })
}

#[test]
fn every_file_is_some_output() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources = texts(&package.join("src"), "rs").concat();
    for entry in fs::read_dir(package.join("tests/golden")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(sources.contains(&format!("\"{name}\"")), "tests/golden/{name} is compared with nothing: delete it");
    }
}

/// A store of letters that wait for a person, come back by themselves, or have used up their replays.
fn store() -> ModelLetters {
    let store = ModelLetters::new();
    for mut letter in samples::letters() {
        match letter.reason.error_type {
            ErrorType::Timeout if letter.status == Status::Pending => letter.due = NOW.after(Duration::from_secs(240)),
            ErrorType::Transient => letter.deaths = 4,
            _ => {}
        }
        store.force(letter);
    }
    store
}

fn policies() -> Policies {
    Policies::only(samples::policy())
}

fn pending() -> Wanted {
    waiting::all()
}

/// Look of somebody who asks for nothing special.
const USUAL: WaitingLook<'_> = WaitingLook { now: NOW, exact: false, progress: &|_, _| () };

#[test]
fn a_letter_looks_as_it_did() {
    let letter = samples::full();
    let seen = LetterView { ledger: LedgerAnswer::Records(vec![("its key", samples::entry(&letter))]), letter };
    is("show.txt", &show::render(&seen, None, NOW, WIDTH));
    is_within("show-narrow.txt", &show::render(&seen, None, NOW, NARROW), NARROW);
    is("show.json", &format!("{:#}\n", letter_view::document(&seen, NOW)));
    let erased =
        Body::Erased { at: NOW, by: "ann@desk".to_owned(), note: "asked for\u{1b}[1m by the customer".to_owned() };
    let erased =
        Letter { body: erased, key: None, status: Status::Resolved, expires: Some(NOW), ..seen.letter.clone() };
    let sent = Letter { status: Status::Replayed, due: redrive_core::time::Timestamp::NEVER, ..seen.letter.clone() };
    is(
        "show-destination.txt",
        &show::render(&LetterView { letter: sent, ledger: LedgerAnswer::Records(Vec::new()) }, None, NOW, WIDTH),
    );
    is(
        "show-erased.txt",
        &show::render(&LetterView { letter: erased, ledger: LedgerAnswer::Records(Vec::new()) }, None, NOW, WIDTH),
    );
    let edited = LetterView { letter: samples::edited(None), ledger: LedgerAnswer::Records(Vec::new()) };
    is("show-edited.txt", &show::render(&edited, None, NOW, WIDTH));
    let of_topic = LetterView { letter: samples::of_topic(), ledger: LedgerAnswer::NotKept };
    is("show-topic.txt", &show::render(&of_topic, None, NOW, WIDTH));
    let foreign = Letter { payload: "\u{1b}[31mnot json\n\u{7}".to_owned(), ..samples::letters().swap_remove(49) };
    is(
        "show-foreign.txt",
        &show::render(&LetterView { letter: foreign, ledger: LedgerAnswer::NotKept }, None, NOW, WIDTH),
    );
}

#[test]
fn an_exported_letter_is_exact() {
    is("export.ndjson", &format!("{}\n", json::letter(&samples::full())));
}

#[tokio::test]
async fn the_status_looks_as_it_did() {
    let queue = |role, name: &str, visible| QueueStatus {
        role,
        name: name.to_owned(),
        depths: Depths { visible, in_flight: Some(3), delayed: Some(0), retention: None },
    };
    let mut table = board::of_table(&store(), &None::<ModelLedger>, &policies(), USUAL).await.unwrap();
    table.jobs = samples::jobs().drain(..2).collect();
    table.acts = samples::acts();
    table.memory = Some(LedgerMemory::Until(NOW.after(Duration::from_secs(9 * 86_400))));
    let queues = vec![
        queue("main_queue", "orders", Some(12)),
        queue("dead_letter_queue", "orders-dlq", Some(0)),
        queue("failed_invocations_queue", "orders-failed-invocations", None),
    ];
    let quiet = ["DepthAlarm", "FailedInvocationsAlarm", "ProcessorErrorsAlarm", "IndexerErrorsAlarm", "OldestAlarm"];
    let quiet = quiet.map(|name| AlarmStatus::new(&format!("orders-{name}-1ABCDEF"), "OK"));
    let loud = [("DeadLetterAgeAlarm", "ALARM"), ("WillExpireAlarm", "ALARM"), ("own-name", "INSUFFICIENT_DATA")];
    let loud = loud.map(|(name, state)| AlarmStatus::new(&format!("orders-{name}-1ABCDEF"), state));
    let alarms = Some(quiet.into_iter().chain(loud).collect());
    let expiry = Some(Expiry::At(NOW.after(Duration::from_secs(20 * 3_600))));
    let board =
        Board { stack: Some("orders".to_owned()), broker_source: None, queues, expiry, moving: None, alarms, table };
    let text = status::render(&board, NOW, WIDTH);
    assert!(text.lines().count() <= SCREEN, "it fits a screen");
    is("status.txt", &text);
    is_within("status-narrow.txt", &status::render(&board, NOW, NARROW), NARROW);
    let roomy = Board { alarms: None, expiry: None, ..board.clone() };
    assert!(status::render(&roomy, NOW, WIDTH).contains("bob wrote a note on 1 letter 40m ago: waits for version 42"));
    is("status.json", &format!("{:#}\n", board::document(&board)));
    let moving = Board { moving: Some(12), ..board.clone() };
    let told = "A message move task empties orders-dlq beside the indexer: 12 moved by now";
    assert!(status::render(&moving, NOW, WIDTH).contains(told));
    assert_eq!(board::document(&moving)["dead_letter_queue_move_task"]["moved"], 12);
    let table = board::of_table(&ModelLetters::new(), &None::<ModelLedger>, &policies(), USUAL).await.unwrap();
    let empty =
        Board { stack: None, broker_source: None, queues: Vec::new(), expiry: None, moving: None, alarms: None, table };
    is("status-empty.txt", &status::render(&empty, NOW, WIDTH));
    let topic = Board { broker_source: QueueArn::parse_source("kafka://shop/orders"), ..empty };
    let told = "SOURCE: kafka://shop/orders. Its broker's metrics show what waits there.";
    assert!(status::render(&topic, NOW, WIDTH).starts_with(told));
    let table = TableStatus { memory: Some(LedgerMemory::Gone), ..board.table.clone() };
    let expiries =
        [Expiry::NotBefore(NOW.after(Duration::from_secs(7 * 86_400))), Expiry::NotBefore(NOW), Expiry::Unknown];
    let texts = expiries.map(|expiry| {
        let board = Board { expiry: Some(expiry), alarms: Some(Vec::new()), table: table.clone(), ..board.clone() };
        status::render(&board, NOW, WIDTH).lines().skip(4).take(7).map(|line| format!("{line}\n")).collect::<String>()
    });
    is("status-doubts.txt", &texts.join("\n"));
}

#[test]
fn a_key_of_which_few_more_enqueues_may_die_says_so_and_how_to_make_room() {
    let mut entry = samples::entry(&samples::full());
    let dead_marks: String = (0..47).map(|n| format!("{n:016x}ffff030")).collect();
    entry.dead_enqueues = redrive_core::processing::ledger::DeadEnqueues::try_from(dead_marks).unwrap();
    entry.enqueues = vec![entry.enqueues[0].clone(); 4];
    let seen = LetterView { letter: samples::full(), ledger: LedgerAnswer::Records(vec![("its key", entry)]) };
    let told = show::render(&seen, None, NOW, WIDTH);
    let words = told.split_whitespace().collect::<Vec<_>>().join(" ");
    for said in [
        "47 enqueues before, dead",
        "many enqueues of this key are dead, and 5 more may die: `redrive free` makes room",
    ] {
        assert!(words.contains(said), "{said:?} is not in {told}");
    }
    let report = Report::read(json!({"too_many_lives": 2})).unwrap();
    assert!(report.render(WIDTH).contains("2  too many dead enqueues\n"), "scripts read another name than people");
    let job = samples::job(6, redrive_core::replay::job::JobState::Done, &[(Disposition::TooManyEnqueues, 2)]);
    assert_eq!(jobs::dispositions(&job.known), "too many dead enqueues 2");
}

#[test]
fn jobs_look_as_they_did() {
    let seen = samples::jobs();
    is("jobs.txt", &jobs::render(&seen, NOW, WIDTH));
    is("jobs.json", &format!("{:#}\n", jobs::documents(&seen)));
    for one in &seen {
        let mut answer = json!(one.job);
        answer["known"] = json!(one.known);
        let told = jobs::overview(&answer).unwrap();
        assert_eq!(jobs::document(&told), jobs::document(one), "the function's answer and the table say the same");
    }
    let ends: String = seen.iter().map(|one| jobs::account(one, WIDTH)).collect();
    is("watch-end.txt", &ends);
    is("watch.txt", &seen.iter().map(|one| watch::lines(one, NOW, WIDTH)).collect::<String>());
    is("watch-piped.log", &seen.iter().map(|one| format!("{}\n", watch::line(one, NOW))).collect::<String>());
    let steered = |n: usize| run::steered(seen[n].job.id, Some(&seen[n]), NOW, WIDTH);
    is("steered.txt", &format!("{}{}", steered(1), steered(3)));
}

#[test]
fn only_a_job_that_came_to_its_end_with_every_effect_ends_well() {
    use crate::completion::Completion;
    let ends: Vec<_> = samples::jobs().iter().map(watch::ended).collect();
    assert_eq!(ends, [Completion::NotAsAsked, Completion::NotAsAsked, Completion::Done, Completion::NotAsAsked]);
    let left = |disposition| {
        samples::job(5, redrive_core::replay::job::JobState::Done, &[(Disposition::Resolved, 9), (disposition, 1)])
    };
    for disposition in [
        Disposition::FailedAgain,
        Disposition::Unknown,
        Disposition::InDoubt,
        Disposition::PolicyNever,
        Disposition::NoBody,
        Disposition::NotFound,
    ] {
        assert_eq!(watch::ended(&left(disposition)), Completion::NotAsAsked, "{disposition:?}");
    }
    let settled: Vec<_> = samples::jobs().iter().map(|seen| seen.progress(NOW).settled()).collect();
    assert_eq!(settled, [4, 812, 37, 10], "what was never sent has no outcome");
}

#[test]
fn messages_of_other_frameworks_and_records_look_as_they_did() {
    let bare = |payload: &str| Letter { payload: payload.to_owned(), ..samples::letters().remove(50) };
    let shown = |letter: Letter| show::render(&LetterView { letter, ledger: LedgerAnswer::NotKept }, None, NOW, WIDTH);
    let task = LetterView { letter: bare(samples::CELERY), ledger: LedgerAnswer::NotKept };
    is("show-task.txt", &show::render(&task, None, NOW, WIDTH));
    let told = letter_view::document(&task, NOW);
    assert_eq!((&told["task"]["dropped"], told["decoded"].as_array().map(Vec::len)), (&json!(true), Some(2)));
    let pointer =
        r#"["software.amazon.payloadoffloading.PayloadS3Pointer",{"s3BucketName":"large","s3Key":"8b79b963"}]"#;
    let size = redrive_core::message::envelope::Attribute::text("4194336");
    let attributes = [("ExtendedPayloadSize".to_owned(), size)].into();
    is("show-s3.txt", &shown(Letter { attributes, ..bare(pointer) }));
    is("show-record.txt", &samples::records().into_iter().map(shown).collect::<Vec<_>>().join("\n"));
    let counts = json!({"considered": 5, "sent": 3, "in_s3": 1, "expired_tasks": 2});
    let report = Report::read(counts).unwrap();
    is("warnings.txt", &report.render(WIDTH));
    assert_eq!(report.ended(), crate::completion::Completion::Done, "a warning is no failure");
}

#[tokio::test]
async fn what_would_be_touched_looks_as_it_did() {
    let store = store();
    let preview =
        Preview::of(&store, &Selection::Filter(Filter::default()), vec![Status::Pending], &JobHolders::default())
            .await
            .unwrap();
    let answer = json!({"considered": 55, "would_send": 49, "policy_never": 4, "no_body": 2, "more": true});
    let dry = Report::read(answer).unwrap();
    let plan = replay::plan(&redrive_core::replay::job::Guard::default(), preview.letters());
    let plan = text::hanging(&plan, 2, WIDTH);
    is("replay.txt", &format!("{}{}{plan}", preview.render("waiting", NOW, WIDTH), dry.render(WIDTH)));
    is("replay-to.txt", &replay::destination(&redrive_core::ids::QueueArn::parse(samples::REFUNDS).unwrap(), WIDTH));
    let ids = samples::letters().iter().skip(50).map(|letter| letter.id).collect();
    let preview =
        Preview::of(&store, &Selection::Ids(ids), vec![Status::Pending], &JobHolders::default()).await.unwrap();
    is("discard.txt", &preview.render("to be discarded", NOW, WIDTH));
    let report = Report::read(json!({"discarded": 3, "changed_meanwhile": 1})).unwrap();
    is("discard-done.txt", &report.render(WIDTH));
    let stays = ["the ledger's entry (key, and the text of its last failure) until the ledger forgets it", "logs"];
    let erased = json!({"considered": 2, "erased": 2, "edits_kept": 1, "stays_elsewhere": stays});
    is("erase-done.txt", &Report::read(erased).unwrap().render(WIDTH));
    is("discard-done.json", &format!("{:#}\n", report.json()));
    let why = "the queue is not configured, and nothing was sent; list it (QUEUE_PAIRS)";
    let refused = json!({"refused": why, "considered": 2, "sent": 1, "in_s3": 1, "unlisted": 1});
    let narrow =
        format!("{}{}", preview.render(eject::VERB, NOW, NARROW), Report::read(refused).unwrap().render(NARROW));
    is_within("refused-narrow.txt", &narrow, NARROW);
}

#[tokio::test]
async fn differences_look_as_they_did() {
    let store = store();
    let letters = samples::letters();
    let mut body = letters[0].payload.replace("CHF", "EUR\u{9b}2J").replace("customer_id", "customer");
    body.push('\n');
    let body = Edit::Body(body);
    let one = edit::gather(&store, &Selection::Ids(vec![letters[0].id]), &body, &Wrappings::default()).await.unwrap();
    is("edit.txt", &edit::render(&one, 1, WIDTH));
    let patch = json!([{"op": "test", "path": "/order_id", "value": "o-0"},
        {"op": "add", "path": "/note", "value": "mended by hand, because the shop had written the wrong currency ".repeat(3)},
        {"op": "replace", "path": "/currency", "value": "EUR"}]);
    let patch = Edit::Patch(serde_json::from_value(patch).unwrap());
    let ids = letters[..2].iter().map(|letter| letter.id).collect();
    let seen = edit::gather(&store, &Selection::Ids(ids), &patch, &Wrappings::default()).await.unwrap();
    let refused = json!([{"letter": letters[1].id, "why": "operation 1 of the patch does not apply: its test failed"}]);
    let dry = json!({"considered": 37, "would_send": 1, "edit_failed": 36, "refused_edits": refused});
    let dry = Report::read(dry).unwrap();
    is("edit-many.txt", &format!("{}{}", edit::render(&seen, 37, WIDTH), dry.render(WIDTH)));
    let seen: Vec<_> = seen.iter().map(edit::EditPreview::json).collect();
    is("edit-many.json", &format!("{:#}\n", json!({"edits": seen, "dry_run": dry.json()})));
    let long = Edit::Body("x\n".repeat(500));
    is("edit-long.txt", &edit::EditPreview::of(&letters[0], &long, Wrapping::None).render(WIDTH));
}

#[tokio::test]
async fn what_goes_to_the_dead_letter_queue_looks_as_it_did() {
    let preview =
        Preview::of(&store(), &Selection::Filter(Filter::default()), vec![Status::Pending], &JobHolders::default())
            .await
            .unwrap();
    let why = "message has 300412 bytes, and the dead-letter queue takes 262144: raise its MaximumMessageSize, or export the letter";
    let large = json!([{"letter": samples::letters()[0].id, "why": why}]);
    let report = json!({"considered": 56, "ejected": 52, "left_in_doubt": 2, "no_body": 1, "too_large": 1, "too_large_letters": large});
    let report = Report::read(report).unwrap();
    is("eject.txt", &format!("{}{}", preview.render(eject::VERB, NOW, WIDTH), report.render(WIDTH)));
    is("eject.json", &format!("{:#}\n", report.json()));
}

#[test]
fn what_was_taken_in_looks_as_it_did() {
    let depths =
        |visible, in_flight| Some(Depths { visible: Some(visible), in_flight: Some(in_flight), ..Depths::default() });
    let run =
        json!({"received": 46, "created": 40, "changed": 2, "deleted": 42, "new_fingerprints": 1, "lease_live": 4});
    let run = serde_json::from_value(run).unwrap();
    let some = DrainResult { run, depths: depths(0, 4) };
    let run = serde_json::from_value(json!({"received": 1, "created": 1, "deleted": 1})).unwrap();
    let all = DrainResult { run, depths: depths(0, 0) };
    let none = DrainResult { depths: depths(7, 0), ..DrainResult::default() };
    let held = DrainResult { depths: depths(0, 7), ..DrainResult::default() };
    let texts: Vec<_> = [some, all, none, held].iter().map(|one| one.render("orders-dlq", WIDTH)).collect();
    is("drain.txt", &texts.join("\n"));
    is("drain.json", &format!("{:#}\n", some.json()));
}

#[test]
fn what_is_imported_looks_as_it_did() {
    let mut contents = Contents::default();
    let own = redrive_core::ids::QueueArn::new("arn:aws:sqs:eu-west-1:123456789012:refunds").unwrap();
    samples::letters().iter().for_each(|letter| contents.add(letter, Some(std::slice::from_ref(&own)), NOW));
    let all = Imported { imported: 50, existing: 8, no_body: 1, expired: 2, unavailable: 3 };
    let good = Imported { imported: 58, ..Imported::default() };
    let texts = [contents.render(NOW, WIDTH), all.render(WIDTH), good.render(WIDTH)];
    is("import.txt", &texts.join("\n"));
    is("import.json", &format!("{:#}\n", all.json()));
}
