//! Claims: a letter is ours before its message goes.

use redrive_core::ids::{LetterId, OwnerToken};
use redrive_core::letters::edges::{self, ClaimTerms};
use redrive_core::letters::letter::{Edited, Letter, LetterWrite, Status};
use redrive_core::message::foreign::{ClaimCheck, Task};
use redrive_core::ports::{Letters, WriteError};
use redrive_core::replay::Outgoing;
use redrive_core::time::Timestamp;
use tracing::warn;

use super::request::Terms;
use super::size_limit::limit;
use crate::replay::context::PairContext;
use crate::replay::letter_update::{LetterOutcome, LetterUpdate, Stage};
use crate::replay::ports::ReplayPorts;

/// Note in the history of a letter that goes without redrive's own attribute.
const AS_NEW: &str = "sent as a new message: no room for redrive's own attribute, and no stable key";

/// A letter that we hold, and its message.
#[derive(Debug)]
pub(super) struct Claimed {
    pub(super) letter: Letter,
    pub(super) token: OwnerToken,
    pub(super) message: Outgoing,
    /// Edit that the letter had before this claim.
    pub(super) former: Option<Edited>,
}

/// A letter as it is to be claimed, perhaps with another body.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) letter: Letter,
    /// Edit that it has in the table.
    pub(super) former: Option<Edited>,
}

impl Ready {
    /// A letter that is not edited now.
    pub(super) fn unchanged(letter: Letter) -> Self {
        Self { former: letter.edited.clone(), letter }
    }
}

/// A claim to be written.
#[derive(Debug)]
pub(super) struct LetterClaim {
    pub(super) token: OwnerToken,
    /// True if it takes one over that ran out.
    pub(super) lapsed: bool,
    pub(super) former: Option<Edited>,
    pub(super) write: LetterWrite,
}

/// Claims letters in order to send them, and answers with those whose claims hold.
pub(super) async fn claim<P: ReplayPorts>(
    context: PairContext<'_, P>,
    terms: Terms<'_>,
    open: Vec<Ready>,
) -> Stage<Claimed> {
    let (now, limit) = (context.now(), limit(context, terms).await);
    let (mut claims, mut ended) = (Vec::with_capacity(open.len()), Vec::new());
    for Ready { letter, former } in open {
        let token = context.token();
        // What it is by now: where it died for want of a key or a type, the configuration may have been mended since.
        let (kind, key) = context.pair.reading.identify(letter.payload_now(), &letter.attributes);
        let scope = kind.map_or_else(|_| letter.scope.clone(), |kind| kind.scope);
        let letter = Letter { scope, ..letter };
        let remark = match terms.to {
            Some(to) => Some(format!("to {to}")),
            None => Outgoing::check(&letter).is_err().then(|| AS_NEW.to_owned()),
        };
        let claim = ClaimTerms { key: key.and_then(Result::ok), job: terms.owner(), to: terms.to, remark };
        match edges::claim(&letter, token, claim, terms.by, context.settings.lease, now) {
            Ok(next) => {
                ended.extend(notices(&letter, now));
                let lapsed = letter.status == Status::Replaying;
                claims.push(LetterClaim { token, lapsed, former, write: LetterWrite::change(next) });
            }
            Err(_) => ended.push(LetterUpdate::of(letter.id, LetterOutcome::NotClaimed)),
        }
    }
    let message = |letter: &Letter| Outgoing::of_claimed(letter).map(|message| message.within(limit));
    let written = write_claims(context, terms, claims, message).await;
    ended.extend(written.ended);
    Stage { going: written.going, ended }
}

/// Writes claims, and answers with those that hold and the message of each.
pub(super) async fn write_claims<P: ReplayPorts>(
    context: PairContext<'_, P>,
    terms: Terms<'_>,
    claims: Vec<LetterClaim>,
    message: impl Fn(&Letter) -> Option<Outgoing> + Send,
) -> Stage<Claimed> {
    let mut stage = Stage::with_room_for(claims.len());
    if claims.is_empty() {
        return stage;
    }
    let answers = context.letters.write(claims.iter().map(|claim| claim.write.clone()).collect()).await;
    for (LetterClaim { token, lapsed, former, write }, answer) in claims.into_iter().zip(answers) {
        let id = write.letter.id;
        let letter = match answer {
            Ok(()) => write.letter,
            // A lost answer: it is ours.
            Err(WriteError::Condition(Some(found))) if *found == write.letter => *found,
            Err(WriteError::Condition(found)) => {
                stage.ended.push(lost(id, found.as_deref(), terms));
                continue;
            }
            Err(WriteError::Unavailable(error)) => {
                warn!(letter_id = %id, %error, "claim was not answered");
                stage.end(id, LetterOutcome::ClaimUnanswered);
                continue;
            }
        };
        if lapsed {
            stage.end(id, LetterOutcome::TakenOver);
        } else if terms.editing().is_some() {
            stage.end(id, LetterOutcome::Edited);
        }
        if let Some(message) = message(&letter) {
            stage.going.push(Claimed { letter, token, message, former });
        }
    }
    stage
}

/// A claim that somebody else was faster than: another run of the same job, perhaps.
fn lost(id: LetterId, found: Option<&Letter>, terms: Terms<'_>) -> LetterUpdate {
    match found.and_then(|found| terms.send_of(found)) {
        Some(send) => LetterUpdate::of(id, LetterOutcome::MovedOn).about(Some(send)),
        None => LetterUpdate::of(id, LetterOutcome::ChangedMeanwhile),
    }
}

/// Things that a person must know of a letter that is sent, or would be, and that keep it not back.
pub(super) fn notices(letter: &Letter, now: Timestamp) -> Vec<LetterUpdate> {
    let body = letter.payload_now();
    let in_s3 = ClaimCheck::of(body, &letter.attributes).is_some();
    let dropped = Task::of(body, &letter.attributes).is_some_and(|task| task.is_dropped(now));
    let notices = [in_s3.then_some(LetterOutcome::InS3), dropped.then_some(LetterOutcome::ExpiredTask)];
    notices.into_iter().flatten().map(|outcome| LetterUpdate::of(letter.id, outcome)).collect()
}
