use redrive_core::ids::ReceiptHandle;
use redrive_core::message::batch::Response;
use redrive_core::message::envelope::Record;
use redrive_core::ports::{DeadLetterQueue, MainQueue, VisibilityChange};

use super::*;
use crate::faults::CallFault;

fn queue() -> ModelQueue {
    ModelQueue::new("main").with_visibility(Duration::from_secs(30))
}

async fn seconds(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

fn system<'a>(record: &'a Record, name: &str) -> &'a str {
    &record.system[name]
}

#[tokio::test(start_paused = true)]
async fn a_message_is_hidden_for_the_visibility_timeout_and_comes_again_with_another_handle() {
    let queue = queue().with_faults(Faults::none());
    queue.send("body", Attributes::new());
    let first = queue.receive_batch(10).remove(0);
    assert!(queue.receive_batch(10).is_empty());
    assert!(!queue.wait(Duration::from_secs(29)).await);
    assert!(queue.wait(Duration::from_secs(2)).await);
    let second = queue.receive_batch(10).remove(0);
    assert_eq!((system(&first, "ApproximateReceiveCount"), system(&second, "ApproximateReceiveCount")), ("1", "2"));
    assert_eq!(system(&first, "SentTimestamp"), system(&second, "SentTimestamp"));
    assert_ne!(first.receipt_handle, second.receipt_handle);
}

#[tokio::test(start_paused = true)]
async fn used_up_receives_move_a_message_with_its_id_and_timestamp_or_with_another_id() {
    for (chance, kept) in [(0, true), (1_000, false)] {
        let dead = ModelQueue::new("dead");
        let quirks = Quirks { new_id_on_move: chance, ..Quirks::default() };
        let queue = queue().with_redrive_policy(&dead, 1).with_quirks(1, quirks);
        let id = queue.send("body", Attributes::new());
        let sent_at = queue.messages()[0].sent_at;
        assert_eq!(queue.receive_batch(10).len(), 1);
        seconds(31).await;
        assert!(queue.receive_batch(10).is_empty() && queue.is_empty());
        let moved = &dead.messages()[0];
        assert_eq!((moved.id == id, moved.sent_at, moved.from.clone()), (kept, sent_at, Some(queue.arn())));
    }
}

#[tokio::test(start_paused = true)]
async fn a_move_task_enqueues_what_is_visible_anew_with_another_id_or_its_own() {
    for (chance, kept) in [(0, false), (1_000, true)] {
        let dead = ModelQueue::new("dead").with_quirks(1, Quirks { same_id_on_return: chance, ..Quirks::default() });
        let queue = queue();
        let [id, hidden] = ["a", "b"].map(|body| dead.send(body, Attributes::new()));
        let old = dead.receive_batch(1);
        seconds(31).await;
        dead.receive_batch(1);
        assert_eq!(dead.move_messages(&[&queue], 10), 1, "one is in flight");
        let in_flight = dead.messages()[0].id.clone();
        let moved = queue.messages()[0].clone();
        let was = if in_flight == id { hidden } else { id };
        assert_eq!((moved.id == was, moved.from.clone()), (kept, None));
        assert!(moved.sent_at > dead.messages()[0].sent_at);
        assert_eq!(system(&queue.receive_batch(10)[0], "ApproximateReceiveCount"), "1");
        queue.apply_response(&old, &Response::default());
        assert_eq!(queue.len(), 1, "a handle of the other queue deletes nothing here");
    }
}

#[tokio::test(start_paused = true)]
async fn what_sqs_moves_back_goes_to_the_queue_that_it_came_from_and_what_was_sent_there_to_the_first() {
    let dead = ModelQueue::new("dead");
    let [first, other] = ["first", "other"].map(|name| ModelQueue::new(name).with_redrive_policy(&dead, 1));
    other.send("died", Attributes::new());
    other.receive_batch(1);
    seconds(31).await;
    other.receive_batch(1);
    dead.send("sent", Attributes::new());
    assert_eq!(dead.move_messages(&[&first, &other], 10), 2);
    assert_eq!([&first, &other].map(|queue| queue.messages()[0].body.clone()), ["sent", "died"]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_deletes_what_it_does_not_name_and_an_unknown_name_deletes_nothing() {
    let queue = queue();
    let (kept, _done) = (queue.send("a", Attributes::new()), queue.send("b", Attributes::new()));
    let batch = queue.receive_batch(10);
    assert!(!queue.apply_response(&batch, &Response::returning(MessageId::new("else"))));
    assert_eq!(queue.len(), 2);
    assert!(queue.apply_response(&batch, &Response::returning([kept.clone()])));
    assert_eq!(queue.messages().iter().map(|message| message.id.clone()).collect::<Vec<_>>(), [kept]);
}

#[tokio::test(start_paused = true)]
async fn an_old_handle_deletes_nothing_and_a_delete_may_not_stick() {
    let queue = queue();
    queue.send("body", Attributes::new());
    let old = queue.receive_batch(10);
    seconds(31).await;
    let new = queue.receive_batch(10);
    queue.apply_response(&old, &Response::default());
    assert_eq!(queue.len(), 1);
    queue.apply_response(&new, &Response::default());
    assert!(queue.is_empty());

    let quirks = Quirks { delete_does_not_stick: 1_000, ..Quirks::default() };
    let queue = queue.with_quirks(1, quirks);
    queue.send("body", Attributes::new());
    queue.apply_response(&queue.receive_batch(10), &Response::default());
    assert_eq!(queue.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_visibility_is_set_within_twelve_hours_of_the_receive_and_while_in_flight_only() {
    let queue = queue();
    let message_id = queue.send("body", Attributes::new());
    let record = queue.receive_batch(10).remove(0);
    let receipt_handle = ReceiptHandle::new(record.receipt_handle.unwrap()).unwrap();
    let change_visibility = async |delay| {
        let change = VisibilityChange {
            message_id: message_id.clone(),
            receipt_handle: receipt_handle.clone(),
            delay: Duration::from_secs(delay),
        };
        queue.change_visibility(vec![change]).await.pop().map(|(_, code)| code)
    };
    assert_eq!(change_visibility(12 * 3600 + 1).await.as_deref(), Some("InvalidParameterValue"));
    assert_eq!(change_visibility(60).await, None);
    seconds(59).await;
    assert!(queue.receive_batch(10).is_empty());
    seconds(1).await;
    assert_eq!(change_visibility(60).await.as_deref(), Some("MessageNotInflight"));
}

#[tokio::test(start_paused = true)]
async fn retention_counts_from_the_first_send_in_both_queues() {
    let dead = ModelQueue::new("dead").with_retention(Duration::from_secs(100));
    let queue = queue().with_redrive_policy(&dead, 1);
    queue.send("body", Attributes::new());
    queue.receive_batch(10);
    seconds(60).await;
    queue.receive_batch(10);
    assert_eq!(dead.len(), 1);
    seconds(40).await;
    assert!(dead.receive_batch(10).is_empty() && dead.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_receive_whose_answer_is_lost_hides_the_messages_all_the_same() {
    let faults = Faults::script([(0, CallFault::LostAnswer), (2, CallFault::Partly(1))]);
    let queue = queue().with_faults(faults.of("indexer"));
    queue.send("body", Attributes::new());
    assert!(queue.receive(Duration::ZERO).await.is_err());
    assert_eq!(queue.receive(Duration::ZERO).await.map(|records| records.len()), Ok(0));
    let id = MessageId::new("main-1").unwrap();
    let failed = queue.delete(vec![(id.clone(), ReceiptHandle::new("main-receive-1").unwrap())]).await;
    assert_eq!((failed, queue.len()), (vec![(id, "RequestThrottled".to_owned())], 1));
}
