//! Dead messages that the processor itself sends to the dead-letter queue.

use redrive_core::ports::Outbox;
use redrive_core::processing::outcome::Outcome;
use redrive_core::replay::Outgoing;
use tracing::warn;

use super::lines::{KeyLane, LaneHead};
use super::parts::{Frame, Parts};
use super::ports::{PayloadOf, ProcessPorts};
use crate::batches::batches;

/// Sends those whose enqueue has ended to the dead-letter queue, where that is the chosen way. Only what SQS lists as
/// taken is handed over; any other stays dead here: it comes back in a second or two, and is sent again, or moved by
/// SQS's own redrive policy. The letter of both copies is one: both tell of the same death.
pub(super) async fn hand_over<P: ProcessPorts>(
    parts: &Parts<P>,
    ended: &mut [(KeyLane<LaneHead<PayloadOf<P>>>, Outcome)],
    frame: &Frame,
) {
    let Some(outbox) = &parts.direct else { return };
    let mut dead = Vec::new();
    for (place, (line, outcome)) in ended.iter().enumerate() {
        let Outcome::Dead { fault, attempt, .. } = outcome else { continue };
        let (inspected, reading) = (line.head.inspected(), &parts.settings.reading);
        let record = Outgoing::of_dead_record(inspected, reading, fault, *attempt);
        match record.map_or_else(|| Outgoing::of_dead(inspected, reading), Ok) {
            Ok(message) => dead.push((place, message)),
            Err(why) => {
                let message_id = &line.head.inspected().envelope.message_id;
                warn!(%message_id, %why, "message cannot be handed over; SQS's redrive policy will move it");
            }
        }
    }
    let refused = send_dead::<P>(dead, outbox, ended, frame).await;
    // Perhaps the dead-letter queue takes smaller messages only.
    let smaller = |(place, message): (usize, Outgoing)| {
        let dead = ended[place].0.head.inspected();
        message.smaller(dead, &parts.settings.reading).map(|message| (place, message))
    };
    let smaller: Vec<_> = refused.into_iter().filter_map(smaller).collect();
    send_dead::<P>(smaller, outbox, ended, frame).await;
}

/// Sends dead messages, each with its place among those that have ended. Answers with those that SQS has refused.
async fn send_dead<P: ProcessPorts>(
    dead: Vec<(usize, Outgoing)>,
    outbox: &P::DeadLetters,
    ended: &mut [(KeyLane<LaneHead<PayloadOf<P>>>, Outcome)],
    frame: &Frame,
) -> Vec<(usize, Outgoing)> {
    let mut refused = Vec::new();
    for batch in batches(dead, |(_, message)| message.bytes()) {
        let count = batch.len();
        let messages = batch.iter().map(|(_, message)| message.clone()).collect();
        let sent = match tokio::time::timeout_at(frame.deadline, outbox.send(messages)).await {
            Ok(Ok(sent)) => sent,
            Ok(Err(error)) => {
                warn!(%error, count, "dead-letter queue did not answer; the messages stay in the main queue");
                continue;
            }
            Err(_) => {
                warn!(count, "the deadline came before the dead-letter queue answered");
                return Vec::new();
            }
        };
        for ((place, message), answer) in batch.into_iter().zip(sent) {
            let outcome = &mut ended[place].1;
            match (&*outcome, answer) {
                (Outcome::Dead { fault, attempt, now }, Ok(as_id)) => {
                    let (fault, attempt, now) = (fault.clone(), *attempt, *now);
                    *outcome = Outcome::HandedOver { fault, attempt, now, as_id };
                }
                (_, Ok(_)) => {}
                (_, Err(code)) => {
                    warn!(code, "dead-letter queue did not take a message");
                    refused.push((place, message));
                }
            }
        }
    }
    refused
}
