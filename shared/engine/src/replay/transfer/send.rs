//! Batches of claimed letters, sent several at once, and marked as SQS answers.

use futures_util::future::{Either, select};
use futures_util::stream::FuturesUnordered;
use futures_util::{StreamExt, stream};
use redrive_core::ids::MessageId;
use redrive_core::ports::{Outbox, WRITES_A_CALL};
use tracing::warn;

use super::claim::Claimed;
use super::mark::{Answered, mark};
use super::request::Terms;
use crate::batches::batches;
use crate::replay::context::PairContext;
use crate::replay::letter_update::{LetterOutcome, LetterUpdate};
use crate::replay::ports::ReplayPorts;

/// Number of batches that are sent at once.
const SENDS: usize = 10;

/// Outcome of some sends or marks.
#[derive(Debug, Default)]
pub(super) struct SendUpdate {
    /// Code with which every one of a batch was refused: then the queue is the matter, and not the letters.
    pub(super) refused: Option<String>,
    pub(super) letters: Vec<LetterUpdate>,
}

/// A batch after its send.
#[derive(Debug, Default)]
struct SentBatch {
    sends: SendUpdate,
    /// Letters that SQS has answered about.
    answered: Vec<Answered>,
}

/// Sends what is claimed in batches, several at once, and marks what was answered. Marks share calls: as many letters as fill
/// one are marked at once, and fewer wait for no more than the marks that are under way. Tells of everything as it comes.
pub(super) async fn send_and_mark<P: ReplayPorts>(
    context: PairContext<'_, P>,
    terms: Terms<'_>,
    claimed: Vec<Claimed>,
    to: &P::Outbox,
    mut tell: impl FnMut(SendUpdate) + Send,
) {
    let sends = batches(claimed, |claimed| claimed.message.bytes());
    let sends = sends.into_iter().map(|batch| send_batch(context, terms, batch, to));
    // What is answered at the same time is marked together.
    let mut sends = std::pin::pin!(stream::iter(sends).buffer_unordered(SENDS).ready_chunks(SENDS).fuse());
    let (mut marks, mut answered) = (FuturesUnordered::new(), Vec::new());
    loop {
        // As many as share a call wait for no others.
        while answered.len() >= WRITES_A_CALL || marks.is_empty() && !answered.is_empty() {
            let rest = answered.split_off(answered.len().min(WRITES_A_CALL));
            marks.push(mark(context, terms, std::mem::replace(&mut answered, rest)));
        }
        let (sent, marked) = match select(sends.next(), marks.next()).await {
            Either::Left((Some(sent), _)) => (Some(sent), None),
            Either::Left((None, marks)) => (None, marks.await),
            Either::Right((Some(marked), _)) => (None, Some(marked)),
            Either::Right((None, sends)) => (sends.await, None),
        };
        if sent.is_none() && marked.is_none() {
            return;
        }
        for batch in sent.into_iter().flatten() {
            answered.extend(batch.answered);
            tell(batch.sends);
        }
        if let Some(letters) = marked {
            tell(SendUpdate { refused: None, letters });
        }
    }
}

async fn send_batch<P: ReplayPorts>(
    context: PairContext<'_, P>,
    terms: Terms<'_>,
    batch: Vec<Claimed>,
    to: &P::Outbox,
) -> SentBatch {
    let in_doubt = |claimed: &Claimed| {
        LetterUpdate::of(claimed.letter.id, LetterOutcome::InDoubt).about(terms.send_of(&claimed.letter))
    };
    // Whoever was held up for longer than the lease must not send: another has taken over.
    let now = context.now();
    let (batch, late): (Vec<_>, Vec<_>) = batch.into_iter().partition(|claimed| claimed.letter.due > now);
    let mut sends = SendUpdate { refused: None, letters: late.iter().map(in_doubt).collect() };
    if batch.is_empty() {
        return SentBatch { sends, answered: Vec::new() };
    }
    let messages = batch.iter().map(|claimed| claimed.message.clone()).collect();
    match to.send(messages).await {
        Ok(answers) => {
            sends.refused = refused_alike(&answers);
            let answered = batch.into_iter().zip(answers).map(|(claimed, answer)| Answered::new(claimed, answer));
            SentBatch { sends, answered: answered.collect() }
        }
        Err(error) => {
            warn!(%error, count = batch.len(), "send was not answered; the letters stay claimed");
            sends.letters.extend(batch.iter().map(in_doubt));
            SentBatch { sends, answered: Vec::new() }
        }
    }
}

/// Code with which every one of a batch was refused, if it was.
fn refused_alike(answers: &[Result<MessageId, String>]) -> Option<String> {
    let first = answers.first()?.as_ref().err()?;
    let alike = answers.len() > 1 && answers.iter().all(|answer| answer.as_ref().err() == Some(first));
    alike.then(|| first.clone())
}
