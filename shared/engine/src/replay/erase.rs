//! Erasing letters, and what else in the table was taken from their messages: a cause's example, a job's edit, the keys in the
//! batches of jobs. That goes first, so that whoever erases again after a crash finds the letter that tells where to look.

use std::collections::BTreeSet;

use futures_util::future::try_join_all;
use redrive_core::ids::{JobId, LetterId};
use redrive_core::letters::letter::{Body, Letter, Traces};
use redrive_core::letters::policy::Policy;
use redrive_core::ports::{Causes, Clock, Jobs, Unavailable, WriteError};
use redrive_core::replay::Remark;
use redrive_core::replay::job::Job;
use redrive_core::time::Timestamp;
use tracing::warn;

use super::{Ports, ReplayReport, Replayer};
use crate::ROUNDS;

/// So many jobs, the latest open and the latest closed ones, are looked through for edits of letters that they never sent.
const LISTED: usize = 1_000;
/// How many heads are read at once.
const WIDTH: usize = 16;

impl<P: Ports> Replayer<P> {
    /// Takes away what the table has of these letters' messages beside the letters themselves. Answers with those that may be
    /// erased now, or stay as they are.
    pub(super) async fn forget_traces(
        &self,
        letters: Vec<Letter>,
        remark: &Remark,
        policy: &Policy,
        report: &mut ReplayReport,
    ) -> Vec<Letter> {
        let edge = |letter: &Letter, now: Timestamp| letter.erased(&remark.note, &remark.by, policy, now).ok();
        let now = self.world.now();
        // What is under way keeps everything: it may still be needed.
        let again = |letter: &Letter| matches!(letter.body, Body::Erased { .. });
        let may = |letter: &Letter| again(letter) || edge(letter, now).is_some();
        let (may, mut ready): (Vec<_>, Vec<_>) = letters.into_iter().partition(may);
        let ids: Vec<_> = may.iter().map(|letter| letter.id).collect();
        let mut kept = BTreeSet::new();
        let named = self.forget_edits(&ids, &remark.by, &mut kept).await;
        for letter in may {
            let forgotten = match &named {
                Ok(()) => self.forget(&letter, &remark.by, &mut kept).await,
                Err(error) => Err(error.clone()),
            };
            match forgotten {
                Ok(()) => ready.push(letter),
                Err(error) => {
                    warn!(letter_id = %letter.id, %error, "letter was not erased");
                    report.considered += 1;
                    report.unavailable += 1;
                }
            }
        }
        report.edits_kept += kept.len();
        ready
    }

    /// Takes away what else the table has of one letter; which jobs keep their patch is added to `kept`.
    async fn forget(&self, letter: &Letter, by: &str, kept: &mut BTreeSet<JobId>) -> Result<(), Unavailable> {
        let Traces { letter: id, causes, jobs } = Traces::of(letter);
        for cause in &causes {
            self.letters.erase_example(&letter.source, cause, id).await?;
        }
        for job in jobs {
            self.forget_keys(job, id).await?;
            if !self.forget_edit(job, by).await? {
                kept.insert(job);
            }
        }
        Ok(())
    }

    /// The same of jobs that name one of these letters and edit it, whether they sent it or not.
    async fn forget_edits(
        &self,
        letters: &[LetterId],
        by: &str,
        kept: &mut BTreeSet<JobId>,
    ) -> Result<(), Unavailable> {
        if letters.is_empty() {
            return Ok(());
        }
        let (open, closed) = (self.letters.jobs(true, LISTED).await?, self.letters.jobs(false, LISTED).await?);
        let all = [open, closed].concat();
        for some in all.chunks(WIDTH) {
            let heads = try_join_all(some.iter().map(|id| self.letters.job(*id))).await?;
            for job in heads.into_iter().flatten().filter(|job| edits_one_of(job, letters)) {
                if !self.forget_edit(job.id, by).await? {
                    kept.insert(job.id);
                }
            }
        }
        Ok(())
    }

    /// Whether nothing is left of a job's edit. An open job keeps its patch: other letters would go without it.
    async fn forget_edit(&self, id: JobId, by: &str) -> Result<bool, Unavailable> {
        for _ in 0..ROUNDS {
            let Some(job) = self.letters.job(id).await? else { return Ok(true) };
            let next = match job.without_edit(by, self.world.now()) {
                Ok(Some(next)) => next,
                Ok(None) => return Ok(true),
                Err(_) => return Ok(false),
            };
            match self.letters.write_job(next).await {
                Ok(()) => return Ok(true),
                Err(WriteError::Condition(_)) => {}
                Err(WriteError::Unavailable(error)) => return Err(error),
            }
        }
        Err(busy("erase a job's edit"))
    }

    async fn forget_keys(&self, id: JobId, letter: LetterId) -> Result<(), Unavailable> {
        for _ in 0..ROUNDS {
            let batches = self.letters.batches(id, 0).await?;
            let mut changed = false;
            for next in batches.iter().filter_map(|batch| batch.without_keys_of(letter)) {
                match self.letters.write_batch(next).await {
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

/// Whether a job edits letters, and names one of these.
fn edits_one_of(job: &Job, letters: &[LetterId]) -> bool {
    let named = job.selection.ids().unwrap_or_default();
    job.edit.is_some() && letters.iter().any(|letter| named.contains(letter))
}

fn busy(action: &'static str) -> Unavailable {
    Unavailable { service: "dead-letter table", action, why: format!("it changed {ROUNDS} times in a row") }
}
