//! Eligibility: which letters may be sent.

use redrive_core::letters::edges;
use redrive_core::letters::letter::{Body, Letter};
use redrive_core::ports::LedgerReader;
use redrive_core::replay::{Consent, KeyStatus, consent};
use tracing::warn;

use super::lapsed::{Lapse, lapsed};
use super::request::Terms;
use crate::replay::change::change;
use crate::replay::context::PairContext;
use crate::replay::letter_update::{LetterOutcome, LetterUpdate, Stage};
use crate::replay::ports::ReplayPorts;
use crate::replay::reconcile::{resolve, with_known};

/// Leaves out what the ledger shows as done, what may not go, and what cannot be sent. No letter goes without the ledger's
/// word.
pub(super) async fn eligible<P: ReplayPorts>(
    context: PairContext<'_, P>,
    terms: Terms<'_>,
    letters: Vec<Letter>,
) -> Stage<Letter> {
    let letters = match with_known(context, letters, "sent").await {
        Ok(letters) => letters,
        Err(ended) => return Stage { going: Vec::new(), ended },
    };
    let mut stage = Stage::with_room_for(letters.len());
    for (letter, known) in letters {
        let consent = consent(&letter, &known, terms.consent, &context.pair.policy, context.now());
        match consent {
            // Without a ledger only a person replays, whatever a letter was promised when there was one.
            Consent::Send if !context.pair.ledger.is_kept() && terms.is_scheduled() => {
                stage.end(letter.id, LetterOutcome::ChangedMeanwhile);
            }
            Consent::Send if stage.going.len() < terms.limit() => stage.going.push(letter),
            Consent::Send => {}
            Consent::Lapsed => match stand_in(context, terms, letter).await {
                Lapse::StandIn(letter) => stage.going.push(*letter),
                Lapse::Ended(disposition) => stage.ended.push(disposition),
            },
            refused => stage.ended.extend(kept_back(context, terms, letter, &known, refused).await),
        }
    }
    stage
}

/// Outcome of a letter whose claim ran out.
async fn stand_in<P: ReplayPorts>(context: PairContext<'_, P>, terms: Terms<'_>, letter: Letter) -> Lapse {
    let id = letter.id;
    // The job sent it once, and it came back; the claim that ran out since is somebody else's to take over.
    if terms.sent_before(&letter) {
        let send = terms.send_of(&letter);
        return Lapse::Ended(LetterUpdate::of(id, LetterOutcome::SentBefore).about(send));
    }
    // It may be in its own queue: whoever stands in for its holder sends it there again, or nobody does.
    if terms.to.is_some() && letter.destination().is_none() {
        return Lapse::Ended(LetterUpdate::of(id, LetterOutcome::ChangedMeanwhile));
    }
    lapsed(context, terms, letter).await
}

/// Outcome of a letter that is not sent.
async fn kept_back<P: ReplayPorts>(
    context: PairContext<'_, P>,
    terms: Terms<'_>,
    letter: Letter,
    known: &KeyStatus,
    why: Consent,
) -> Vec<LetterUpdate> {
    let id = letter.id;
    let outcome = match why {
        Consent::Done(hash) => {
            return resolve(context, letter, &hash, "found done before it was sent").await.into_iter().collect();
        }
        Consent::TooManyEnqueues => {
            let left = known.few_enqueues_left.unwrap_or(0);
            let mut ended: Vec<_> = leave_to_a_person(context, terms, letter, left).await.into_iter().collect();
            ended.push(LetterUpdate::of(id, LetterOutcome::TooManyEnqueues));
            return ended;
        }
        Consent::NoBody => bodiless(&letter),
        Consent::Never => LetterOutcome::PolicyNever,
        Consent::Forgotten => LetterOutcome::Forgotten,
        Consent::NoRoom => LetterOutcome::NoAttributeSlot,
        Consent::NotNow | Consent::Send | Consent::Lapsed => LetterOutcome::ChangedMeanwhile,
    };
    vec![LetterUpdate::of(id, outcome)]
}

fn bodiless(letter: &Letter) -> LetterOutcome {
    let missing = if let Body::Missing { why, .. } = &letter.body { why.as_str() } else { "" };
    let why = letter.check_body().err().map(|why| why.to_string());
    warn!(letter_id = %letter.id, why, missing, "letter has no body that could be sent");
    LetterOutcome::NoBody { why }
}

/// Leaves a letter that the policy would send to a person: few enqueues of its key are left, and those are for the mended
/// copy.
async fn leave_to_a_person<P: ReplayPorts>(
    context: PairContext<'_, P>,
    terms: Terms<'_>,
    letter: Letter,
    left: usize,
) -> Option<LetterUpdate> {
    if !terms.is_scheduled() {
        return None;
    }
    let id = letter.id;
    let why = format!("the ledger can remember {left} more dead enqueues of its key; `redrive free` makes room");
    let edge = |letter: &Letter| edges::hold_back(letter, &why, terms.by, context.now()).ok();
    match change(context.letters, letter, edge).await {
        Ok(_) => {
            warn!(letter_id = %id, left, "letter waits for a person: many enqueues of its key are dead");
            None
        }
        Err(_) => Some(LetterUpdate::of(id, LetterOutcome::Unavailable)),
    }
}

/// Says of letters that nothing may be sent there. What was being sent when that was still allowed waits in doubt: nobody else
/// ends its claim.
pub(super) async fn nowhere<P: ReplayPorts>(
    context: PairContext<'_, P>,
    terms: Terms<'_>,
    letters: Vec<Letter>,
) -> Vec<LetterUpdate> {
    let note = terms.to.map_or_else(
        || "no destination is configured for its queue".to_owned(),
        |to| format!("{to} is not among the destinations of its queue"),
    );
    let mut ended = Vec::with_capacity(letters.len());
    for letter in letters {
        let id = letter.id;
        if !letter.is_lapsed(context.now()) || terms.sent_before(&letter) {
            ended.push(LetterUpdate::of(id, LetterOutcome::NoDestination { note: Some(note.clone()) }));
            continue;
        }
        ended.push(match lapsed(context, terms, letter).await {
            Lapse::Ended(disposition) => disposition,
            Lapse::StandIn(_) => LetterUpdate::of(id, LetterOutcome::NoDestination { note: None }),
        });
    }
    ended
}
