//! A batch of a job brought forward: its planned letters are sent, and what became of those that were sent is found out.

use std::collections::HashMap;
use std::sync::Arc;

use redrive_core::ids::LetterId;
use redrive_core::letters::letter::Letter;
use redrive_core::replay::ReplayOptions;
use redrive_core::replay::job::{Disposition, GroupQueue, Job, JobBatch, JobEntry, JobState, SentLetter, Stop, passes};

use super::blocked::lines_behind;
use super::entries::{ids, line_of, take_over, worn_out};
use super::observe::{Observed, observe};
use super::write::{Halt, write_batch};
use crate::replay::context::PairContext;
use crate::replay::letter_update::LetterUpdate;
use crate::replay::ports::ReplayPorts;
use crate::replay::scan::letter_reads::{LetterRead, LetterReads};
use crate::replay::transfer::request::{JobClaims, TransferRequest};
use crate::replay::transfer::{Transferred, transfer};

/// A job as it stands while some of its batches are worked on.
pub(super) struct BatchWork<'a, P: ReplayPorts> {
    context: PairContext<'a, P>,
    job: Arc<Job>,
}

impl<P: ReplayPorts> Clone for BatchWork<'_, P> {
    fn clone(&self) -> Self {
        Self { context: self.context, job: Arc::clone(&self.job) }
    }
}

/// Outcome of the work on a batch.
pub(super) struct Advance {
    /// Place of the batch among the open ones.
    pub(super) place: usize,
    pub(super) updates: Vec<LetterUpdate>,
    /// Reason to stop the job: SQS refused in a way that does not pass, or does not end.
    pub(super) stop: Option<Stop>,
    /// The batch as it was written.
    pub(super) batch: Result<JobBatch, Halt>,
}

/// Outcome of the transfers of a batch.
#[derive(Debug, Default)]
struct Exchange {
    lines: Vec<JobEntry>,
    updates: Vec<LetterUpdate>,
    /// Code with which SQS refused a whole batch.
    refused: Option<String>,
    /// Reason why it came to no end.
    halt: Option<Halt>,
}

impl Exchange {
    fn and(mut self, other: Self) -> Self {
        self.lines.extend(other.lines);
        self.updates.extend(other.updates);
        Self { refused: other.refused.or(self.refused), halt: other.halt.or(self.halt), ..self }
    }
}

impl<'a, P: ReplayPorts> BatchWork<'a, P> {
    pub(super) fn new(context: PairContext<'a, P>, job: &Job) -> Self {
        Self { context, job: Arc::new(job.clone()) }
    }

    /// Finds out what is known of a batch's letters now; those that are planned are sent, if the job runs, and those again that SQS
    /// refused for now.
    pub(super) async fn advance(self, place: usize, batch: JobBatch, queue: &GroupQueue, limit: usize) -> Advance {
        let (context, job, now) = (self.context, &self.job, self.context.now());
        let mut lines = batch.lines.clone();
        let runs = job.state.runs();
        let mut planned = ids(&lines, |line| line.is_next(now) || line.disposition == Disposition::Retrying && !runs);
        let paid = planned.len();
        // Of what stood behind others at most `limit` may go.
        planned.extend(ids(&lines, |line| queue.concerns(line, job, limit > 0)));
        let limit = limit.saturating_add(paid);
        let Exchange { lines: sent, mut updates, mut refused, halt } =
            self.send_planned((&planned, &lines), queue, limit).await;
        let halted = |updates, halt| Advance { place, updates, stop: None, batch: Err(halt) };
        if let Some(halt) = halt {
            return halted(updates, halt);
        }
        take_over(&mut lines, sent, now);
        let Observed { lines: mut observed, lapsed } = match observe(context, job, &lines).await {
            Ok(observed) => observed,
            Err(error) => return halted(updates, error.into()),
        };
        if !lapsed.is_empty() {
            let again = self.send(lapsed, queue, limit).await;
            updates.extend(again.updates);
            if let Some(halt) = again.halt {
                return halted(updates, halt);
            }
            refused = again.refused.or(refused);
            observed.extend(again.lines);
        }
        take_over(&mut lines, observed, now);
        let stop = refused.filter(|code| !passes(code)).map(|code| Stop::Refused { code });
        let stop = stop.or_else(|| worn_out(&batch, &lines));
        let expires = Job::batch_expires(&context.pair.policy, context.now());
        let batch = match batch.with(lines, expires) {
            Some(next) => write_batch(context.letters, next).await.map_err(Halt::from),
            None => Ok(batch),
        };
        Advance { place, updates, stop, batch }
    }

    /// Sends the planned letters of a batch that this job has not sent yet: all together, or as many as memory allows.
    async fn send_planned(
        &self,
        (planned, lines): (&[LetterId], &[JobEntry]),
        queue: &GroupQueue,
        mut limit: usize,
    ) -> Exchange {
        let shown: HashMap<_, _> = lines.iter().filter_map(|line| Some((line.letter, line.shown?))).collect();
        let (mut done, mut fresh) = (Exchange::default(), Vec::new());
        let mut reads = LetterReads::of(planned);
        while let Some(LetterRead { ids, letters }) = reads.next(self.context.letters).await {
            let letters = match letters {
                Ok(letters) => letters,
                Err(error) => return Exchange { halt: Some(error.into()), ..done },
            };
            for (id, letter) in ids.iter().zip(letters) {
                match self.fresh(*id, letter, shown.get(id).copied()) {
                    Fresh::Goes(letter) => fresh.push(*letter),
                    Fresh::Waits => {}
                    Fresh::Line(line) => {
                        limit = limit.saturating_sub(usize::from(line.disposition == Disposition::Sent));
                        done.lines.push(*line);
                    }
                }
            }
            if reads.is_full() && !fresh.is_empty() {
                let sent = self.send(std::mem::take(&mut fresh), queue, limit).await;
                limit = limit.saturating_sub(sent.lines.iter().filter(|line| line.disposition.is_sent()).count());
                done = done.and(sent);
                if done.halt.is_some() || done.refused.is_some() {
                    return done;
                }
            }
        }
        if fresh.is_empty() { done } else { done.and(self.send(fresh, queue, limit).await) }
    }

    /// Next step for a planned letter, as it was read.
    fn fresh(&self, id: LetterId, letter: Option<Letter>, shown: Option<u64>) -> Fresh {
        let job = &self.job;
        let line = |disposition, sent| Fresh::Line(Box::new(JobEntry { disposition, sent, ..JobEntry::planned(id) }));
        match letter {
            None => line(Disposition::NotFound, None),
            Some(letter) if letter.sends.of_job(job.id).is_some() => {
                line(Disposition::Sent, SentLetter::of(&letter, job.id))
            }
            Some(letter) if !job.means(&letter, shown) => line(Disposition::ChangedMeanwhile, None),
            Some(_) if self.is_over() => line(Disposition::NotReached, None),
            Some(letter) if job.state.runs() => Fresh::Goes(Box::new(letter)),
            Some(_) => Fresh::Waits,
        }
    }

    /// Transfers letters in the name of the job.
    async fn send(&self, letters: Vec<Letter>, queue: &GroupQueue, limit: usize) -> Exchange {
        let Job { id, by, selection, .. } = &*self.job;
        let (name, options) = (self.job.name(), options_of(&self.job));
        let claims = JobClaims { id: *id, name: &name, by, named: selection.is_named(), options: &options, limit };
        let sent = transfer(self.context, TransferRequest::job(claims), letters).await;
        let Transferred { letters: mut updates, refused, cut } = sent;
        if cut {
            return Exchange { updates, refused, halt: Some(Halt::OutOfTime), lines: Vec::new() };
        }
        let mut lines: Vec<_> = updates.iter().filter_map(line_of).collect();
        let behind = lines_behind(self.context, queue, &updates).await;
        updates.extend(behind.updates);
        lines.extend(behind.found);
        Exchange { lines, updates, refused, halt: None }
    }

    /// Returns true if the job has ended so long ago that no run of it can still be sending.
    fn is_over(&self) -> bool {
        let job = &self.job;
        let ended = job.history.last().map_or(job.created_at, |event| event.at);
        let over = !job.state.runs() && !matches!(job.state, JobState::Paused { .. });
        over && self.context.now() > ended.after(self.context.settings.lease)
    }
}

/// Step for a planned letter.
enum Fresh {
    /// The job sends it now.
    Goes(Box<Letter>),
    /// The job does not run.
    Waits,
    /// The letter does not go, as its line says.
    Line(Box<JobEntry>),
}

/// Terms on which a job's letters are sent.
fn options_of(job: &Job) -> ReplayOptions {
    ReplayOptions {
        forgotten_ok: job.guard.forgotten_ok,
        as_new: job.guard.as_new,
        edit: job.edit.clone(),
        allow_key_change: job.guard.allow_key_change,
        after_replayed: job.guard.after_replayed,
        to: job.to.clone(),
    }
}
