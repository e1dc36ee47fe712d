//! Letters of a queue that is not configured any more: a person can still do with them whatever sends nothing.

use std::time::Duration;

use redrive_core::ids::{LetterId, QueueArn};
use redrive_core::letters::letter::{Body, EventKind, Letter, Status};
use redrive_core::letters::policy::Policy;
use redrive_core::message::envelope::Attributes;
use redrive_core::ports::Letters;
use redrive_core::replay::{Filter, Remark, ReplayOptions, Request, Selection};
use redrive_engine::{ReplayError, Reports};
use redrive_testkit::handlers::Order;
use tokio::time::Instant;

use crate::house::{House, MINUTE, Pair, all_of, policy};

/// Two pairs, each with a letter; the first is not configured any more.
async fn one_gone() -> (House, Pair, LetterId) {
    let mut house = House::new(vec![Pair::new("gone"), Pair::new("orders")]);
    for pair in &house.pairs {
        pair.main.send(Order::body("o-1", 5), Attributes::new());
        pair.dies().await;
    }
    house.drain().await;
    let id = house.letters_of(0)[0].id;
    let gone = house.pairs.remove(0);
    (house, gone, id)
}

fn remark(selection: &Selection) -> Remark {
    Remark { selection: selection.clone(), note: "the queue is gone".to_owned(), by: "ann".to_owned() }
}

async fn read(house: &House, id: LetterId) -> Letter {
    house.letters.read(&[id]).await.unwrap().remove(0).unwrap()
}

fn by_cause(letter: &Letter) -> Selection {
    Selection::Filter(Filter { fingerprint: Some(letter.fingerprint.clone()), ..Filter::default() })
}

#[tokio::test(start_paused = true)]
async fn they_are_noted_discarded_restored_and_erased_by_id_by_queue_and_by_cause() {
    let chosen: [fn(&Pair, &Letter) -> Selection; 3] =
        [|_, letter| Selection::Ids(vec![letter.id]), |gone, _| all_of(&gone.main), |_, letter| by_cause(letter)];
    for choose in chosen {
        let (house, gone, id) = one_gone().await;
        let selection = choose(&gone, &read(&house, id).await);
        let ask = async |request: Request| -> Reports { house.ask(&request).await.unwrap() };
        assert_eq!(ask(Request::Note(remark(&selection))).await.rest.noted, 1);
        assert_eq!(ask(Request::Discard(remark(&selection))).await.rest.discarded, 1);
        let discarded = read(&house, id).await;
        assert_eq!((discarded.status, discarded.expires.is_some()), (Status::Discarded, true));
        assert_eq!(ask(Request::Restore(remark(&selection))).await.rest.restored, 1);
        let erased = ask(Request::Erase(remark(&selection))).await;
        assert_eq!((erased.rest.erased, erased.rest.unlisted), (1, 0), "{erased:?}");
        let letter = read(&house, id).await;
        assert!(matches!(letter.body, Body::Erased { .. }) && letter.payload.is_empty());
        assert!(letter.history.iter().any(|event| event.what == EventKind::Noted && event.who == "ann"));
    }
}

#[tokio::test(start_paused = true)]
async fn they_are_kept_for_as_long_as_any_pair_keeps_its_own() {
    let (house, _, id) = one_gone().await;
    let kept = |days: u64| Policy { resolved_retention: Duration::from_secs(days * 86_400), ..policy() };
    let mut pairs = house.replayed_pairs(&kept(30), None);
    pairs.extend(house.replayed_pairs(&kept(120), None));
    let replayer = house.replayer_of(pairs, None);
    let discard = Request::Discard(remark(&Selection::Ids(vec![id])));
    replayer.run(&discard, Instant::now() + MINUTE).await.unwrap();
    let expires = read(&house, id).await.expires.unwrap();
    assert_eq!(expires.since(house.clock.now()).as_secs() / 86_400, 120);
}

#[tokio::test(start_paused = true)]
async fn they_are_not_sent_and_the_answer_says_what_is_missing_without_quoting_the_request() {
    let (house, gone, id) = one_gone().await;
    let before = read(&house, id).await;
    let schedule = house.ask(&Request::Schedule).await.unwrap();
    assert_eq!((schedule.rest.unlisted, schedule.together().sent), (1, 1));
    let replay = |selection| Request::Replay { selection, by: "ann".to_owned(), options: ReplayOptions::default() };
    let eject = |selection| Request::Eject { selection, by: "ann".to_owned() };
    let look = |selection| Request::DryRun { selection, options: ReplayOptions::default() };
    let ids = Selection::Ids(vec![id]);
    for request in [replay(ids.clone()), look(ids.clone())] {
        let reports = house.ask(&request).await.unwrap();
        assert_eq!((reports.rest.unlisted, reports.together().considered), (1, 0));
        let missing: Vec<&QueueArn> = reports.rest.unlisted_sources.iter().collect();
        assert_eq!(missing, [&gone.main.arn()]);
    }
    for request in [replay(all_of(&gone.main)), eject(all_of(&gone.main)), look(all_of(&gone.main))] {
        let refused = house.ask(&request).await.unwrap_err();
        assert_eq!(refused, ReplayError::NotListed(vec![house.pairs[0].main.arn()]));
        let told = refused.to_string();
        assert!(
            told.contains("list it (QUEUE_PAIRS)") && told.contains("discarded, restored, noted, erased"),
            "{told}"
        );
        assert!(told.contains(house.pairs[0].main.arn().as_str()) && !told.contains("gone"), "{told}");
    }
    assert_eq!(read(&house, id).await, before);
    assert!(gone.main.is_empty());
}
