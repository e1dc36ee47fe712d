//! A transfer that touches nothing: what would become of letters.

use redrive_core::letters::letter::{Letter, Status};
use redrive_core::replay::{Consent, KeyStatus, consent};

use super::claim::notices;
use super::edit::prepared;
use super::request::{Terms, TransferRequest};
use super::size_limit::{limit, too_large};
use crate::replay::context::PairContext;
use crate::replay::letter_update::{LetterOutcome, LetterUpdate, each};
use crate::replay::ports::ReplayPorts;
use crate::replay::reconcile::known;

/// Says what would become of these letters. Nothing is touched.
pub(crate) async fn preview<P: ReplayPorts>(
    context: PairContext<'_, P>,
    request: TransferRequest<'_>,
    letters: Vec<Letter>,
) -> Vec<LetterUpdate> {
    let terms = Terms::of(request, context.pair);
    let ids = || letters.iter().map(|letter| letter.id);
    let mut updates = each(ids(), &LetterOutcome::Considered);
    if context.pair.outbox_to(terms.to).is_none() {
        updates.extend(each(ids(), &LetterOutcome::NoDestination { note: None }));
        return updates;
    }
    let Ok(known) = known(context, &letters).await else {
        updates.extend(each(ids(), &LetterOutcome::Unavailable));
        return updates;
    };
    let limit = limit(context, terms).await;
    updates
        .extend(letters.iter().zip(&known).flat_map(|(letter, known)| foreseen(context, terms, letter, known, limit)));
    updates
}

fn foreseen<P: ReplayPorts>(
    context: PairContext<'_, P>,
    terms: Terms<'_>,
    letter: &Letter,
    known: &KeyStatus,
    limit: usize,
) -> Vec<LetterUpdate> {
    let outcome = match consent(letter, known, terms.consent, &context.pair.policy, context.now()) {
        Consent::Lapsed if terms.to.is_some() => LetterOutcome::ChangedMeanwhile,
        Consent::Send if terms.editing().is_none() => match too_large(letter, terms, limit) {
            None => return sendable(context, terms, letter),
            Some(outcome) => outcome,
        },
        Consent::Send | Consent::Lapsed => return sendable(context, terms, letter),
        Consent::Done(_) => LetterOutcome::FoundDone,
        Consent::NotNow => LetterOutcome::ChangedMeanwhile,
        Consent::Never => LetterOutcome::PolicyNever,
        Consent::Forgotten => LetterOutcome::Forgotten,
        Consent::NoRoom => LetterOutcome::NoAttributeSlot,
        Consent::NoBody => LetterOutcome::NoBody { why: None },
        Consent::TooManyEnqueues => LetterOutcome::TooManyEnqueues,
    };
    vec![LetterUpdate::of(letter.id, outcome)]
}

/// Foresees what would become of a letter that may be sent: with its edit, if there is one.
fn sendable<P: ReplayPorts>(context: PairContext<'_, P>, terms: Terms<'_>, letter: &Letter) -> Vec<LetterUpdate> {
    let would = |letter: &Letter| {
        let mut updates = vec![LetterUpdate::of(letter.id, LetterOutcome::WouldSend)];
        updates.extend(notices(letter, context.now()));
        updates
    };
    let Some(editing) = terms.editing() else { return would(letter) };
    if letter.status == Status::Replaying {
        return vec![LetterUpdate::of(letter.id, LetterOutcome::EditWaits)];
    }
    match prepared(context, letter, editing) {
        Ok(prepared) => would(&prepared.letter),
        Err(why) => vec![LetterUpdate::of(letter.id, why.into())],
    }
}
