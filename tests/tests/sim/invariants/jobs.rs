//! Replay jobs: what one may do, and what it must know in the end.

use std::collections::BTreeSet;

use redrive_core::letters::letter::{Letter, Status};
use redrive_core::replay::job::{Disposition, Job, JobEntry, JobState};

use super::{Checker, Invariant};
use crate::actors::World;

impl Checker {
    /// A claim was made: a job's second one of a letter can only be a claim of its own that ran out.
    pub(super) fn claimed_for_a_job(&mut self, name: &str, before: &Letter, after: &Letter) {
        // A claim to eject is of no job: it writes no send down, and the last one is an earlier claim's.
        let Some(job) = after.sends.last_job().filter(|_| !after.is_ejecting()) else { return };
        let taken_over = before.status == Status::Replaying && before.sends.last_job() == Some(job);
        self.must(taken_over || before.sends.of_job(job).is_none(), Invariant::OnceAJob, || {
            format!("{name} was claimed by job {job}, which had sent it before")
        });
    }

    pub(super) fn jobs_rest(&mut self, world: &World) {
        for job in world.letters.inner.all_jobs() {
            let batches = world.letters.inner.all_batches(job.id);
            let lines: Vec<_> =
                batches.iter().filter(|batch| batch.n < job.batches).flat_map(|batch| &batch.lines).collect();
            self.job_rests(&job, &lines);
        }
    }

    fn job_rests(&mut self, job: &Job, lines: &[&JobEntry]) {
        let name = job.name();
        let paused = matches!(job.state, JobState::Paused { .. });
        self.must(paused || !job.is_open(), Invariant::Rest, || format!("{name} is still {}", job.state.as_str()));
        if !job.is_open() {
            let counted = usize::try_from(job.account.total()).unwrap_or(usize::MAX);
            let of = |disposition| {
                u32::try_from(lines.iter().filter(|line| line.disposition == disposition).count()).unwrap_or(u32::MAX)
            };
            let same = lines
                .iter()
                .all(|line| line.disposition.is_final() && job.account.of(line.disposition) == of(line.disposition));
            self.must(same && counted == lines.len(), Invariant::JobsAccount, || {
                format!("{name} accounts for {counted} letters of {}: {:?}, {lines:?}", lines.len(), job.account)
            });
        }
        let sent: Vec<_> = lines.iter().filter(|line| line.disposition.is_sent()).map(|line| line.letter).collect();
        let letters: BTreeSet<_> = sent.iter().collect();
        self.must(letters.len() == sent.len(), Invariant::JobsAccount, || format!("{name} has a letter twice"));
        for line in lines.iter().filter(|line| line.disposition == Disposition::Resolved) {
            let letter = self.letters.get(&line.letter).cloned();
            let done = letter.is_some_and(|letter| self.has_effect(&letter));
            self.must(done, Invariant::JobsAccount, || {
                format!("{name} calls letter {} resolved, and no effect of it happened", line.letter)
            });
        }
    }
}
