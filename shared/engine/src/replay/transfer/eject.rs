//! Letters that go back into the dead-letter queue.

use redrive_core::letters::edges;
use redrive_core::letters::letter::{Letter, LetterWrite, Status};
use redrive_core::replay::Outgoing;

use super::claim::{Claimed, LetterClaim, write_claims};
use super::lapsed::{Lapse, lapsed};
use super::request::Terms;
use crate::replay::context::PairContext;
use crate::replay::letter_update::{LetterOutcome, LetterUpdate, Stage};
use crate::replay::ports::ReplayPorts;
use crate::replay::reconcile::{resolve, with_known};

/// Leaves out what the ledger shows as done, what has no body, and what may be in the dead-letter queue already: a claim
/// that ran out makes its letter wait for a person, unless whoever replays takes it over.
pub(super) async fn ejectable<P: ReplayPorts>(
    context: PairContext<'_, P>,
    terms: Terms<'_>,
    letters: Vec<Letter>,
) -> Stage<Letter> {
    let letters = match with_known(context, letters, "ejected").await {
        Ok(letters) => letters,
        Err(ended) => return Stage { going: Vec::new(), ended },
    };
    let mut stage = Stage::with_room_for(letters.len());
    for (letter, known) in letters {
        let id = letter.id;
        if letter.is_lapsed(context.now()) {
            stage.ended.push(match lapsed(context, terms, letter).await {
                Lapse::Ended(disposition) => disposition,
                Lapse::StandIn(_) => LetterUpdate::of(id, LetterOutcome::ChangedMeanwhile),
            });
        } else if letter.waits_in_doubt() && !terms.consent.named {
            stage.end(id, LetterOutcome::LeftInDoubt);
        } else if letter.status != Status::Pending {
            stage.end(id, LetterOutcome::ChangedMeanwhile);
        } else if let Some(effect) = known.effect {
            stage.ended.extend(resolve(context, letter, &effect, "found done before it was ejected").await);
        } else if letter.body.check().is_err() {
            stage.end(id, LetterOutcome::NoBody { why: None });
        } else {
            stage.going.push(letter);
        }
    }
    stage
}

/// Claims letters in order to eject them into a queue that takes so many bytes of a message.
pub(super) async fn claim_to_eject<P: ReplayPorts>(
    context: PairContext<'_, P>,
    terms: Terms<'_>,
    open: Vec<Letter>,
    limit: usize,
) -> Stage<Claimed> {
    let now = context.now();
    let (mut claims, mut ended) = (Vec::with_capacity(open.len()), Vec::new());
    for letter in open {
        let token = context.token();
        match edges::claim_to_eject(&letter, token, terms.by, context.settings.lease, now) {
            Ok(next) => {
                let (former, write) = (letter.edited.clone(), LetterWrite::change(next));
                claims.push(LetterClaim { token, lapsed: false, former, write });
            }
            Err(_) => ended.push(LetterUpdate::of(letter.id, LetterOutcome::NotClaimed)),
        }
    }
    let written = write_claims(context, terms, claims, |letter| Outgoing::of_ejected(letter, limit)).await;
    ended.extend(written.ended);
    Stage { going: written.going, ended }
}
