//! Erasing letters, and what else in the table was taken from their messages: a cause's example, a job's edit, the keys in the
//! batches of jobs. That goes first, so that whoever erases again after a crash finds the letter that tells where to look.

use std::collections::BTreeSet;

use futures_util::future::try_join_all;
use redrive_core::ids::{JobId, LetterId};
use redrive_core::letters::edges;
use redrive_core::letters::letter::{Body, Letter, Traces};
use redrive_core::letters::policy::Policy;
use redrive_core::ports::{Causes, Clock, Jobs, Unavailable, WriteError};
use redrive_core::replay::Remark;
use redrive_core::replay::job::{Job, steps};
use tracing::warn;

use crate::replay::letter_update::{LetterOutcome, LetterUpdate};
use crate::rounds::ROUNDS;

/// Number of jobs, the latest open and the latest closed ones, that are looked through for edits of letters that they never
/// sent.
const LISTED: usize = 1_000;
/// Number of heads that are read at once.
const WIDTH: usize = 16;

/// Letters of which nothing else is left in the table.
#[derive(Debug, Default)]
pub(super) struct Traceless {
    /// Letters that may be erased now, or stay as they are.
    pub(super) letters: Vec<Letter>,
    /// Outcome of the others.
    pub(super) kept_back: Vec<LetterUpdate>,
    /// Open jobs that keep their patch for other letters.
    pub(super) edits_kept: usize,
}

impl Traceless {
    /// Letters of which everything stays.
    pub(super) fn of(letters: Vec<Letter>) -> Self {
        Self { letters, ..Self::default() }
    }
}

/// Takes away what the table has of these letters' messages beside the letters themselves.
pub(super) async fn forget_traces<T: Jobs + Causes, C: Clock>(
    table: &T,
    clock: &C,
    letters: Vec<Letter>,
    remark: &Remark,
    policy: &Policy,
) -> Traceless {
    let now = clock.now();
    // What is under way keeps everything: it may still be needed.
    let again = |letter: &Letter| matches!(letter.body, Body::Erased { .. });
    let erasable = |letter: &Letter| edges::erase(letter, &remark.note, &remark.by, policy, now).is_ok();
    let (may, ready): (Vec<_>, Vec<_>) = letters.into_iter().partition(|letter| again(letter) || erasable(letter));
    let ids: Vec<_> = may.iter().map(|letter| letter.id).collect();
    let mut forgetting = Forgetting { table, clock, by: &remark.by, kept: BTreeSet::new() };
    let named = forgetting.edits_of(&ids).await;
    let mut traceless = Traceless::of(ready);
    for letter in may {
        let forgotten = match &named {
            Ok(()) => forgetting.traces_of(&letter).await,
            Err(error) => Err(error.clone()),
        };
        match forgotten {
            Ok(()) => traceless.letters.push(letter),
            Err(error) => {
                warn!(letter_id = %letter.id, %error, "letter was not erased");
                let outcomes = [LetterOutcome::Considered, LetterOutcome::Unavailable];
                traceless.kept_back.extend(outcomes.map(|outcome| LetterUpdate::of(letter.id, outcome)));
            }
        }
    }
    Traceless { edits_kept: forgetting.kept.len(), ..traceless }
}

/// An erasure under way.
struct Forgetting<'a, T, C> {
    table: &'a T,
    clock: &'a C,
    by: &'a str,
    /// Jobs that keep their patch.
    kept: BTreeSet<JobId>,
}

impl<T: Jobs + Causes, C: Clock> Forgetting<'_, T, C> {
    /// Takes away what else the table has of one letter.
    async fn traces_of(&mut self, letter: &Letter) -> Result<(), Unavailable> {
        let Traces { letter: id, causes, jobs } = Traces::of(letter);
        for cause in &causes {
            self.table.erase_example(&letter.source, cause, id).await?;
        }
        for job in jobs {
            self.keys_in(job, id).await?;
            self.edit_of(job).await?;
        }
        Ok(())
    }

    /// Takes away the edits of jobs that name one of these letters, whether they sent it or not.
    async fn edits_of(&mut self, letters: &[LetterId]) -> Result<(), Unavailable> {
        if letters.is_empty() {
            return Ok(());
        }
        let (open, closed) = (self.table.jobs(true, LISTED).await?, self.table.jobs(false, LISTED).await?);
        let all = [open, closed].concat();
        for some in all.chunks(WIDTH) {
            let heads = try_join_all(some.iter().map(|id| self.table.job(*id))).await?;
            for job in heads.into_iter().flatten().filter(|job| edits_one_of(job, letters)) {
                self.edit_of(job.id).await?;
            }
        }
        Ok(())
    }

    /// Takes away a job's edit. An open job keeps its patch: other letters would go without it.
    async fn edit_of(&mut self, id: JobId) -> Result<(), Unavailable> {
        for _ in 0..ROUNDS {
            let Some(job) = self.table.job(id).await? else { return Ok(()) };
            let next = match steps::erase_edit(&job, self.by, self.clock.now()) {
                Ok(Some(next)) => next,
                Ok(None) => return Ok(()),
                Err(_) => {
                    self.kept.insert(id);
                    return Ok(());
                }
            };
            match self.table.write_job(next).await {
                Ok(()) => return Ok(()),
                Err(WriteError::Condition(_)) => {}
                Err(WriteError::Unavailable(error)) => return Err(error),
            }
        }
        Err(busy("erase a job's edit"))
    }

    /// Takes away what the batches of a job know of a letter's message.
    async fn keys_in(&self, id: JobId, letter: LetterId) -> Result<(), Unavailable> {
        for _ in 0..ROUNDS {
            let batches = self.table.batches(id, 0).await?;
            let mut changed = false;
            for next in batches.iter().filter_map(|batch| batch.without_keys_of(letter)) {
                match self.table.write_batch(next).await {
                    Ok(()) => {}
                    Err(WriteError::Condition(_)) => changed = true,
                    Err(WriteError::Unavailable(error)) => return Err(error),
                }
            }
            if !changed {
                return Ok(());
            }
        }
        Err(busy("erase the keys of a job"))
    }
}

/// Returns true if a job edits letters, and names one of these.
fn edits_one_of(job: &Job, letters: &[LetterId]) -> bool {
    let named = job.selection.ids().unwrap_or_default();
    job.edit.is_some() && letters.iter().any(|letter| named.contains(letter))
}

fn busy(action: &'static str) -> Unavailable {
    Unavailable { service: "dead-letter table", action, why: format!("it changed {ROUNDS} times in a row") }
}
