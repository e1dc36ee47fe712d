//! Messages published to one queue, and the answer about each.

use std::future::Future;
use std::time::Duration;

use lapin::options::BasicPublishOptions;
use lapin::types::ShortString;
use lapin::{Confirmation, Error};
use redrive_core::ids::MessageId;
use redrive_core::message::broker_record::{BrokerRecord, RabbitMessage};
use redrive_core::ports::Unavailable;
use redrive_core::replay::Outgoing;
use tokio::time::{Instant, timeout_at};

use crate::broker::{Broker, NO_ANSWER, OpenChannel, code};
use crate::properties::properties;

/// Time for the answers about all messages of a call.
const ANSWERS: Duration = Duration::from_secs(8);
/// Unroutable messages come back before they are acknowledged.
const OPTIONS: BasicPublishOptions = BasicPublishOptions { mandatory: true, immediate: false };

/// Message that is not read as taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotTaken {
    /// Short name of the reason, without anything of a message.
    pub(crate) code: String,
    /// True if it may be in the queue all the same.
    pub(crate) possibly_taken: bool,
}

impl NotTaken {
    fn never(code: &str) -> Self {
        Self { code: code.to_owned(), possibly_taken: false }
    }

    fn perhaps(code: &str) -> Self {
        Self { code: code.to_owned(), possibly_taken: true }
    }
}

/// Publishes the messages of letters to a queue. A connection is made, if there is none.
pub(crate) async fn send(
    broker: &Broker,
    queue: &str,
    messages: &[Outgoing],
) -> Result<Vec<Result<MessageId, NotTaken>>, Unavailable> {
    let action = "connect for a queue";
    let channel = broker.channel().await.map_err(|why| Unavailable { service: "RabbitMQ", action, why })?;
    let records: Vec<_> = messages.iter().map(|message| message.record.as_deref()).collect();
    let answers =
        publish(&channel, queue, &records.iter().map(|record| of_rabbitmq(*record)).collect::<Vec<_>>()).await;
    // The broker gives a message no id.
    let id = |record: Option<&BrokerRecord>| record.map(BrokerRecord::message_id);
    let with_id = answers.into_iter().zip(records).map(|(answer, record)| match (answer, id(record)) {
        (Ok(()), Some(id)) => Ok(id),
        (Ok(()), None) => Err(NotTaken::never(OTHERS)),
        (Err(why), _) => Err(why),
    });
    Ok(with_id.collect())
}

const OTHERS: &str = "NotARabbitMqMessage";

/// The message of a record; `None` if it is another broker's.
pub(crate) fn of_rabbitmq(record: Option<&BrokerRecord>) -> Option<&RabbitMessage> {
    match record? {
        BrokerRecord::RabbitMq(message) => Some(message),
        BrokerRecord::Kafka(_) => None,
    }
}

/// Publishes messages to one queue through the default exchange, and waits until each is answered. One answer for each, in order;
/// `None` is never published.
pub(crate) async fn publish(
    OpenChannel { channel, frame_max }: &OpenChannel,
    queue: &str,
    messages: &[Option<&RabbitMessage>],
) -> Vec<Result<(), NotTaken>> {
    let until = Instant::now() + ANSWERS;
    let Ok(queue) = ShortString::try_new(queue) else {
        return messages.iter().map(|_| Err(NotTaken::never("QueueNameTooLong"))).collect();
    };
    let (mut published, mut broken) = (Vec::with_capacity(messages.len()), false);
    for message in messages {
        let Some(message) = message else {
            published.push(Err(NotTaken::never(OTHERS)));
            continue;
        };
        published.push(match properties(message, *frame_max) {
            // Each would wait for as long.
            _ if broken => Err(NotTaken::never("NotTried")),
            // A longer frame would end the connection, and what else is under way with it.
            None => Err(NotTaken::never("HeadersTooLarge")),
            Some(properties) => {
                let to_default = ShortString::default();
                let sent = channel.basic_publish(to_default, queue.clone(), OPTIONS, &message.body, properties);
                let sent = answer(until, sent).await;
                broken = sent.is_err();
                sent
            }
        });
    }
    let mut confirmed = Vec::with_capacity(published.len());
    for sent in published {
        confirmed.push(match sent {
            Ok(confirm) => answer(until, confirm).await,
            Err(why) => Err(why),
        });
    }
    settled(confirmed)
}

async fn answer<T>(until: Instant, answer: impl Future<Output = Result<T, Error>>) -> Result<T, NotTaken> {
    match timeout_at(until, answer).await {
        Ok(answer) => answer.map_err(|error| NotTaken::perhaps(&code(&error))),
        Err(_) => Err(NotTaken::perhaps(NO_ANSWER)),
    }
}

/// Says of each message whether it is in the queue.
///
/// A message that finds no queue is returned, and acknowledged all the same. The client hands what was returned to the next answer that it
/// completes, and completes those of one frame in any order: so it does not say which message was returned. All of a call are for one
/// queue, and if one of them found none, none of them counts as taken.
fn settled(confirmed: Vec<Result<Confirmation, NotTaken>>) -> Vec<Result<(), NotTaken>> {
    let returned = |answer: &Result<Confirmation, NotTaken>| match answer {
        Ok(Confirmation::Ack(Some(returned)) | Confirmation::Nack(Some(returned))) => {
            Some(format!("returned {} {}", returned.reply_code, returned.reply_text))
        }
        _ => None,
    };
    let lost: Vec<_> = confirmed.iter().filter_map(returned).collect();
    let acknowledged = confirmed.iter().filter(|answer| matches!(answer, Ok(Confirmation::Ack(_)))).count();
    let settle = |answer| match answer {
        Ok(Confirmation::Ack(_)) => match lost.first() {
            None => Ok(()),
            Some(code) => Err(NotTaken { code: code.clone(), possibly_taken: lost.len() < acknowledged }),
        },
        Ok(Confirmation::Nack(_)) => Err(NotTaken::never("nack")),
        Ok(Confirmation::NotRequested) => Err(NotTaken::perhaps("NotConfirmed")),
        Err(why) => Err(why),
    };
    confirmed.into_iter().map(settle).collect()
}

#[cfg(test)]
mod tests {
    use lapin::message::{BasicReturnMessage, Delivery};

    use super::*;

    fn returned() -> Option<BasicReturnMessage> {
        let delivery = Delivery::mock(0, ShortString::default(), "orders".into(), false, b"SECRET".to_vec());
        Some(BasicReturnMessage { delivery, reply_code: 312, reply_text: "NO_ROUTE".into() })
    }

    #[test]
    fn if_one_message_of_a_call_was_returned_none_of_it_counts_as_taken() {
        let lost = |possibly_taken| Err(NotTaken { code: "returned 312 NO_ROUTE".to_owned(), possibly_taken });
        let whole = settled(vec![Ok(Confirmation::Ack(returned())), Ok(Confirmation::Ack(returned()))]);
        assert_eq!(whole, [lost(false), lost(false)]);
        // The client has given the answer of one what was returned of the other, perhaps.
        let perhaps = settled(vec![Ok(Confirmation::Ack(None)), Ok(Confirmation::Ack(returned()))]);
        assert_eq!(perhaps, [lost(true), lost(true)]);
    }

    #[test]
    fn only_an_acknowledgement_says_that_a_message_was_taken() {
        let gone = NotTaken::perhaps("ConnectionEnded");
        let confirmed = vec![
            Ok(Confirmation::Ack(None)),
            Ok(Confirmation::Nack(None)),
            Ok(Confirmation::NotRequested),
            Err(gone.clone()),
        ];
        let settled = settled(confirmed);
        let refused = [Err(NotTaken::never("nack")), Err(NotTaken::perhaps("NotConfirmed")), Err(gone)];
        assert_eq!((&settled[0], &settled[1..]), (&Ok(()), &refused[..]));
    }
}
