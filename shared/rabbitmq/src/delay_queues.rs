//! Queues in which copies wait, until they come back to the main queue.

use std::collections::BTreeMap;
use std::time::Duration;

use lapin::options::QueueDeclareOptions;
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Channel, ErrorKind};
use redrive_core::ids::MessageId;
use redrive_core::message::broker_record::RabbitMessage;
use redrive_core::ports::{DelayBy, DelayedCopy, MainQueue, VisibilityChange};
use redrive_core::replay::sendable;
use tokio::time::timeout;

use crate::broker::{Broker, NO_ANSWER, code};
use crate::delay_step::DelayStep;
use crate::publishing::{of_rabbitmq, publish};

/// Time for the declaration of one queue.
const DECLARE: Duration = Duration::from_secs(5);
/// Reply of a broker that has a queue of that name with other arguments.
const DECLARED_OTHERWISE: u16 = 406;

/// Main queue of a RabbitMQ source. What is not done waits as a copy, in a delay queue for each [`DelayStep`].
///
/// The delay queues are declared before they are used. They are quorum queues with the strategy at-least-once: they let go of a copy
/// only once the main queue has confirmed it. A classic queue would lose it to a main queue that is full, or gone.
pub struct DelayQueues {
    main: String,
    broker: Broker,
}

impl DelayQueues {
    /// Delay queues of this main queue. Connects to nothing yet.
    #[must_use]
    pub fn new(main: &str, broker: Broker) -> Self {
        Self { main: main.to_owned(), broker }
    }

    /// Has copies wait for one step. One answer for each, in order; or the reason for which none of them was published.
    async fn put(&self, step: DelayStep, copies: &[DelayedCopy]) -> Result<Vec<Option<String>>, Trouble> {
        let open = self.broker.channel().await.map_err(Trouble::Broker)?;
        let name = step.queue(&self.main);
        declare(&open.channel, &name, self.arguments(step)).await.map_err(Trouble::Queue)?;
        let messages: Vec<Option<RabbitMessage>> =
            copies.iter().map(|copy| of_rabbitmq(Some(&copy.record)).map(sendable)).collect();
        let answers = publish(&open, &name, &messages.iter().map(Option::as_ref).collect::<Vec<_>>()).await;
        Ok(answers.into_iter().map(|answer| answer.err().map(|why| why.code)).collect())
    }

    fn arguments(&self, step: DelayStep) -> FieldTable {
        let mut arguments = FieldTable::default();
        let text = |text: &str| AMQPValue::LongString(text.into());
        for (name, value) in [
            ("x-queue-type", text("quorum")),
            ("x-message-ttl", AMQPValue::LongLongInt(i64::try_from(step.millis()).unwrap_or(i64::MAX))),
            ("x-dead-letter-exchange", text("")),
            ("x-dead-letter-routing-key", text(&self.main)),
            ("x-dead-letter-strategy", text("at-least-once")),
            // The strategy asks for it.
            ("x-overflow", text("reject-publish")),
        ] {
            arguments.insert(name.into(), value);
        }
        arguments
    }
}

impl MainQueue for DelayQueues {
    const DELAY: DelayBy = DelayBy::Copy;

    async fn change_visibility(&self, changes: Vec<VisibilityChange>) -> Vec<(MessageId, String)> {
        changes.into_iter().map(|change| (change.message_id, "NoVisibility".to_owned())).collect()
    }

    async fn delay(&self, copies: Vec<DelayedCopy>) -> Vec<(MessageId, String)> {
        let mut by_step = BTreeMap::<DelayStep, Vec<DelayedCopy>>::new();
        for copy in copies {
            by_step.entry(DelayStep::lasting(copy.delay)).or_default().push(copy);
        }
        let (mut failed, mut out_of_reach) = (Vec::new(), None::<String>);
        for (step, copies) in by_step {
            let all = |why: &str| copies.iter().map(|_| Some(why.to_owned())).collect();
            let answers: Vec<Option<String>> = match &out_of_reach {
                // Each would wait for as long.
                Some(why) => all(why),
                None => self.put(step, &copies).await.unwrap_or_else(|trouble| match trouble {
                    Trouble::Queue(why) => all(&why),
                    Trouble::Broker(why) => {
                        let answers = all(&why);
                        out_of_reach = Some(why);
                        answers
                    }
                }),
            };
            let not_there = copies.into_iter().zip(answers).filter_map(|(copy, why)| Some((copy.message_id, why?)));
            failed.extend(not_there);
        }
        failed
    }
}

/// Reason for which nothing was published.
enum Trouble {
    /// The broker cannot be reached: nothing else can be published either.
    Broker(String),
    /// The queue cannot be used.
    Queue(String),
}

/// Declares a queue. It may be there already, with the same arguments.
async fn declare(channel: &Channel, name: &str, arguments: FieldTable) -> Result<(), String> {
    let short = ShortString::try_new(name).map_err(|_| "QueueNameTooLong".to_owned())?;
    let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    let error = match timeout(DECLARE, channel.queue_declare(short, options, arguments)).await {
        Ok(Ok(_)) => return Ok(()),
        Ok(Err(error)) => error,
        Err(_) => return Err(NO_ANSWER.to_owned()),
    };
    Err(match error.kind() {
        // The broker's text names the argument, and nothing of a message.
        ErrorKind::ProtocolError(refusal) if refusal.get_id() == DECLARED_OTHERWISE => format!(
            "queue {name} was declared with other arguments, so it is not used; delete it once it is empty ({})",
            refusal.get_message()
        ),
        _ => format!("queue {name} could not be declared: {}", code(&error)),
    })
}
