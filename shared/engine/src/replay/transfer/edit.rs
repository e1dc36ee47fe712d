//! Sending letters with another body. Before such a letter is claimed, its former copies are withdrawn in the ledger: one that
//! is still under way somewhere would else run the body that somebody found wrong.

use redrive_core::letters::letter::{Letter, Status};
use redrive_core::ports::LedgerReader;
use redrive_core::replay::{EditTerms, Outgoing, Prepared};
use tracing::{info, warn};

use super::claim::Ready;
use super::request::{Editing, Terms};
use super::withdraw::{Withdrawn, is_bare, withdraw_all};
use crate::replay::context::PairContext;
use crate::replay::letter_update::{LetterOutcome, Stage};
use crate::replay::ports::ReplayPorts;
use crate::replay::reconcile::resolve;

/// Reason why a letter is not edited, for logs and jobs, and for whoever asked: those may read its keys.
#[derive(Debug)]
pub(super) struct Refusal {
    logged: String,
    explanation: String,
}

impl From<&str> for Refusal {
    fn from(why: &str) -> Self {
        Self { logged: why.to_owned(), explanation: why.to_owned() }
    }
}

impl From<Refusal> for LetterOutcome {
    fn from(Refusal { logged, explanation }: Refusal) -> Self {
        Self::EditRefused { logged, explanation }
    }
}

const FULL: &str = "the ledger remembers too many dead enqueues of its key, and an edited copy could not run";
const NO_ROOM: &str = "with its edited body it has no room for redrive's own attribute (SQS takes ten, and the queue its \
     MaximumMessageSize)";
const NO_LEDGER: &str =
    "it may have been sent before, nobody knows, and without a ledger that copy cannot be withdrawn";
const UNKNOWN_COPY: &str =
    "it may have been sent before without redrive's own attribute, nobody knows, and such a copy cannot be withdrawn";
const ELSEWHERE: &str = "it may have been sent to another queue, nobody knows, and a copy there cannot be withdrawn";

/// Letters as they are to be claimed: with the edit, if there is one, and without copies that could still run.
pub(super) async fn edited<P: ReplayPorts>(
    context: PairContext<'_, P>,
    terms: Terms<'_>,
    open: Vec<Letter>,
) -> Stage<Ready> {
    let Some(editing) = terms.editing() else {
        return Stage::all(open.into_iter().map(Ready::unchanged).collect());
    };
    let (mut stage, mut fresh) = (Stage::with_room_for(open.len()), Vec::new());
    for letter in open {
        if letter.status == Status::Replaying {
            // This job's own claim has edited it. Another's is taken over first, as it is.
            match terms.send_of(&letter) {
                Some(_) => stage.going.push(Ready::unchanged(letter)),
                None => stage.end(letter.id, LetterOutcome::EditWaits),
            }
            continue;
        }
        match prepared(context, &letter, editing) {
            Ok(prepared) => fresh.push((letter, prepared)),
            Err(why) => refuse(&mut stage, &letter, why),
        }
    }
    let withdrawn = withdraw_all(context, &fresh).await;
    for ((letter, prepared), withdrawn) in fresh.into_iter().zip(withdrawn) {
        match withdrawn {
            Withdrawn::Clear => {
                info!(letter_id = %letter.id, by = editing.by, "letter is about to be edited");
                stage.going.push(Ready { letter: prepared.letter, former: letter.edited });
            }
            Withdrawn::Done(hash) => {
                stage.ended.extend(resolve(context, letter, &hash, "found done before it was edited").await);
            }
            // Of a job it stays planned, and its next turn asks again.
            Withdrawn::Waits => stage.end(letter.id, LetterOutcome::EditWaits),
            Withdrawn::Full => refuse(&mut stage, &letter, FULL.into()),
            Withdrawn::Unavailable => stage.end(letter.id, LetterOutcome::Unavailable),
        }
    }
    stage
}

fn refuse(stage: &mut Stage<Ready>, letter: &Letter, why: Refusal) {
    warn!(letter_id = %letter.id, why = why.logged, "letter was not edited, and not sent");
    stage.end(letter.id, why.into());
}

/// A letter with its edit, or why that is not to be.
pub(super) fn prepared<P: ReplayPorts>(
    context: PairContext<'_, P>,
    letter: &Letter,
    editing: Editing<'_>,
) -> Result<Prepared, Refusal> {
    let Editing { edit, by, allow_key_change } = editing;
    let kept = context.pair.ledger.is_kept();
    let terms = EditTerms { by, reading: &context.pair.reading, ours: kept, allow_key_change };
    let prepared = edit.prepare(letter, terms, context.now());
    let prepared = prepared.map_err(|why| Refusal { logged: why.to_string(), explanation: why.explanation() })?;
    let limit = context.memory.limits.least();
    let mut unknown = letter.sends.iter().filter(|send| send.message_id.is_none());
    let elsewhere = unknown.clone().any(|send| send.to.is_some());
    let body = prepared.letter.payload_now();
    if !Outgoing::has_room_within(&prepared.letter, body, prepared.key.as_ref(), limit) {
        Err(NO_ROOM.into())
    } else if elsewhere {
        Err(ELSEWHERE.into())
    } else if !kept && unknown.next().is_some() {
        Err(NO_LEDGER.into())
    } else if unknown.any(|send| is_bare(letter, send, limit)) {
        Err(UNKNOWN_COPY.into())
    } else {
        Ok(prepared)
    }
}
