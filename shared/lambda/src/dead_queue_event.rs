//! A batch of a RabbitMQ dead letter queue, as Lambda's event source mapping of Amazon MQ sends it.
//!
//! Nothing of it is refused for what it holds: a message that nobody understands is a letter with its bytes.

use redrive_core::letters::dead_message::told_apart;
use redrive_core::letters::dead_record::DeadRecord;
use redrive_core::message::broker_record::{RabbitMessage, RabbitQueue};
use redrive_core::time::Timestamp;
use serde_json::Value;

use crate::rabbitmq_event::{NotARabbitBatch, rabbit_messages};

/// The dead messages of an event, in their order. `needs_id`: the processor refuses a message that has neither `message-id` nor a key.
///
/// # Errors
/// [`NotARabbitBatch`].
pub fn dead_messages(
    event: Value,
    dead_letter_queue: &RabbitQueue,
    needs_id: bool,
    now: Timestamp,
) -> Result<Vec<DeadRecord>, NotARabbitBatch> {
    let messages = rabbit_messages(event, dead_letter_queue)?;
    let dead = |message| DeadRecord::of_rabbitmq(RabbitMessage { needs_id, ..message }, now);
    Ok(told_apart(messages.into_iter().map(dead).collect()))
}

#[cfg(test)]
mod tests {
    use redrive_core::ids::{QueueArn, Scope};
    use redrive_core::message::decode::{Inspected, Reading};
    use serde_json::json;

    use super::*;

    fn event(queue: &str, messages: Value) -> Value {
        json!({"eventSource": "aws:rmq", "rmqMessagesByQueue": {queue: messages}})
    }

    fn read(messages: Value, needs_id: bool) -> Vec<DeadRecord> {
        let queue = RabbitQueue::parse("orders.dead::/");
        dead_messages(event("orders.dead::/", messages), &queue, needs_id, Timestamp::from_millis(7)).unwrap()
    }

    #[test]
    fn what_cannot_be_read_is_a_dead_message_too_and_two_of_the_same_bytes_are_two() {
        let read = read(json!([{"data": "!"}, 7, {"data": "e30="}, {"data": "e30="}]), false);
        let bodies: Vec<_> = read.iter().map(|dead| dead.envelope.body.as_str()).collect();
        assert_eq!(bodies, ["!", "7", "{}", "{}"]);
        assert!(read[3].envelope.message_id.as_str().ends_with("#2"));
        assert!(read.iter().all(|dead| dead.envelope.sent_at.as_millis() == 7));
    }

    #[test]
    fn a_message_without_an_id_has_no_key_where_the_processor_refuses_such() {
        let key = |needs_id| {
            let source = QueueArn::new("rabbitmq://shop/orders").unwrap();
            let dead = read(json!([{"data": "e30="}]), needs_id).remove(0);
            Inspected::new(dead.envelope, &Reading::new(source, Scope::new("orders").unwrap())).key.is_ok()
        };
        assert_eq!([key(false), key(true)], [true, false]);
    }

    #[test]
    fn a_message_of_another_queue_than_the_dead_letter_queue_fails_the_invocation() {
        let queue = RabbitQueue::parse("orders.dead::/");
        let error =
            dead_messages(event("orders::/", json!([{}])), &queue, false, Timestamp::from_millis(7)).unwrap_err();
        assert_eq!(error, NotARabbitBatch::OtherQueue(0));
    }
}
