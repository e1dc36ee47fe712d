//! Letters that a person sends to another queue than their own.

use std::time::Duration;

use redrive_core::ids::{JobId, LetterId, OwnerToken, QueueArn};
use redrive_core::letters::edges::{self, ClaimTerms};
use redrive_core::letters::letter::{Letter, Status};
use redrive_core::message::envelope::{Attribute, Attributes};
use redrive_core::message::foreign;
use redrive_core::message::redrive;
use redrive_core::replay::job::{Disposition, Guard, Job, JobState, NewJob};
use redrive_core::replay::{ReplayOptions, Request, Selection};
use redrive_core::time::Timestamp;
use redrive_engine::{ReplayError, Reports};
use redrive_testkit::handlers::Order;
use redrive_testkit::{CallFault, Faults, ModelQueue};

use crate::house::{House, LEASE, MINUTE, Pair, all_of};

mod edits;

const DAY: Duration = Duration::from_secs(86_400);
const ID: JobId = JobId::from_random(7);

fn other(name: &str) -> ModelQueue {
    ModelQueue::new(name).with_retention(14 * DAY)
}

/// A letter of this pair, which was NEVER_RAN: the schedule would replay it at once.
async fn with_letter(pair: Pair, more: Vec<Pair>) -> House {
    let house = House::new(std::iter::once(pair).chain(more).collect());
    let main = &house.pairs[0].main;
    let attributes = [("tenant", "t-1"), (foreign::ATTRIBUTE, "{}")];
    let attributes = attributes.map(|(name, text)| (name.to_owned(), Attribute::text(text)));
    main.send_to("group", Order::body("o-1", 5), Attributes::from(attributes));
    house.pairs[0].dies().await;
    house.drain().await;
    house
}

impl House {
    fn letter(&self) -> Letter {
        self.letters_of(0).remove(0)
    }

    fn destination(&self) -> &ModelQueue {
        &self.pairs[0].others[0]
    }

    fn options(to: Option<&ModelQueue>) -> ReplayOptions {
        // Far beyond every deadline the ledger has forgotten, too.
        ReplayOptions { to: to.map(ModelQueue::arn), forgotten_ok: true, ..ReplayOptions::default() }
    }

    fn to(&self, queue: Option<&ModelQueue>) -> Request {
        let selection = Selection::Ids(self.letters_of(0).iter().map(|letter| letter.id).collect());
        Request::Replay { selection, by: "ann".to_owned(), options: Self::options(queue) }
    }

    async fn sent(&self, queue: Option<&ModelQueue>) -> usize {
        self.ask(&self.to(queue)).await.unwrap().together().sent
    }

    /// The schedule, again and again, far beyond every deadline.
    async fn for_long(&self) -> Reports {
        let mut all = self.ask(&Request::Schedule).await.unwrap();
        for time in [2 * LEASE, 5 * LEASE, DAY, 40 * DAY] {
            tokio::time::advance(time).await;
            let next = self.ask(&Request::Schedule).await.unwrap();
            let pairs = all.pairs.iter().zip(&next.pairs).map(|(one, two)| one.clone().and(two)).collect();
            all = Reports { pairs, rest: all.rest.and(&next.rest) };
        }
        all
    }

    fn depths(&self) -> (usize, usize) {
        (self.pairs[0].main.len(), self.destination().len())
    }
}

#[tokio::test(start_paused = true)]
async fn a_letter_goes_to_another_queue_only_if_that_is_listed_for_its_own_and_else_nothing_is_touched() {
    let (refunds, stranger) = (other("refunds"), other("stranger"));
    let beside = vec![Pair::new("mail").may_send_to(&stranger)];
    let house = with_letter(Pair::new("orders").may_send_to(&refunds), beside).await;
    let before = house.letters.all();
    let of_orders =
        |options| Request::Replay { selection: all_of(&house.pairs[0].main), by: "ann".to_owned(), options };
    let refused = Err(ReplayError::NotADestination(vec![refunds.arn()]));
    assert_eq!(house.ask(&of_orders(House::options(Some(&stranger)))).await, refused);
    let dry = Request::DryRun { selection: all_of(&house.pairs[0].main), options: House::options(Some(&stranger)) };
    assert_eq!(house.ask(&dry).await, refused);
    let asked = job(all_of(&house.pairs[0].main), Some(stranger.arn()), Guard::default());
    assert_eq!(house.ask(&asked).await, refused);
    // It is another pair's: of named letters it is found out only when they are read.
    let report = house.ask(&house.to(Some(&stranger))).await.unwrap().together();
    assert_eq!((report.no_destination, report.sent), (1, 0));
    assert_eq!((house.letters.all(), house.letters.all_jobs().len()), (before, 0));
    assert!(stranger.is_empty() && refunds.is_empty() && house.pairs[0].main.is_empty());
    assert_eq!(house.ask(&of_orders(House::options(Some(&refunds)))).await.unwrap().together().sent, 1);
}

#[tokio::test(start_paused = true)]
async fn elsewhere_the_message_stands_for_itself_and_its_letter_says_where_it_went() {
    let house = with_letter(Pair::new("orders").may_send_to(&other("refunds")), vec![]).await;
    let dry =
        Request::DryRun { selection: all_of(&house.pairs[0].main), options: House::options(Some(house.destination())) };
    assert_eq!(house.ask(&dry).await.unwrap().together().would_send, 1);
    assert_eq!(house.sent(Some(house.destination())).await, 1);
    let message = house.destination().messages().remove(0);
    assert_eq!(message.body, Order::body("o-1", 5));
    assert_eq!(message.attributes.keys().collect::<Vec<_>>(), ["tenant"], "neither redrive's own nor an old reason");
    let letter = house.letter();
    let send = letter.sends.last().unwrap();
    assert_eq!((letter.status, send.to.as_ref()), (Status::Replayed, Some(&house.destination().arn())));
    assert_eq!((send.message_id.as_ref(), house.pairs[0].main.len()), (Some(&message.id), 0));
    // Its own queue, by its ARN, is no other queue.
    let house = with_letter(Pair::new("orders").may_send_to(&other("refunds")), vec![]).await;
    assert_eq!(house.sent(Some(&house.pairs[0].main)).await, 1);
    assert!(house.letter().destination().is_none() && house.depths() == (1, 0));
    assert!(house.pairs[0].main.messages()[0].attributes.contains_key(redrive::ATTRIBUTE));
}

#[tokio::test(start_paused = true)]
async fn a_message_with_ten_attributes_of_its_own_goes_elsewhere_as_it_is() {
    let house = House::new(vec![Pair::new("orders").may_send_to(&other("refunds"))]);
    let attributes: Attributes = (0..10).map(|n| (format!("a-{n}"), Attribute::text("x"))).collect();
    house.pairs[0].main.send("not json, so without a key", attributes.clone());
    house.pairs[0].dies().await;
    house.drain().await;
    house.letters.force(Letter { key_is_stable: false, ..house.letter() });
    assert_eq!(house.sent(None).await, 0, "back it cannot go as itself");
    assert_eq!(house.sent(Some(house.destination())).await, 1);
    assert_eq!(house.destination().messages()[0].attributes, attributes);
}

#[tokio::test(start_paused = true)]
async fn what_was_sent_elsewhere_is_final_and_no_deadline_brings_it_back() {
    let house = with_letter(Pair::new("orders").may_send_to(&other("refunds")), vec![]).await;
    house.sent(Some(house.destination())).await;
    let report = house.for_long().await.together();
    assert_eq!((report.no_outcome, report.resolved, report.sent), (0, 0, 0));
    assert_eq!((house.letter().status, house.depths()), (Status::Replayed, (0, 1)));
}

#[tokio::test(start_paused = true)]
async fn a_completion_of_its_own_key_and_payload_resolves_what_was_sent_elsewhere() {
    let house = with_letter(Pair::new("orders").may_send_to(&other("refunds")), vec![]).await;
    house.sent(Some(house.destination())).await;
    let of_another = Letter { hash: redrive_core::message::key::PayloadHash::of_text("another"), ..house.letter() };
    house.complete(&of_another);
    house.ask(&Request::Schedule).await.unwrap();
    assert_eq!(house.letter().status, Status::Replayed, "another payload under its key is another message");
    house.complete(&house.letter());
    assert_eq!(house.ask(&Request::Schedule).await.unwrap().together().resolved, 1);
}

/// Leaves a letter in doubt in another queue: the answer of a send is lost, or the sender is.
async fn lost(call_fault: CallFault) -> House {
    let house = with_letter(Pair::new("orders").may_send_to(&other("refunds")), vec![]).await;
    let faults = Faults::script([(SEND, call_fault)]);
    let process = faults.of("replay");
    let request = house.to(Some(house.destination()));
    tokio::select! {
        () = process.died() => {}
        report = house.ask_as(&process, &request) => drop(report.unwrap()),
    }
    assert_eq!((faults.calls()[SEND].action, house.letter().status), ("send messages", Status::Replaying));
    house
}

/// Index of the send among the calls of a replay: letters are read, the ledger is asked, they are claimed.
const SEND: usize = 3;

#[tokio::test(start_paused = true)]
async fn what_is_in_doubt_elsewhere_is_sent_by_itself_neither_there_nor_back() {
    for call_fault in [CallFault::LostAnswer, CallFault::CrashAfter, CallFault::CrashBefore] {
        let house = lost(call_fault).await;
        let before = house.depths();
        let report = house.for_long().await.together();
        assert_eq!((report.returned_in_doubt, report.taken_over, report.sent), (1, 0, 0), "{call_fault:?}");
        assert_eq!(house.depths(), before, "{call_fault:?}");
        let letter = house.letter();
        assert!(letter.waits_in_doubt() && letter.due == Timestamp::NEVER, "{call_fault:?}");
        // A person may, knowing that.
        assert_eq!(house.sent(Some(house.destination())).await, 1, "{call_fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_person_who_comes_before_the_schedule_finds_it_in_doubt_too() {
    let house = lost(CallFault::LostAnswer).await;
    tokio::time::advance(2 * LEASE).await;
    for to in [Some(house.destination()), None] {
        assert_eq!(house.sent(to).await, usize::from(to.is_none()), "the first of them finds it, the second knows it");
        assert_eq!(house.letter().number.0, if to.is_none() { 2 } else { 1 });
    }
    assert_eq!(house.depths(), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn what_may_be_elsewhere_is_sent_by_nobody_but_a_person_even_after_it_died_at_home() {
    let house = lost(CallFault::LostAnswer).await;
    house.for_long().await;
    assert_eq!(house.sent(None).await, 1, "a person sends it back");
    house.pairs[0].dies().await;
    house.drain().await;
    let letter = house.letter();
    assert_eq!((letter.status, letter.deaths, letter.due), (Status::Pending, 2, Timestamp::NEVER));
    assert_eq!(house.for_long().await.together().sent, 0);
    assert_eq!(house.depths(), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn who_sends_elsewhere_does_not_take_over_a_claim_of_the_own_queue() {
    let house = with_letter(Pair::new("orders").may_send_to(&other("refunds")), vec![]).await;
    let token = OwnerToken::from_random(9);
    house
        .letters
        .force(edges::claim(&house.letter(), token, ClaimTerms::default(), "lost", LEASE, house.clock.now()).unwrap());
    tokio::time::advance(2 * LEASE).await;
    let report = house.ask(&house.to(Some(house.destination()))).await.unwrap().together();
    assert_eq!((report.changed_meanwhile, report.sent, house.depths()), (1, 0, (0, 0)));
    let report = house.ask(&Request::Schedule).await.unwrap().together();
    assert_eq!((report.taken_over, house.depths()), (1, (1, 0)), "the standing job does, and sends it back");
}

#[tokio::test(start_paused = true)]
async fn a_claim_whose_destination_is_listed_no_more_waits_in_doubt_though_nothing_may_be_sent_at_all() {
    let mut house = lost(CallFault::LostAnswer).await;
    house.pairs[0].sends = false;
    let refunds = house.pairs[0].others.pop().unwrap();
    let report = house.for_long().await.together();
    assert_eq!((report.returned_in_doubt, report.sent, refunds.len()), (1, 0, 1));
    assert!(house.letter().waits_in_doubt());
}

#[tokio::test(start_paused = true)]
async fn what_sqs_refused_there_is_not_there_and_goes_by_its_policy_again() {
    let house = with_letter(Pair::new("orders").may_send_to(&other("refunds")), vec![]).await;
    let process = Faults::script([(SEND, CallFault::Partly(1))]).of("replay");
    let report = house.ask_as(&process, &house.to(Some(house.destination()))).await.unwrap().together();
    assert_eq!((report.not_sent, house.letter().sends.len()), (1, 0));
    tokio::time::advance(2 * MINUTE).await;
    assert_eq!(house.ask(&Request::Schedule).await.unwrap().together().sent, 1);
    assert_eq!(house.depths(), (1, 0), "the schedule knows no other queue");
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_dies_in_another_pairs_queue_is_a_letter_of_that_queue() {
    let refunds = Pair::new("refunds");
    let house = with_letter(Pair::new("orders").may_send_to(&refunds.main), vec![refunds]).await;
    house.sent(Some(house.destination())).await;
    house.pairs[1].dies().await;
    house.drain().await;
    let (sent, dead) = (house.letter(), house.letters_of(1).remove(0));
    assert_eq!((sent.status, sent.deaths), (Status::Replayed, 1), "it has left its own queue for good");
    let message_id = sent.sends[0].message_id.clone().unwrap();
    assert_eq!((dead.id, dead.status), (LetterId::derive(&house.pairs[1].main.arn(), &message_id), Status::Pending));
    assert_eq!((dead.scope.as_str(), dead.payload), ("refunds", sent.payload));
    let reports = house.ask(&Request::Schedule).await.unwrap();
    assert_eq!(reports.pairs.iter().map(|report| report.sent).collect::<Vec<_>>(), [0, 1]);
    assert_eq!((house.pairs[0].main.len(), house.pairs[1].main.len()), (0, 1));
    // What becomes of it there says nothing of the first letter.
    house.complete(&house.letters_of(1).remove(0));
    let reports = house.ask(&Request::Schedule).await.unwrap();
    assert_eq!(reports.pairs.iter().map(|report| report.resolved).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(house.letter().status, Status::Replayed);
}

#[tokio::test(start_paused = true)]
async fn only_a_fifo_queue_gets_the_group_of_a_fifo_queue() {
    let fair = other("refunds");
    for (pair, to, group) in [
        (Pair::fifo("steps.fifo"), other("refunds.fifo").fifo(), Some("group")),
        (Pair::fifo("steps.fifo"), fair.clone(), None),
        (Pair::new("orders"), fair, Some("group")),
    ] {
        let house = with_letter(pair.may_send_to(&to), vec![]).await;
        tokio::time::advance(MINUTE).await;
        assert_eq!(house.sent(Some(&to)).await, 1);
        assert_eq!(to.messages().last().unwrap().group.as_deref(), group, "{}", to.arn());
    }
}

#[tokio::test(start_paused = true)]
async fn what_left_a_fifo_queue_for_good_does_not_hold_up_its_group() {
    let house = House::new(vec![Pair::fifo("steps.fifo").may_send_to(&other("refunds"))]);
    for n in 0..3 {
        house.pairs[0].main.send_to("group", Order::body(&format!("o-{n}"), 5), Attributes::new());
    }
    house.pairs[0].dies().await;
    house.drain().await;
    assert_eq!(house.sent(Some(house.destination())).await, 0, "what came before may not stand in the index yet");
    tokio::time::advance(MINUTE).await;
    for _ in 0..2 {
        assert_eq!(house.sent(Some(house.destination())).await, 1, "one of a group at a time");
    }
    let bodies: Vec<_> = house.destination().messages().iter().map(|message| message.body.clone()).collect();
    assert_eq!(bodies, ["o-0", "o-1"].map(|order| Order::body(order, 5)), "in the order of the queue");
    assert_eq!(house.ask(&Request::Schedule).await.unwrap().together().sent, 1, "the last one goes back");
}

fn job(selection: Selection, to: Option<QueueArn>, guard: Guard) -> Request {
    Request::Job(Box::new(NewJob { id: Some(ID), selection, to, guard, by: "ann".to_owned(), why: None, edit: None }))
}

fn guard() -> Guard {
    Guard { outcome_seconds: 120, ..Guard::default() }
}

impl House {
    async fn until_closed(&self) -> Job {
        for _ in 0..60 {
            self.ask(&Request::Work).await.unwrap();
            let job = self.letters.all_jobs().remove(0);
            if !job.is_open() {
                return job;
            }
            tokio::time::advance(MINUTE).await;
        }
        panic!("the job never ends")
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_assumes_that_what_it_sent_elsewhere_succeeded_and_says_so() {
    let house = with_letter(Pair::new("orders").may_send_to(&other("refunds")), vec![]).await;
    let asked = job(all_of(&house.pairs[0].main), Some(house.destination().arn()), guard());
    house.ask(&asked).await.unwrap();
    house.ask(&Request::Work).await.unwrap();
    assert_eq!((house.depths(), house.letters.all_jobs()[0].is_open()), ((0, 1), true), "it waits for its window");
    let job = house.until_closed().await;
    assert_eq!((&job.state, job.to.as_ref()), (&JobState::Done, Some(&house.destination().arn())));
    assert_eq!((job.account.of(Disposition::Assumed), job.account.total()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_completion_of_another_copy_is_not_told_as_the_outcome_of_a_send_elsewhere() {
    let house = with_letter(Pair::new("orders").may_send_to(&other("refunds")), vec![]).await;
    let asked = job(all_of(&house.pairs[0].main), Some(house.destination().arn()), guard());
    house.ask(&asked).await.unwrap();
    house.ask(&Request::Work).await.unwrap();
    house.complete(&house.letter());
    let job = house.until_closed().await;
    assert_eq!((job.account.of(Disposition::Resolved), job.account.of(Disposition::Assumed)), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_jobs_claim_that_ran_out_elsewhere_is_its_letter_in_doubt() {
    let story = async |faults: &Faults| {
        let house = with_letter(Pair::new("orders").may_send_to(&other("refunds")), vec![]).await;
        let asked = job(all_of(&house.pairs[0].main), Some(house.destination().arn()), guard());
        house.ask(&asked).await.unwrap();
        house.ask_as(&faults.of("replay"), &Request::Work).await.unwrap();
        house
    };
    let calm = Faults::none();
    story(&calm).await;
    let send = calm.calls().iter().position(|call| call.action == "send messages").unwrap();
    let house = story(&Faults::script([(send, CallFault::LostAnswer)])).await;
    let closed = house.until_closed().await;
    assert_eq!((closed.account.of(Disposition::InDoubt), closed.account.total()), (1, 1));
    assert_eq!((house.letter().number.0, house.depths()), (1, (0, 1)), "nobody has sent it again");
    assert!(house.letter().waits_in_doubt());
}

#[tokio::test(start_paused = true)]
async fn a_job_whose_destination_is_listed_no_more_sends_nothing_and_ends_with_an_account() {
    let mut house = with_letter(Pair::new("orders").may_send_to(&other("refunds")), vec![]).await;
    let asked = job(all_of(&house.pairs[0].main), Some(house.destination().arn()), guard());
    house.ask(&asked).await.unwrap();
    let refunds = house.pairs[0].others.pop().unwrap();
    let job = house.until_closed().await;
    assert_eq!((job.account.of(Disposition::PolicyNever), job.account.total()), (1, 1));
    let line = &house.letters.all_batches(ID)[0].lines[0];
    assert!(line.note.as_ref().unwrap().contains("refunds is not among the destinations"), "{line:?}");
    assert!(house.letter().status == Status::Pending && refunds.is_empty() && house.pairs[0].main.is_empty());
}
