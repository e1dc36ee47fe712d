//! Claims that ran out.

use redrive_core::letters::edges;
use redrive_core::letters::letter::Letter;
use redrive_core::ports::{Jobs, LedgerReader, Unavailable};
use tracing::info;

use super::request::Terms;
use crate::replay::change::change;
use crate::replay::context::PairContext;
use crate::replay::letter_update::{LetterOutcome, LetterUpdate};
use crate::replay::ports::ReplayPorts;

/// Outcome of a letter whose claim ran out.
#[derive(Debug)]
pub(super) enum Lapse {
    /// Letter of which whoever asks stands in for its holder, and may claim it.
    StandIn(Box<Letter>),
    /// Nobody takes it over now.
    Ended(LetterUpdate),
}

/// Decides about a claim that ran out: whoever stands in for its holder takes it over; or nobody does, and it waits in doubt.
pub(super) async fn lapsed<P: ReplayPorts>(context: PairContext<'_, P>, terms: Terms<'_>, letter: Letter) -> Lapse {
    let id = letter.id;
    let doubted = match why_nobody(context, &letter).await {
        Ok(None) => return Lapse::StandIn(Box::new(letter)),
        Ok(Some(why)) => in_doubt(context, terms, letter, why).await,
        Err(error) => Err(error),
    };
    Lapse::Ended(match doubted {
        Ok(Some(letter)) => LetterUpdate::of(id, LetterOutcome::ReturnedInDoubt).about(terms.send_of(&letter)),
        Ok(None) => LetterUpdate::of(id, LetterOutcome::MovedOn),
        Err(_) => LetterUpdate::of(id, LetterOutcome::Unavailable),
    })
}

async fn in_doubt<P: ReplayPorts>(
    context: PairContext<'_, P>,
    terms: Terms<'_>,
    letter: Letter,
    why: &str,
) -> Result<Option<Letter>, Unavailable> {
    let edge = |letter: &Letter| edges::return_in_doubt(letter, why, terms.by, context.now()).ok();
    let doubted = change(context.letters, letter, edge).await?;
    if let Some(letter) = &doubted {
        info!(letter_id = %letter.id, why, "letter is in doubt");
    }
    Ok(doubted)
}

/// Reason why nobody takes a claim over; `None` if whoever asks may.
async fn why_nobody<P: ReplayPorts>(
    context: PairContext<'_, P>,
    letter: &Letter,
) -> Result<Option<&'static str>, Unavailable> {
    Ok(Some(if letter.is_ejecting() {
        "its claim ran out while it was being ejected: it may be in the dead-letter queue"
    } else if letter.destination().is_some() {
        "its claim ran out while it was sent to another queue, where a second copy would run"
    } else if !context.pair.ledger.is_kept() {
        "its claim ran out, and without a ledger a second copy would run"
    } else if context.pair.outbox.is_none() {
        "its claim ran out, and nothing is sent to its queue any more"
    } else if holder_runs(context, letter).await? {
        return Ok(None);
    } else {
        "its claim ran out, and its job does not run any more"
    }))
}

/// Returns true if the holder of a claim goes on. The standing job always does; any other must be asked.
async fn holder_runs<P: ReplayPorts>(context: PairContext<'_, P>, letter: &Letter) -> Result<bool, Unavailable> {
    match letter.sends.last_job() {
        None => Ok(true),
        Some(job) => Ok(context.letters.job(job).await?.is_some_and(|job| job.state.runs())),
    }
}
