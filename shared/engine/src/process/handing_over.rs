use redrive_core::handler::Dispatch;
use redrive_core::ids::MessageId;
use redrive_core::outcome::Outcome;
use redrive_core::ports::{Ledger, MainQueue, Outbox, Unavailable};
use redrive_core::replay::Outgoing;
use tracing::warn;

use super::lines::{Head, Line};
use super::{Frame, Parts};
use crate::World;
use crate::batches::batches;

/// The outbox of a processor that sends nothing: there is none, and so no call of it.
#[derive(Debug, Clone)]
pub enum Nowhere {}

impl Outbox for Nowhere {
    async fn send(&self, _: Vec<Outgoing>) -> Result<Vec<Result<MessageId, String>>, Unavailable> {
        match *self {}
    }
}

impl<H, L, Q, W, D> Parts<H, L, Q, W, D>
where
    H: Dispatch,
    L: Ledger<H::Effects>,
    Q: MainQueue,
    W: World,
    D: Outbox,
{
    /// Sends those whose life has ended to the dead-letter queue, where that is the chosen way. Only what SQS lists as
    /// taken is handed over; any other stays dead here: it comes back in a second or two, and is sent again, or moved by
    /// SQS's own redrive policy. The letter of both copies is one: both tell of the same death.
    pub(super) async fn hand_over(&self, ended: &mut [(Line<Head<H::Payload>>, Outcome)], frame: &Frame) {
        let Some(outbox) = &self.direct else { return };
        let mut dead = Vec::new();
        for (place, (line, outcome)) in ended.iter().enumerate() {
            if !matches!(outcome, Outcome::Dead { .. }) {
                continue;
            }
            match Outgoing::of_dead(line.head.seen(), &self.settings.reading) {
                Ok(message) => dead.push((place, message)),
                Err(why) => {
                    let message_id = &line.head.seen().envelope.message_id;
                    warn!(%message_id, %why, "message cannot be handed over; SQS's redrive policy will move it");
                }
            }
        }
        for batch in batches(dead, |(_, message)| message.bytes()) {
            let (places, messages): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
            let count = places.len();
            let sent = match tokio::time::timeout_at(frame.deadline, outbox.send(messages)).await {
                Ok(Ok(sent)) => sent,
                Ok(Err(error)) => {
                    warn!(%error, count, "dead-letter queue did not answer; the messages stay in the main queue");
                    continue;
                }
                Err(_) => {
                    warn!(count, "the deadline came before the dead-letter queue answered");
                    return;
                }
            };
            for (place, answer) in places.into_iter().zip(sent) {
                let outcome = &mut ended[place].1;
                match (&*outcome, answer) {
                    (Outcome::Dead { fault, attempt, now }, Ok(as_id)) => {
                        let (fault, attempt, now) = (fault.clone(), *attempt, *now);
                        *outcome = Outcome::HandedOver { fault, attempt, now, as_id };
                    }
                    (_, Ok(_)) => {}
                    (_, Err(code)) => warn!(code, "dead-letter queue did not take a message"),
                }
            }
        }
    }
}
