use std::time::Duration;

use super::*;
use crate::ids::{MessageId, QueueArn};
use crate::letters::letter::{Event, EventKind};
use crate::replay::REST;
use crate::replay::consent::tests::letter as any;

const STRICT: GroupRules = GroupRules { after_replayed: false, kept: true };
const AFTER_REPLAYED: GroupRules = GroupRules { after_replayed: true, kept: true };
const WITHOUT_LEDGER: GroupRules = GroupRules { after_replayed: false, kept: false };

fn letter(n: u8) -> Letter {
    let letter = any(Timestamp::from_millis(1), "c");
    let source = QueueArn::new("arn:aws:sqs:us-east-1:1:orders.fifo").unwrap();
    let origin = MessageId::new(format!("m-{n}")).unwrap();
    let id = LetterId::derive(&source, &origin);
    let (group, sequence) = (Some("g".to_owned()), Some(n.to_string()));
    Letter { id, origin, source, group, sequence, history: Vec::new().into(), ..letter }
}

fn at(status: Status, n: u8) -> Letter {
    Letter { status, due: now(), ..letter(n) }
}

fn now() -> Timestamp {
    Timestamp::from_millis(10_000_000)
}

fn ids(letters: &[Letter]) -> Vec<LetterId> {
    letters.iter().map(|letter| letter.id).collect()
}

/// Parts these by the heads of those that the index shows.
fn parted(letters: Vec<Letter>, shown: &[Letter], rules: GroupRules) -> (Vec<LetterId>, Vec<(LetterId, LetterId)>) {
    let mut known = GroupLeaders::default();
    shown.iter().for_each(|letter| known.add(&Candidate::of(letter)));
    let Parted { first, behind } = first_of_groups(letters, &known, rules, now());
    (ids(&first), behind.iter().map(|(letter, head)| (letter.id, *head)).collect())
}

#[test]
fn of_letters_at_hand_the_first_goes_though_the_index_shows_none() {
    let (first, behind) = parted(vec![letter(2), letter(1)], &[], STRICT);
    assert_eq!(first, [letter(1).id]);
    assert_eq!(behind, [(letter(2).id, letter(1).id)]);
}

#[test]
fn a_letter_waits_behind_one_that_only_the_index_shows() {
    let (first, behind) = parted(vec![letter(2)], &[letter(1)], STRICT);
    assert!(first.is_empty());
    assert_eq!(behind, [(letter(2).id, letter(1).id)]);
}

#[test]
fn what_is_claimed_already_has_its_turn() {
    let (first, behind) = parted(vec![at(Status::Replaying, 2)], &[letter(1)], STRICT);
    assert_eq!(first, [letter(2).id]);
    assert!(behind.is_empty());
}

#[test]
fn a_sent_letter_at_hand_holds_up_the_next_unless_that_may_go_after_it_or_nothing_is_heard_of_it_any_more() {
    let sent = |due| Letter { due, ..at(Status::Replayed, 1) };
    let future = now().after(Duration::from_secs(1));
    let waits = |one: Letter, rules| parted(vec![one, letter(2)], &[], rules).1.len() == 1;
    assert!(waits(sent(future), STRICT));
    assert!(!waits(sent(future), AFTER_REPLAYED));
    assert!(waits(sent(future), WITHOUT_LEDGER));
    assert!(!waits(sent(Timestamp::from_millis(1)), WITHOUT_LEDGER));
    assert!(waits(sent(Timestamp::from_millis(1)), STRICT));
}

#[test]
fn heads_are_read_among_waiting_letters_first_and_last() {
    let read = |rules: GroupRules| rules.read_for_heads().collect::<Vec<_>>();
    assert_eq!(read(STRICT), [Status::Pending, Status::Replaying, Status::Replayed, Status::Pending]);
    assert_eq!(read(AFTER_REPLAYED), [Status::Pending, Status::Replaying, Status::Pending]);
}

#[test]
fn a_letter_reads_its_groups_turn_once_it_has_rested_and_only_if_it_has_an_order() {
    assert_eq!(TurnStep::first(&letter(1), now()), TurnStep::Read);
    assert_eq!(TurnStep::first(&Letter { sequence: None, ..letter(1) }, now()), TurnStep::Goes);
    assert_eq!(TurnStep::first(&at(Status::Replaying, 1), now()), TurnStep::Goes);
    let changed = |ago: Duration| {
        let at = Timestamp::from_millis(10_000_000 - u64::try_from(ago.as_millis()).unwrap());
        let event = Event { at, what: EventKind::Noted, who: "ann".to_owned(), note: None, attempt: None };
        TurnStep::first(&Letter { history: vec![event].into(), ..letter(1) }, now())
    };
    assert_eq!(changed(REST), TurnStep::Waits(None));
    assert_eq!(changed(REST + Duration::from_millis(1)), TurnStep::Read);
}

#[test]
fn a_letter_takes_the_turn_of_a_group_in_which_nobody_is_under_way() {
    let TurnStep::Write(turn) = TurnStep::decided(&letter(1), None, &[], STRICT, now()) else { panic!("no write") };
    assert_eq!(turn.under_way, [(letter(1).id, "1".to_owned())]);
    assert_eq!(TurnStep::refused(&turn, Some(&turn)), TurnStep::Goes, "a lost answer");
    assert_eq!(TurnStep::refused(&turn, None), TurnStep::Waits(None));
    let other = GroupTurn { version: 9, ..turn.clone() };
    assert_eq!(TurnStep::refused(&turn, Some(&other)), TurnStep::Waits(None));
}

#[test]
fn a_letter_waits_behind_whoever_of_its_group_went_before_and_is_not_done() {
    let turn = GroupTurn::of(&letter(1), None, &[], now()).unwrap();
    let step = |one: Option<Letter>, rules| {
        TurnStep::decided(&letter(2), Some(&turn), &[(letter(1).id, one.as_ref().map(Candidate::of))], rules, now())
    };
    let waits = TurnStep::Waits(Some(letter(1).id));
    assert_eq!(step(Some(at(Status::Replaying, 1)), STRICT), waits);
    assert_eq!(step(Some(at(Status::Replayed, 1)), STRICT), waits);
    let under_way = |step: TurnStep| -> Vec<LetterId> {
        let TurnStep::Write(turn) = step else { panic!("{step:?}") };
        turn.under_way.iter().map(|(id, _)| *id).collect()
    };
    let (only, both): (Vec<_>, Vec<_>) = (vec![letter(2).id], vec![letter(1).id, letter(2).id]);
    assert_eq!(under_way(step(Some(at(Status::Resolved, 1)), STRICT)), only);
    assert_eq!(under_way(step(None, STRICT)), both, "it may be indexed only now");
    assert_eq!(under_way(step(Some(at(Status::Replayed, 1)), AFTER_REPLAYED)), both, "not waited for, and remembered");
}
