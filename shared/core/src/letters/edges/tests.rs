use std::time::Duration;

use super::*;
use crate::ids::{Enqueue, JobId, LetterId, MessageId, QueueArn, Scope};
use crate::letters::edges;
use crate::letters::letter::{Body, ErrorType, EventKind, History, REMEMBERED, Send};
use crate::message::envelope::Attribute;
use crate::message::key::{Key, PayloadHash};
use crate::message::trace_context::TraceContext;

mod destination;

const NOW: Timestamp = Timestamp::from_millis(1_000_000);
const TOKEN: OwnerToken = OwnerToken::from_random(1);

fn policy() -> Policy {
    let minute = Duration::from_secs(60);
    Policy {
        rules: Vec::new(),
        cool_down: minute,
        max_deaths: 3,
        resolved_retention: minute,
        body_retention: minute,
        outcome_after: minute,
    }
}

fn reason() -> Reason {
    Reason {
        error_type: ErrorType::Transient,
        error_code: Some("t".to_owned()),
        error_message: "t".to_owned(),
        attempt_count: 1,
        first_failed_at: NOW,
        last_failed_at: NOW,
        attempts: Vec::new(),
    }
}

fn enqueue(n: u64) -> Enqueue {
    Enqueue { message_id: MessageId::new("m").unwrap(), sent_at: Timestamp::from_millis(n) }
}

fn send(number: u32) -> Send {
    Send {
        number: ReplayNumber(number),
        key: None,
        hash: PayloadHash::of_text("{}"),
        message_id: None,
        job: None,
        edited: None,
        to: None,
        at: NOW,
    }
}

/// A letter held by [`TOKEN`], in any status.
fn letter(status: Status) -> Letter {
    let source = QueueArn::new("arn:aws:sqs:us-east-1:1:orders").unwrap();
    let origin = MessageId::new("m").unwrap();
    Letter {
        id: LetterId::derive(&source, &origin),
        source,
        moved_from: None,
        partition: None,
        offset: None,
        payload: "{}".to_owned(),
        form: Form::Message,
        attributes: std::collections::BTreeMap::new(),
        attributes_hash: None,
        body: Body::default(),
        edited: None,
        group: None,
        sequence: None,
        origin,
        sent_at: Timestamp::from_millis(1),
        trace: TraceContext::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        enqueue: enqueue(1),
        hash: PayloadHash::of_text("{}"),
        key: None,
        key_is_stable: false,
        scope: Scope::new("main").unwrap(),
        reason: reason(),
        fingerprint: String::new(),
        status,
        resolution_note: None,
        number: ReplayNumber(4),
        deaths: 1,
        sends: vec![send(4)].into(),
        history: History::default(),
        token: Some(TOKEN),
        due: NOW,
        expires: matches!(status, Status::Resolved | Status::Discarded).then(|| NOW.after(Duration::from_secs(9))),
        version: 7,
    }
}

/// Returns every step that an actor can take, by name.
fn steps(letter: &Letter, now: Timestamp) -> Vec<(&'static str, Edge)> {
    let policy = policy();
    let sent = MessageId::new("m-2").unwrap();
    vec![
        (
            "claim",
            edges::claim(letter, OwnerToken::from_random(2), ClaimTerms::default(), "x", Duration::from_secs(9), now),
        ),
        ("sent", edges::mark_sent(letter, (TOKEN, ReplayNumber(4)), sent.clone(), "x", &policy, now)),
        ("in_doubt", edges::return_in_doubt(letter, "why", "x", now)),
        ("claim_to_eject", edges::claim_to_eject(letter, TOKEN, "x", Duration::from_secs(9), now)),
        ("ejected", edges::mark_ejected(letter, (TOKEN, ReplayNumber(4)), &sent, "x", &policy, now)),
        ("not_sent", edges::mark_not_sent(letter, (TOKEN, ReplayNumber(4)), "why", "x", &policy, now)),
        ("died_again", edges::add_death(letter, &enqueue(2), reason(), "x", &policy, now)),
        ("resolved", edges::resolve(letter, &letter.hash, "n", "x", &policy, now)),
        ("in_doubt", edges::return_in_doubt(letter, "why", "x", now)),
        ("no_outcome", edges::return_without_outcome(letter, "x", now)),
        ("discarded", edges::discard(letter, "n", "x", &policy, now)),
        ("restored", edges::restore(letter, "n", "x", now)),
        ("erased", edges::erase(letter, "n", "x", &policy, now)),
    ]
}

#[test]
fn a_letter_moves_along_the_protocols_edges_and_along_no_other() {
    use Status::{Discarded, Pending, Replayed, Replaying, Resolved};
    let later = NOW.after(Duration::from_millis(1));
    let mut seen = Vec::new();
    for from in [Pending, Replaying, Replayed, Resolved, Discarded] {
        for (name, step) in steps(&letter(from), later) {
            if let Ok(next) = step {
                assert_eq!(next.version, 8, "{name}: every write counts");
                assert_eq!(next.number, ReplayNumber(if name.starts_with("claim") { 5 } else { 4 }), "{name}");
                seen.push((from, name, next.status));
            }
        }
    }
    assert_eq!(
        seen,
        [
            (Pending, "claim", Replaying),
            (Pending, "claim_to_eject", Replaying),
            (Pending, "died_again", Pending),
            (Pending, "resolved", Resolved),
            (Pending, "discarded", Discarded),
            (Pending, "erased", Discarded),
            (Replaying, "claim", Replaying),
            (Replaying, "sent", Replayed),
            (Replaying, "in_doubt", Pending),
            (Replaying, "not_sent", Pending),
            (Replaying, "died_again", Pending),
            (Replaying, "in_doubt", Pending),
            (Replayed, "died_again", Pending),
            (Replayed, "resolved", Resolved),
            (Replayed, "no_outcome", Pending),
            (Resolved, "erased", Resolved),
            (Discarded, "restored", Pending),
            (Discarded, "erased", Discarded),
        ]
    );
}

#[test]
fn a_claim_that_has_not_run_out_is_nobody_elses() {
    let held = letter(Status::Replaying);
    assert!(
        edges::claim(&held, OwnerToken::from_random(2), ClaimTerms::default(), "x", Duration::from_secs(9), NOW)
            .is_err()
    );
    assert!(edges::return_in_doubt(&held, "why", "x", NOW).is_err());
    let sent = || MessageId::new("m-2").unwrap();
    assert!(
        edges::mark_sent(&held, (OwnerToken::from_random(2), ReplayNumber(4)), sent(), "x", &policy(), NOW).is_err()
    );
    assert!(edges::mark_sent(&held, (TOKEN, ReplayNumber(3)), sent(), "x", &policy(), NOW).is_err());
}

#[test]
fn a_payload_that_is_not_the_letters_does_not_resolve_it() {
    let other = PayloadHash::of_text("another");
    assert!(edges::resolve(&letter(Status::Pending), &other, "n", "x", &policy(), NOW).is_err());
}

#[test]
fn a_letter_that_grows_forgets_its_oldest_events_before_it_outgrows_its_item() {
    let key = Key::new("k".repeat(1_000)).ok();
    let mut letter = Letter { payload: "x".repeat(1 << 20), key, ..letter(Status::Pending) };
    for n in 0..200 {
        letter =
            edges::claim(&letter, TOKEN, ClaimTerms::default(), &"w".repeat(200), Duration::from_secs(9), NOW).unwrap();
        letter = edges::add_death(&letter, &enqueue(n), reason(), &"w".repeat(200), &policy(), NOW).unwrap();
        assert!(letter.head_bytes() <= crate::letters::letter::HEAD_LIMIT, "after {n} deaths");
    }
    assert!(letter.history.len() > 1 && letter.deaths == 201);
    assert_eq!(letter.payload.len(), 1 << 20, "the body is no part of it");
}

#[test]
fn an_erased_letter_keeps_the_account_of_it_and_is_never_sent_or_restored() {
    let full = Letter { attributes: [("a".to_owned(), Attribute::text("b"))].into(), ..letter(Status::Pending) };
    let erased = edges::erase(&full, "customer asked", "ann", &policy(), NOW).unwrap();
    assert_eq!((erased.payload.as_str(), erased.attributes.len(), erased.body_bytes()), ("", 0, 0));
    let (by, note) = ("ann".to_owned(), "customer asked".to_owned());
    assert_eq!(erased.body, Body::Erased { at: NOW, by, note });
    let last: Vec<_> = erased.history.iter().rev().take(2).map(|event| event.what).collect();
    assert_eq!(last, [EventKind::Erased, EventKind::Discarded]);
    assert_eq!((&erased.hash, erased.resolution_note.as_deref()), (&full.hash, Some("customer asked")));
    assert!(erased.trace.is_some() && erased.trace == full.trace, "two ids, and nothing that the message said");
    assert!(
        edges::restore(&erased, "n", "x", NOW).is_err() && edges::erase(&erased, "n", "x", &policy(), NOW).is_err()
    );
    for status in [Status::Pending, Status::Replaying] {
        let forced = Letter { status, due: Timestamp::from_millis(0), ..erased.clone() };
        assert!(
            edges::claim(&forced, TOKEN, ClaimTerms::default(), "x", Duration::from_secs(9), NOW).is_err(),
            "{status}"
        );
    }
}

#[test]
fn no_number_of_notes_or_of_a_functions_steps_washes_out_what_a_person_did() {
    let begun = edges::open(letter(Status::Pending), "indexer", None, NOW);
    let mut letter = edges::discard(&begun, "wrong", "mallory", &policy(), NOW).unwrap();
    letter = edges::restore(&letter, "wrong again", "mallory", NOW).unwrap();
    for n in 0..101 {
        letter = edges::note(&letter, &format!("note {n}"), "mallory", NOW);
    }
    for _ in 0..200 {
        letter = edges::add_copy(&letter, &letter.enqueue.clone(), "indexer", "a copy", NOW);
    }
    let kept = |what| letter.history.iter().filter(|event| event.what == what).count();
    assert_eq!([EventKind::Indexed, EventKind::Discarded, EventKind::Restored].map(kept), [1, 1, 1]);
    assert_eq!((letter.history.len(), kept(EventKind::Noted)), (REMEMBERED, 20), "the latest notes");
    let acts: Vec<_> = letter.history.iter().filter(|event| event.is_an_act()).map(|event| event.what).collect();
    assert_eq!(acts, [EventKind::Discarded, EventKind::Restored]);
    for n in 0..150 {
        letter =
            edges::restore(&edges::discard(&letter, &n.to_string(), "ann", &policy(), NOW).unwrap(), "n", "ann", NOW)
                .unwrap();
    }
    assert_eq!((letter.history.len(), letter.history.last().unwrap().what), (REMEMBERED, EventKind::Restored));
}

#[test]
fn a_note_does_not_hide_that_a_letter_waits_in_doubt() {
    let claimed =
        edges::claim(&letter(Status::Pending), TOKEN, ClaimTerms::default(), "x", Duration::from_secs(9), NOW).unwrap();
    let doubted = edges::return_in_doubt(&claimed, "why", "x", NOW.after(Duration::from_secs(10))).unwrap();
    assert!(edges::note(&doubted, "n", "ann", NOW).waits_in_doubt());
}

#[test]
fn nothing_that_came_with_the_message_is_left_of_an_erased_letter_and_a_late_copy_is_known_by_a_mark() {
    let key = crate::message::key::Key::new("jane.doe@example.com").unwrap();
    let full = Letter { key: Some(key.clone()), group: Some("jane".to_owned()), ..letter(Status::Pending) };
    let erased = edges::erase(&full, "asked", "ann", &policy(), NOW).unwrap();
    assert!(!format!("{erased:?}").contains("jane"), "{erased:?}");
    // As a version before this one left it.
    let earlier = Letter { key: Some(key.clone()), reason: full.reason.clone(), ..erased.clone() };
    let now = edges::erase(&earlier, "again", "bob", &policy(), NOW).unwrap();
    assert!(now.body == erased.body && now.key == erased.key && now.reason == erased.reason);
    assert!(erased.is_key(Some(&key), erased.key.as_ref()) && !erased.is_key(None, erased.key.as_ref()));
    assert!(!erased.is_key(crate::message::key::Key::new("john").ok().as_ref(), erased.key.as_ref()));
    assert!(full.is_key(Some(&key), Some(&key)) && !full.is_key(Some(&key), erased.key.as_ref()));
}

#[test]
fn a_body_may_go_before_its_letter_and_only_after_the_end() {
    let week = Policy { resolved_retention: Duration::from_secs(604_800), ..policy() };
    let (body_ends, letter_ends) = (NOW.after(week.body_retention), NOW.after(week.resolved_retention));
    let open = letter(Status::Pending);
    let ended = [edges::resolve(&open, &open.hash, "n", "x", &week, NOW), edges::discard(&open, "n", "x", &week, NOW)];
    for ended in ended.map(Result::unwrap) {
        assert_eq!((ended.body.until(), ended.expires), (Some(body_ends), Some(letter_ends)));
        assert_eq!(ended.body_expires(), Some(body_ends));
    }
    let discarded = edges::discard(&open, "n", "x", &week, NOW).unwrap();
    let restored = edges::restore(&discarded, "n", "x", body_ends).unwrap();
    assert_eq!((restored.body_expires(), restored.body), (None, Body::default()));
    assert!(
        edges::restore(&discarded, "n", "x", body_ends.after(Duration::from_secs(1))).is_err(),
        "its body has expired"
    );
    let together = edges::discard(&open, "n", "x", &policy(), NOW).unwrap();
    assert_eq!((together.body.until(), together.body_expires()), (None, together.expires));
}

#[test]
fn a_letter_whose_body_is_lost_is_not_sent_and_may_be_given_up() {
    let lost = Body::Missing { until: None, why: "chunk 1 of 3 is not there".to_owned() };
    let lost = Letter { body: lost, ..letter(Status::Pending) };
    assert!(edges::claim(&lost, TOKEN, ClaimTerms::default(), "x", Duration::from_secs(9), NOW).is_err());
    let given_up = edges::discard(&lost, "n", "x", &policy(), NOW).unwrap();
    assert!(edges::restore(&given_up, "n", "x", NOW).is_err());
    assert!(edges::erase(&given_up, "n", "x", &policy(), NOW).is_ok());
}

#[test]
fn a_letter_without_a_key_is_sent_with_the_one_that_it_has_by_now() {
    let key = Key::new("o-1").unwrap();
    let next = edges::claim(
        &letter(Status::Pending),
        TOKEN,
        ClaimTerms { key: Some(key.clone()), ..ClaimTerms::default() },
        "x",
        Duration::from_secs(9),
        NOW,
    )
    .unwrap();
    assert_eq!((next.key.as_ref(), next.sends[1].key.as_ref()), (Some(&key), Some(&key)));
}

#[test]
fn a_letter_that_is_being_ejected_ends_so_or_waits_and_is_never_replayed_instead() {
    let (lease, later) = (Duration::from_secs(9), NOW.after(Duration::from_secs(10)));
    let held = edges::claim_to_eject(&letter(Status::Pending), TOKEN, "ann", lease, NOW).unwrap();
    let (number, sent) = (held.number, MessageId::new("d-1").unwrap());
    assert!(held.is_ejecting() && held.sends.len() == 1, "what goes to the dead-letter queue is no send");
    for (name, edge) in [
        ("sent", edges::mark_sent(&held, (TOKEN, number), sent.clone(), "x", &policy(), later)),
        ("claim", edges::claim(&held, TOKEN, ClaimTerms::default(), "x", lease, later)),
        ("claim_to_eject", edges::claim_to_eject(&held, TOKEN, "x", lease, later)),
        ("another's", edges::mark_ejected(&held, (OwnerToken::from_random(2), number), &sent, "x", &policy(), NOW)),
        ("too early", edges::return_in_doubt(&held, "why", "x", NOW)),
    ] {
        assert!(edge.is_err(), "{name}");
    }
    let waits = edges::return_in_doubt(&held, "why", "x", later).unwrap();
    assert!(waits.waits_in_doubt() && waits.due == Timestamp::NEVER);
    let ejected = edges::mark_ejected(&held, (TOKEN, number), &sent, "ann", &policy(), NOW).unwrap();
    assert_eq!(
        (ejected.status, ejected.expires),
        (Status::Discarded, Some(NOW.after(Duration::from_secs(60)).whole_seconds()))
    );
    assert!(ejected.resolution_note.as_ref().is_some_and(|note| note.contains("d-1")));
    assert!(edges::restore(&ejected, "n", "x", NOW).is_err(), "its message is in the dead-letter queue");
}

#[test]
fn a_claim_that_is_taken_over_stays_its_jobs_and_a_new_one_is_nobodys() {
    let job = JobId::from_random(9);
    let claim = |letter: &Letter, now| {
        edges::claim(letter, TOKEN, ClaimTerms::default(), "x", Duration::from_secs(9), now).unwrap()
    };
    let terms = ClaimTerms { job: Some(job), ..ClaimTerms::default() };
    let first = edges::claim(&letter(Status::Pending), TOKEN, terms, "x", Duration::from_secs(9), NOW).unwrap();
    let over = claim(&first, NOW.after(Duration::from_secs(60)));
    assert_eq!((over.sends.last_job(), over.sends.len()), (Some(job), 3));
    let back = edges::return_in_doubt(&over, "paused", "x", NOW.after(Duration::from_secs(600))).unwrap();
    assert_eq!((back.due, back.sends.of_job(job).unwrap().number), (Timestamp::NEVER, ReplayNumber(6)));
    assert_eq!(claim(&back, NOW.after(Duration::from_secs(600))).sends.last_job(), None);
}

#[test]
fn what_sqs_refused_rests_before_it_is_tried_again() {
    let never_ran = Reason { error_type: ErrorType::NeverRan, ..reason() };
    let held = Letter { reason: never_ran, ..letter(Status::Replaying) };
    let back = edges::mark_not_sent(&held, (TOKEN, ReplayNumber(4)), "AccessDenied", "x", &policy(), NOW).unwrap();
    assert_eq!(back.due, NOW.after(policy().cool_down));
}

#[test]
fn pending_and_replaying_letters_never_expire() {
    for (name, step) in [Status::Pending, Status::Replaying, Status::Replayed, Status::Discarded]
        .iter()
        .flat_map(|status| steps(&letter(*status), NOW.after(Duration::from_millis(1))))
    {
        let Ok(next) = step else { continue };
        let final_now = matches!(next.status, Status::Resolved | Status::Discarded);
        assert_eq!(next.expires.is_some(), final_now, "{name}");
    }
}
