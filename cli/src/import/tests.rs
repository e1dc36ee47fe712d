use std::path::PathBuf;

use redrive_testkit::{CallFault, Faults, ModelLetters};

use super::*;
use redrive_operator::json;
use redrive_operator::samples::{self, NOW};

/// A file of this name with these letters as `export` writes them.
fn file(name: &str, letters: &[Letter]) -> PathBuf {
    let path = std::env::temp_dir().join(format!("redrive-import-{}-{name}", std::process::id()));
    let lines = letters.iter().map(|letter| crate::text::shown_json(&format!("{}\n", json::letter(letter))));
    std::fs::write(&path, lines.collect::<String>()).unwrap();
    path
}

async fn imported(store: &ModelLetters, path: &Path) -> (Imported, Option<Unavailable>) {
    let contents = Contents::read(path, None, NOW).unwrap();
    write(store, path, &contents, NOW, |_| ()).await.unwrap()
}

#[tokio::test]
async fn a_table_is_as_it_was_and_what_was_there_is_left_alone() {
    let large = Letter { payload: "x".repeat(1 << 20), ..samples::full() };
    let letters = samples::letters().into_iter().filter(|letter| letter.id != large.id).chain(samples::many(300));
    let letters: Vec<_> = letters.chain([large.clone()]).collect();
    let path = file("round-trip", &letters);
    let store = ModelLetters::new();
    let there = Letter { resolution_note: Some("newer".to_owned()), version: 9, ..letters[3].clone() };
    store.force(there.clone());
    let (all, failure) = imported(&store, &path).await;
    let new = letters.len() as u64 - 1;
    assert_eq!((all.imported, all.existing, all.ended(), failure), (new, 1, Completion::Done, None));
    for letter in &letters {
        let expected = if letter.id == there.id { &there } else { letter };
        assert_eq!(store.letter(letter.id).as_deref(), Some(expected));
    }
    let again = imported(&store, &path).await.0;
    assert_eq!((again.imported, again.existing, again.ended()), (0, letters.len() as u64, Completion::Done));
    std::fs::remove_file(path).unwrap();
}

#[tokio::test]
async fn no_letter_that_waits_has_a_cause_that_is_unknown_and_each_is_counted_once() {
    let letters = samples::letters();
    let path = file("causes", &letters);
    let store = ModelLetters::new();
    imported(&store, &path).await;
    imported(&store, &path).await;
    let waiting: Vec<_> = letters.iter().filter(|letter| letter.status == Status::Pending).collect();
    for cause in store.all_causes() {
        let of_it = waiting.iter().filter(|letter| letter.fingerprint == cause.fingerprint).count() as u64;
        assert_eq!((cause.seen, of_it > 0), (of_it, true), "{}", cause.fingerprint);
    }
    let known: Vec<_> = store.all_causes().into_iter().map(|cause| cause.fingerprint).collect();
    assert!(waiting.iter().all(|letter| known.contains(&letter.fingerprint)));
    std::fs::remove_file(path).unwrap();
}

#[tokio::test]
async fn what_has_no_body_or_has_expired_is_counted_and_not_written() {
    let body = Body::Missing { until: None, why: "lost".to_owned() };
    let all = samples::letters();
    let gone = Letter { payload: String::new(), attributes: [].into(), body, ..all[0].clone() };
    let expired = Timestamp::from_millis(NOW.as_millis() / 1_000 * 1_000 - 1_000);
    let late = Letter { status: Status::Resolved, expires: Some(expired), ..all[1].clone() };
    let path = file("left-out", &[gone, late, all[2].clone()]);
    let store = ModelLetters::new();
    let (told, _) = imported(&store, &path).await;
    assert_eq!(told, Imported { imported: 1, no_body: 1, expired: 1, ..Imported::default() });
    assert_eq!((told.ended(), store.all().len()), (Completion::NotAsAsked, 1));
    std::fs::remove_file(path).unwrap();
}

#[tokio::test]
async fn it_ends_where_the_table_does_not_answer_and_goes_on_from_there_when_asked_again() {
    let letters: Vec<_> = samples::many(250).collect();
    let path = file("cut", &letters);
    let store = ModelLetters::new();
    // The causes' record is the first call, and a hundred letters are four calls.
    let faults = Faults::script((5..9).map(|call| (call, CallFault::LostAnswer)));
    let (told, failure) = imported(&store.clone().with_faults(faults.of("cli")), &path).await;
    assert_eq!((told.imported, told.unavailable, failure.is_some()), (100, 100, true));
    let told = imported(&store, &path).await.0;
    assert_eq!((told.imported, told.existing, store.all().len()), (50, 200, 250));
    std::fs::remove_file(path).unwrap();
}

#[test]
fn a_file_that_is_not_all_letters_is_refused_by_its_line_before_anything_is_written() {
    let letters = samples::letters();
    let path = file("broken", &letters[..2]);
    let mut text = std::fs::read_to_string(&path).unwrap();
    let mut newer = json::letter(&letters[1]);
    newer["SECRET"] = serde_json::json!(1);
    text = format!("{text}\n  \n{newer}\n");
    std::fs::write(&path, text).unwrap();
    let Err(Error::Usage(why)) = Contents::read(&path, None, NOW) else { panic!("it was taken") };
    assert!(why.contains(", line 5: unknown field") && !why.contains("SECRET"), "{why}");
    std::fs::remove_file(path).unwrap();
    assert!(matches!(Contents::read(Path::new("/dev/null"), None, NOW), Err(Error::Usage(_))), "it is read twice");
    assert!(matches!(Contents::read(Path::new("/no/such/file"), None, NOW), Err(Error::Usage(_))));
}

#[test]
fn letters_of_a_queue_that_is_not_configured_are_told_of() {
    let letters = samples::letters();
    let path = file("strangers", &letters[..5]);
    let told = |names: &[&str]| {
        let arn = |name: &&str| QueueArn::new(format!("arn:aws:sqs:eu-west-1:123456789012:{name}")).unwrap();
        let listed: Vec<_> = names.iter().map(arn).collect();
        let contents = Contents::read(&path, Some(&listed), NOW).unwrap();
        contents.render(NOW, 80).contains("5 of them of queues that are not configured")
    };
    assert!(told(&["refunds"]) && told(&[]));
    assert!(!told(&["refunds", "orders"]));
    std::fs::remove_file(path).unwrap();
}
