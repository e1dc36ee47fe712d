//! The order of a transfer's steps.

use redrive_core::letters::letter::Letter;
use tokio::time::timeout_at;

use super::claim::{Claimed, claim};
use super::edit::edited;
use super::eject::{claim_to_eject, ejectable};
use super::eligible::{eligible, nowhere};
use super::fifo::{first_of_groups, take_turns};
use super::request::{Terms, TransferRequest};
use super::send::{SendUpdate, send_and_mark};
use super::size_limit::{fitting, fitting_back};
use crate::replay::context::PairContext;
use crate::replay::letter_update::{LetterOutcome, LetterUpdate, Stage, each};
use crate::replay::ports::ReplayPorts;

/// Outcome of a transfer.
#[derive(Debug, Default)]
pub(crate) struct Transferred {
    /// Outcome of the letters, as far as anything did: a letter of which nothing is said was not touched.
    pub(crate) letters: Vec<LetterUpdate>,
    /// Code with which SQS refused every letter of a batch: then the queue is the matter, and not the letters.
    pub(crate) refused: Option<String>,
    /// True if time ran out. What a hanging call leaves behind is claimed, and taken over later.
    pub(crate) cut: bool,
}

/// A transfer under way.
struct Transfer<'a, P: ReplayPorts> {
    context: PairContext<'a, P>,
    terms: Terms<'a>,
    done: Transferred,
}

/// Transfers letters once: those that may be sent are claimed, sent and marked, by the end of the context's time.
pub(crate) async fn transfer<P: ReplayPorts>(
    context: PairContext<'_, P>,
    request: TransferRequest<'_>,
    letters: Vec<Letter>,
) -> Transferred {
    let terms = Terms::of(request, context.pair);
    let mut transfer = Transfer { context, terms, done: Transferred::default() };
    let ended = match request {
        TransferRequest::Ejection { .. } => timeout_at(context.deadline, transfer.eject(letters)).await,
        _ => timeout_at(context.deadline, transfer.replay(letters)).await,
    };
    Transferred { cut: ended.is_err(), ..transfer.done }
}

impl<P: ReplayPorts> Transfer<'_, P> {
    async fn replay(&mut self, letters: Vec<Letter>) {
        let Self { context, terms, .. } = *self;
        // Whoever names letters by their ids may name another queue's.
        let (letters, others): (Vec<_>, Vec<_>) = letters.into_iter().partition(|letter| context.pair.owns(letter));
        self.say_of(&others, &LetterOutcome::Unlisted);
        self.say_of(&letters, &LetterOutcome::Considered);
        let Some(outbox) = context.pair.outbox_to(terms.to) else {
            let ended = nowhere(context, terms, letters).await;
            self.done.letters.extend(ended);
            return;
        };
        let first = self.keep(first_of_groups(context, terms, letters).await);
        let open = self.keep(eligible(context, terms, first).await);
        let open = self.keep(fitting(context, terms, open).await);
        let going = self.keep(take_turns(context, terms, open).await);
        let ready = self.keep(edited(context, terms, going).await);
        let claimed = self.keep(claim(context, terms, ready).await);
        self.send(claimed, outbox).await;
    }

    /// Puts letters back into the dead-letter queue. What waits in doubt may be there already, and is only put there if it was
    /// named.
    async fn eject(&mut self, letters: Vec<Letter>) {
        let Self { context, terms, .. } = *self;
        self.say_of(&letters, &LetterOutcome::Considered);
        let Some((dead_letters, gauges)) = &context.pair.dead_letters else {
            return self.say_of(&letters, &LetterOutcome::InCustody);
        };
        let open = self.keep(ejectable(context, terms, letters).await);
        let (fitting, limit) = fitting_back(context, gauges, open).await;
        let open = self.keep(fitting);
        let claimed = self.keep(claim_to_eject(context, terms, open, limit).await);
        self.send(claimed, dead_letters).await;
    }

    /// Sends what is claimed, and marks it.
    async fn send(&mut self, claimed: Vec<Claimed>, to: &P::Outbox) {
        let Self { context, terms, done } = self;
        let tell = |SendUpdate { refused, letters }| {
            done.refused = done.refused.take().or(refused);
            done.letters.extend(letters);
        };
        send_and_mark(*context, *terms, claimed, to, tell).await;
    }

    fn say_of(&mut self, letters: &[Letter], outcome: &LetterOutcome) {
        self.done.letters.extend(each(letters.iter().map(|letter| letter.id), outcome));
    }

    fn keep<T>(&mut self, stage: Stage<T>) -> Vec<T> {
        self.done.letters.extend(stage.ended);
        stage.going
    }
}
