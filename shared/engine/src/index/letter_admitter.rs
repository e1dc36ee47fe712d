//! Letters of dead messages, wherever these were read: everything that the tables know is looked up, it is decided, and written.

use std::collections::{HashMap, HashSet};

use redrive_core::ids::{MessageId, ReceiptHandle};
use redrive_core::letters::admission::{Admission, admit};
use redrive_core::letters::cause::{Cause, Recorded};
use redrive_core::letters::letter::{Letter, LetterWrite, Status};
use redrive_core::ports::{Causes, Clock, LedgerReader, Letters, Turns, WriteError};
use redrive_core::replay::Entering;
use tokio::time::Instant;
use tracing::{info, warn};

use super::dead::Dead;
use super::look_up::look_up;
use super::run::DrainMemory;
use super::sources::{IndexedSource, OfOne};
use crate::group_places;
use crate::rounds::ROUNDS;

/// Writes dead messages down as letters.
#[derive(Debug)]
pub(super) struct LetterAdmitter<R, T, C> {
    pub(super) letters: T,
    pub(super) clock: C,
    /// The queues whose dead letters it writes, at least one.
    pub(super) sources: Vec<IndexedSource<R>>,
}

impl<R, T, C> LetterAdmitter<R, T, C>
where
    R: LedgerReader,
    T: Letters + Causes + Turns,
    C: Clock,
{
    /// Looks up, decides and writes; returns the messages that the table knows now.
    pub(super) async fn admit(&self, fresh: Vec<OfOne>, run: &DrainMemory) -> Vec<(MessageId, ReceiptHandle)> {
        let mut dead = Vec::new();
        for of_one in fresh {
            dead.extend(look_up(&self.sources, &self.letters, of_one, run).await);
        }
        self.write_in_order(dead, run).await
    }

    /// Writes down what is left of the run's causes.
    pub(super) async fn record_open_causes(&self, run: &DrainMemory, deadline: Instant) {
        let causes = run.open_causes();
        let count = causes.len();
        let failed = tokio::time::timeout_at(deadline, self.record(causes, run)).await;
        run.count(|report| report.unrecorded_causes += failed.map_or(count, |failed| failed.len()));
    }

    /// Writes letters, those of a FIFO queue's group one after the other: if one of them cannot be written, those behind it stay in
    /// the dead-letter queue, too. So of a group the letter that comes first in order is there first.
    async fn write_in_order(&self, dead: Vec<Dead>, run: &DrainMemory) -> Vec<(MessageId, ReceiptHandle)> {
        let (mut ranks, mut met): (Vec<Vec<Dead>>, HashMap<String, usize>) = (Vec::new(), HashMap::new());
        for dead in dead {
            let envelope = &dead.inspected.envelope;
            let group = envelope.group.as_ref().filter(|_| envelope.sequence.is_some());
            let rank = group.map_or(0, |group| {
                let next = met.entry(group.clone()).or_default();
                *next += 1;
                *next - 1
            });
            ranks.resize_with(ranks.len().max(rank + 1), Vec::new);
            ranks[rank].push(dead);
        }
        let (mut known, mut stuck) = (Vec::new(), HashSet::new());
        for mut rank in ranks {
            let before = rank.len();
            rank.retain(|dead| dead.inspected.envelope.group.as_ref().is_none_or(|group| !stuck.contains(group)));
            run.count(|report| report.unavailable += before - rank.len());
            let of = |dead: &Dead| (dead.inspected.envelope.message_id.clone(), dead.inspected.envelope.group.clone());
            let all: Vec<_> = rank.iter().map(of).collect();
            let written = self.write(rank, run).await;
            let done: HashSet<_> = written.iter().map(|(id, _)| id.clone()).collect();
            stuck.extend(all.into_iter().filter(|(id, _)| !done.contains(id)).filter_map(|(_, group)| group));
            known.extend(written);
        }
        known
    }

    /// Writes what is decided, deciding again where something changed meanwhile; returns the messages that the table
    /// knows now.
    ///
    /// Rule R29 of docs/protocol.md.
    async fn write(&self, mut open: Vec<Dead>, run: &DrainMemory) -> Vec<(MessageId, ReceiptHandle)> {
        let mut known = Vec::with_capacity(open.len());
        for _ in 0..ROUNDS {
            let (mut admitted, mut writes) = (Vec::new(), Vec::new());
            for dead in open {
                let IndexedSource { reading, policy, .. } = &self.sources[dead.source];
                match admit(&dead.inspected, &dead.found, reading, policy, self.clock.now()) {
                    Admission::Create(letter) => {
                        writes.push(LetterWrite::create(*letter));
                        admitted.push(dead);
                    }
                    Admission::Change(letter) => {
                        writes.push(LetterWrite::change(*letter));
                        admitted.push(dead);
                    }
                    Admission::Delete => known.push(handle(&dead)),
                    Admission::Leave(why) => {
                        info!(message_id = %dead.inspected.envelope.message_id, ?why, "message stays in the dead-letter queue");
                        run.count(|report| report.leave(why));
                    }
                }
            }
            if writes.is_empty() {
                return known;
            }
            let (admitted, writes) = self.entered(admitted, writes, run).await;
            // A cause first, so that none is missing that a letter names.
            let now = self.clock.now();
            let policy = |dead: &Dead| &self.sources[dead.source].policy;
            let sightings =
                admitted.iter().zip(&writes).filter_map(|(dead, write)| Cause::of(&write.letter, policy(dead), now));
            run.put_back(self.record(run.merge(sightings), run).await);
            let answers = self.letters.write(writes.clone()).await;
            open = Vec::new();
            for ((mut dead, write), answer) in admitted.into_iter().zip(writes).zip(answers) {
                match answer {
                    // A lost answer: what is found is what was written.
                    Err(WriteError::Condition(Some(found))) if *found == write.letter => {
                        known.push(settled(&dead, &write, run))
                    }
                    Ok(()) => known.push(settled(&dead, &write, run)),
                    Err(WriteError::Condition(found)) => {
                        dead.found.saw(&dead.inspected, write.letter.id, found.map(|letter| *letter));
                        open.push(dead);
                    }
                    Err(WriteError::Unavailable(error)) => {
                        warn!(message_id = %dead.inspected.envelope.message_id, %error, "letter was not written");
                        run.count(|report| report.unavailable += 1);
                    }
                }
            }
        }
        run.count(|report| report.unavailable += open.len());
        known
    }

    /// Enters letters that are to wait in their FIFO groups. Leaves out those that could not be entered: they stay in the queue.
    async fn entered(
        &self,
        admitted: Vec<Dead>,
        writes: Vec<LetterWrite>,
        run: &DrainMemory,
    ) -> (Vec<Dead>, Vec<LetterWrite>) {
        let waiting = admitted.iter().zip(&writes).filter(|(_, write)| write.letter.status == Status::Pending);
        let entering = waiting.map(|(dead, LetterWrite { letter, .. })| {
            let former = dead.found.letter(letter.id).and_then(|former| former.sequence.as_deref());
            Entering { letter, former }
        });
        let places = group_places::enter(&self.letters, entering, self.clock.now()).await;
        let before = admitted.len();
        let kept = admitted.into_iter().zip(writes).filter(|(_, write)| !places.left.contains(&write.letter.id));
        let placed = |write: LetterWrite| LetterWrite { letter: places.placed(write.letter), ..write };
        let (admitted, writes): (Vec<_>, Vec<_>) = kept.map(|(dead, write)| (dead, placed(write))).unzip();
        run.count(|report| report.unavailable += before - admitted.len());
        (admitted, writes)
    }

    /// Writes sightings down, and gives those back that were not written. They keep no letter out.
    async fn record(&self, sightings: Vec<Cause>, run: &DrainMemory) -> Vec<Cause> {
        let mut failed = Vec::new();
        if sightings.is_empty() {
            return failed;
        }
        let answers = self.letters.record(sightings.clone(), self.clock.now()).await;
        for (cause, answer) in sightings.into_iter().zip(answers) {
            let (fingerprint, error_type) = (&cause.fingerprint, cause.error_type.as_str());
            match answer {
                Ok(Recorded::Known) => {}
                Ok(Recorded::New) => {
                    let letter_id = cause.example;
                    warn!(fingerprint, error_type, %letter_id, "messages die of a new cause");
                    run.count(|report| report.new_fingerprints += 1);
                }
                Err(error) => {
                    warn!(%error, fingerprint, "cause was not recorded");
                    failed.push(cause);
                }
            }
        }
        failed
    }
}

/// Counts and logs a letter that was written.
fn settled(dead: &Dead, write: &LetterWrite, run: &DrainMemory) -> (MessageId, ReceiptHandle) {
    log(dead, &write.letter);
    run.count(|report| report.count(&write.letter, write.replaces.is_none()));
    handle(dead)
}

fn handle(dead: &Dead) -> (MessageId, ReceiptHandle) {
    (dead.inspected.envelope.message_id.clone(), dead.inspected.envelope.receipt_handle.clone())
}

fn log(dead: &Dead, letter: &Letter) {
    let (message_id, letter_id, status) = (&dead.inspected.envelope.message_id, letter.id, letter.status);
    let (error_type, fingerprint) = (letter.reason.error_type.as_str(), &letter.fingerprint);
    let (deaths, attempts) = (letter.deaths, letter.reason.attempt_count);
    info!(%message_id, %letter_id, %status, error_type, fingerprint, deaths, attempts, "message indexed");
}
