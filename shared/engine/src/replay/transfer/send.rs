//! Batches of claimed letters: sent, and each letter marked by its own answer.

use futures_util::{Stream, StreamExt, stream};
use redrive_core::ids::{LetterId, MessageId, Number};
use redrive_core::letters::letter::Letter;
use redrive_core::ports::{Outbox, Unavailable};
use redrive_core::replay::job::SentLetter;
use tracing::{info, warn};

use super::claim::Claimed;
use super::request::Terms;
use crate::batches::batches;
use crate::replay::change::change_all;
use crate::replay::context::PairContext;
use crate::replay::letter_update::{LetterOutcome, LetterUpdate};
use crate::replay::ports::ReplayPorts;

/// Number of batches that are sent at once.
const SENDS: usize = 10;

/// Outcome of one batch.
#[derive(Debug, Default)]
pub(super) struct Sends {
    /// Code with which every one of the batch was refused: then the queue is the matter, and not the letters.
    pub(super) refused: Option<String>,
    pub(super) letters: Vec<LetterUpdate>,
}

/// Sends what is claimed in batches, several at once, and marks each batch as soon as it is answered.
pub(super) fn send_batches<'a, P: ReplayPorts>(
    context: PairContext<'a, P>,
    terms: Terms<'a>,
    claimed: Vec<Claimed>,
    to: &'a P::Outbox,
) -> impl Stream<Item = Sends> {
    let batches = batches(claimed, |claimed| claimed.message.bytes());
    let sends = batches.into_iter().map(move |batch| send_batch(context, terms, batch, to));
    stream::iter(sends).buffered(SENDS)
}

async fn send_batch<P: ReplayPorts>(
    context: PairContext<'_, P>,
    terms: Terms<'_>,
    batch: Vec<Claimed>,
    to: &P::Outbox,
) -> Sends {
    let in_doubt = |claimed: &Claimed| {
        LetterUpdate::of(claimed.letter.id, LetterOutcome::InDoubt).about(terms.send_of(&claimed.letter))
    };
    // Whoever was held up for longer than the lease must not send: another has taken over.
    let now = context.now();
    let (batch, late): (Vec<_>, Vec<_>) = batch.into_iter().partition(|claimed| claimed.letter.due > now);
    let mut sends = Sends { refused: None, letters: late.iter().map(in_doubt).collect() };
    if batch.is_empty() {
        return sends;
    }
    let messages = batch.iter().map(|claimed| claimed.message.clone()).collect();
    match to.send(messages).await {
        Ok(answers) => {
            sends.refused = refused_alike(&answers);
            sends.letters.extend(mark(context, terms, batch, answers).await);
        }
        Err(error) => {
            warn!(%error, count = batch.len(), "send was not answered; the letters stay claimed");
            sends.letters.extend(batch.iter().map(in_doubt));
        }
    }
    sends
}

/// Code with which every one of a batch was refused, if it was.
fn refused_alike(answers: &[Result<MessageId, String>]) -> Option<String> {
    let first = answers.first()?.as_ref().err()?;
    let alike = answers.len() > 1 && answers.iter().all(|answer| answer.as_ref().err() == Some(first));
    alike.then(|| first.clone())
}

/// A letter that SQS has answered about, before it is marked.
struct Answered {
    id: LetterId,
    number: Number,
    send: Option<SentLetter>,
    answer: Result<MessageId, String>,
}

/// Marks the letters of a batch, each by its own answer.
async fn mark<P: ReplayPorts>(
    context: PairContext<'_, P>,
    terms: Terms<'_>,
    batch: Vec<Claimed>,
    answers: Vec<Result<MessageId, String>>,
) -> Vec<LetterUpdate> {
    let (by, policy) = (terms.by, &context.pair.policy);
    let (mut told, mut moves) = (Vec::with_capacity(batch.len()), Vec::with_capacity(batch.len()));
    for (claimed, answer) in batch.into_iter().zip(answers) {
        let Claimed { letter, token, former, .. } = claimed;
        let (id, number) = (letter.id, letter.number);
        if let Err(code) = &answer {
            warn!(letter_id = %id, code, "letter was not sent");
        }
        told.push(Answered { id, number, send: terms.send_of(&letter), answer: answer.clone() });
        let edge = move |letter: &Letter| {
            let now = context.now();
            let next = match &answer {
                Ok(sent) if letter.is_ejecting() => letter.ejected(token, number, sent, by, policy, now),
                Ok(sent) => letter.sent(token, number, sent.clone(), by, policy, now),
                Err(code) => {
                    let back = letter.not_sent(token, number, code, by, policy, now);
                    back.map(|letter| letter.with_former_edit(former.clone()))
                }
            };
            next.ok()
        };
        moves.push((letter, edge));
    }
    let marked = change_all(context.letters, moves).await;
    told.into_iter().zip(marked).map(|(told, marked)| marked_as(told, &marked, terms)).collect()
}

/// Outcome of a letter that was sent, or refused, now that its mark is answered.
fn marked_as(told: Answered, marked: &Result<Option<Letter>, Unavailable>, terms: Terms<'_>) -> LetterUpdate {
    let Answered { id, number, send, answer } = told;
    let by = terms.by;
    let outcome = match (marked, answer) {
        (Ok(Some(letter)), Ok(message_id)) if letter.was_ejected() => {
            info!(letter_id = %id, %number, %message_id, by, "letter ejected");
            LetterOutcome::Ejected
        }
        (Ok(Some(_)), Ok(message_id)) => {
            info!(letter_id = %id, %number, %message_id, by, "letter replayed");
            LetterOutcome::Sent
        }
        (Ok(Some(letter)), Err(code)) => {
            // A claim that was taken over may have been sent before it ran out.
            return LetterUpdate::of(id, LetterOutcome::Refused { code }).about(terms.send_of(letter));
        }
        // It came back, or was taken over, before it could be marked.
        (Ok(None), _) => LetterOutcome::MovedOn,
        (Err(_), _) => LetterOutcome::InDoubt,
    };
    LetterUpdate::of(id, outcome).about(send)
}
