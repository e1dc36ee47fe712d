//! Marks: each letter that SQS has answered about moves on by its own answer.

use redrive_core::ids::{LetterId, MessageId, OwnerToken, ReplayNumber};
use redrive_core::letters::edges;
use redrive_core::letters::letter::{Edited, EventKind, Letter};
use redrive_core::ports::Unavailable;
use redrive_core::replay::job::SentLetter;
use tracing::{info, warn};

use super::claim::Claimed;
use super::request::Terms;
use crate::replay::change::change_all;
use crate::replay::context::PairContext;
use crate::replay::letter_update::{LetterOutcome, LetterUpdate};
use crate::replay::ports::ReplayPorts;

/// A claimed letter with SQS's answer about it.
#[derive(Debug)]
pub(super) struct Answered {
    letter: Letter,
    token: OwnerToken,
    /// Edit that the letter had before its claim.
    former: Option<Edited>,
    answer: Result<MessageId, String>,
}

impl Answered {
    pub(super) fn new(claimed: Claimed, answer: Result<MessageId, String>) -> Self {
        let Claimed { letter, token, former, .. } = claimed;
        Self { letter, token, former, answer }
    }
}

/// Answer about a letter, as it is told once its mark is answered.
struct AnsweredSend {
    id: LetterId,
    number: ReplayNumber,
    send: Option<SentLetter>,
    answer: Result<MessageId, String>,
}

/// Marks letters, each by its own answer.
pub(super) async fn mark<P: ReplayPorts>(
    context: PairContext<'_, P>,
    terms: Terms<'_>,
    letters: Vec<Answered>,
) -> Vec<LetterUpdate> {
    let (by, policy) = (terms.by, &context.pair.policy);
    let (mut answered, mut moves) = (Vec::with_capacity(letters.len()), Vec::with_capacity(letters.len()));
    for Answered { letter, token, former, answer } in letters {
        let (id, number) = (letter.id, letter.number);
        if let Err(code) = &answer {
            warn!(letter_id = %id, code, "letter was not sent");
        }
        answered.push(AnsweredSend { id, number, send: terms.send_of(&letter), answer: answer.clone() });
        let edge = move |letter: &Letter| {
            let now = context.now();
            let next = match &answer {
                Ok(sent) if letter.is_ejecting() => edges::mark_ejected(letter, (token, number), sent, by, policy, now),
                Ok(sent) => edges::mark_sent(letter, (token, number), sent.clone(), by, policy, now),
                Err(code) => {
                    let back = edges::mark_not_sent(letter, (token, number), code, by, policy, now);
                    back.map(|letter| edges::restore_edit(letter, former.clone()))
                }
            };
            next.ok()
        };
        moves.push((letter, edge));
    }
    let marked = change_all(context.letters, moves).await;
    answered.into_iter().zip(marked).map(|(send, marked)| marked_as(send, &marked, terms)).collect()
}

/// Outcome of a letter that was sent, or refused, now that its mark is answered.
fn marked_as(answered: AnsweredSend, marked: &Result<Option<Letter>, Unavailable>, terms: Terms<'_>) -> LetterUpdate {
    let AnsweredSend { id, number, send, answer } = answered;
    let by = terms.by;
    let outcome = match (marked, answer) {
        (Ok(Some(letter)), Ok(message_id)) if letter.history.has(EventKind::Ejected) => {
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
