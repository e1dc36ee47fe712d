//! Letters that are sent to another queue, or may have been.

use super::*;

/// A letter whose claim, or whose send, is on its way to another queue.
fn destination(status: Status) -> Letter {
    let to = QueueArn::new("arn:aws:sqs:us-east-1:1:refunds").unwrap();
    let away = Send { to: Some(to), ..send(4) };
    Letter { sends: vec![send(3), away].into(), ..letter(status) }
}

#[test]
fn a_claim_that_ran_out_on_its_way_to_another_queue_is_taken_over_by_nobody_and_waits_for_a_person() {
    let later = NOW.after(Duration::from_millis(1));
    let lost = destination(Status::Replaying);
    assert!(
        edges::claim(&lost, OwnerToken::from_random(2), ClaimTerms::default(), "x", Duration::from_secs(9), later)
            .is_err()
    );
    let doubted = edges::return_in_doubt(&lost, "why", "x", later).unwrap();
    assert_eq!((doubted.status, doubted.due), (Status::Pending, Timestamp::NEVER));
    // A person may, and by then it is a send like any other.
    let again = edges::claim(&doubted, TOKEN, ClaimTerms::default(), "ann", Duration::from_secs(9), later).unwrap();
    assert!(again.destination().is_none() && again.sends.any_to_destination());
}

#[test]
fn replayed_is_final_in_another_queue_and_is_resolved_by_a_completion_all_the_same() {
    let sent = edges::mark_sent(
        &destination(Status::Replaying),
        (TOKEN, ReplayNumber(4)),
        MessageId::new("m-2").unwrap(),
        "x",
        &policy(),
        NOW,
    );
    let sent = sent.unwrap();
    assert_eq!((sent.status, sent.due), (Status::Replayed, Timestamp::NEVER));
    let overdue = Letter { due: NOW, ..sent.clone() };
    assert!(edges::return_without_outcome(&overdue, "x", NOW.after(Duration::from_secs(9))).is_err());
    assert_eq!(edges::resolve(&sent, &sent.hash, "n", "x", &policy(), NOW).unwrap().status, Status::Resolved);
}

#[test]
fn what_may_be_in_another_queue_is_never_due_by_the_policy_again() {
    for (step, due) in [(destination(Status::Pending), false), (letter(Status::Pending), true)] {
        let died = edges::add_death(&step, &enqueue(2), reason(), "x", &policy(), NOW).unwrap();
        assert_eq!(died.due != Timestamp::NEVER, due);
        let held = edges::claim(&died, TOKEN, ClaimTerms::default(), "ann", Duration::from_secs(9), NOW).unwrap();
        let refused = edges::mark_not_sent(&held, (TOKEN, ReplayNumber(5)), "why", "x", &policy(), NOW).unwrap();
        assert_eq!(refused.due != Timestamp::NEVER, due, "the doubt about number 4 is not over");
    }
    // What SQS refused there is not there.
    let refused =
        edges::mark_not_sent(&destination(Status::Replaying), (TOKEN, ReplayNumber(4)), "why", "x", &policy(), NOW)
            .unwrap();
    assert!(refused.due != Timestamp::NEVER && !refused.sends.any_to_destination());
}

#[test]
fn of_its_sends_a_letter_forgets_those_last_that_went_to_another_queue() {
    let mut letter = destination(Status::Pending);
    for n in 0..300 {
        letter = edges::claim(&letter, TOKEN, ClaimTerms::default(), "x", Duration::from_secs(9), NOW).unwrap();
        letter = edges::add_death(&letter, &enqueue(n), reason(), "x", &policy(), NOW).unwrap();
    }
    assert!(letter.sends.any_to_destination() && letter.sends.len() <= REMEMBERED);
    assert!(letter.sends.windows(2).all(|two| two[0].number < two[1].number));
}
