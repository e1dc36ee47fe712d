//! Letters that a job which has ended never sent, for a new job.

use std::collections::{BTreeMap, HashMap, HashSet};

use redrive_core::ids::{JobId, LetterId};
use redrive_core::letters::letter::Status;
use redrive_core::ports::{Jobs, Letters, Unavailable};
use redrive_core::replay::job::{Disposition, Job, JobEntry, JobState};
use redrive_core::replay::{Look, Selection, Shown};
use thiserror::Error;

use crate::walk::{Wanted, look};

/// Most bytes of a reason that are kept.
const WHY: usize = 1_024;

/// A job that has ended, and what it never sent.
#[derive(Debug, Clone)]
pub struct JobRest {
    /// Head of the job.
    pub job: Job,
    /// Letters that it never sent, each in its version now.
    pub letters: BTreeMap<LetterId, u64>,
    /// Letters that it had planned, and of which it is not known yet that they were never sent: they are not among the others.
    pub undecided: usize,
}

/// Reason for which there is no rest of a job.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NoRest {
    /// No job has that id.
    #[error("there is no job {0}: `redrive jobs` lists them")]
    NotFound(JobId),
    /// The job has not ended.
    #[error("job {0} is {1}: it sends the rest itself, unless you cancel it first")]
    GoesOn(JobId, &'static str),
    /// Nothing of the job's letters waits as it was.
    #[error("job {0} never left out a letter that still waits as it was; `redrive list --job {0}` has what failed")]
    Nothing(JobId),
    /// The table did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Proof that a letter is as it was when the job was asked for.
#[derive(Debug, Clone, Copy)]
enum Unchanged {
    /// The job named the letter by its id, or planned it: any version.
    Any,
    /// The version that was shown.
    Version(u64),
    /// Last change before the filter's instant.
    Instant,
}

impl JobRest {
    /// Finds what a job never sent: it waits, and nobody has changed it since the job was asked for.
    ///
    /// # Errors
    ///
    /// [`NoRest`] if the job is not there, has not ended, or left nothing.
    pub async fn of<T: Letters + Jobs>(table: &T, id: JobId) -> Result<Self, NoRest> {
        let job = table.job(id).await?.ok_or(NoRest::NotFound(id))?;
        if !matches!(job.state, JobState::Stopped { .. } | JobState::Cancelled | JobState::Done) {
            return Err(NoRest::GoesOn(id, job.state.as_str()));
        }
        let batches = table.batches(id, 0).await?.into_iter().filter(|batch| batch.n < job.batches);
        let lines: Vec<_> = batches.flat_map(|batch| batch.lines).collect();
        let mut candidates = selected(table, &job).await?;
        // What the job came to and never sent waits as it is; whatever else it came to is not its rest.
        let met: HashSet<_> = lines.iter().map(|line| line.letter).collect();
        candidates.retain(|id, _| !met.contains(id));
        candidates.extend(lines.iter().filter(|line| is_left(line)).map(|line| (line.letter, Unchanged::Any)));
        let ids: Vec<_> = candidates.keys().copied().collect();
        let looks = look(table, &ids).await?.into_iter().flatten();
        let waits = |look: &Look| {
            let unchanged = candidates.get(&look.candidate.id);
            look.candidate.status == Status::Pending && unchanged.is_some_and(|unchanged| unchanged.holds(&job, look))
        };
        let letters: BTreeMap<_, _> = looks.filter(waits).map(|look| (look.candidate.id, look.version)).collect();
        let undecided = lines.iter().filter(|line| is_undecided(line)).count();
        if letters.is_empty() && undecided == 0 {
            return Err(NoRest::Nothing(id));
        }
        Ok(Self { job, letters, undecided })
    }

    /// Selection of exactly these letters.
    pub fn selection(&self) -> Selection {
        Selection::Shown(Shown { letters: self.letters.clone(), named: self.job.selection.is_named() })
    }

    /// Reason for the new job, if none is given: that of the old one, and whose it was.
    pub fn why(&self) -> String {
        let Job { id, by, why, .. } = &self.job;
        let why = why.as_ref().map_or(String::new(), |why| format!(": {why}"));
        let mut reason = format!("the rest of job {id} by {by}{why}");
        reason.truncate(reason.floor_char_boundary(WHY));
        reason
    }
}

impl Unchanged {
    fn holds(self, job: &Job, look: &Look) -> bool {
        match (self, &job.selection) {
            (Self::Any, _) => true,
            (Self::Version(version), _) => version == look.version,
            (Self::Instant, Selection::Filter(filter)) => {
                filter.fits(&look.candidate) && filter.is_unchanged_at(look.candidate.id, look.changed_at, look.version)
            }
            (Self::Instant, _) => false,
        }
    }
}

const fn is_left(line: &JobEntry) -> bool {
    matches!(line.disposition, Disposition::NotReached | Disposition::HeldUp)
}

const fn is_undecided(line: &JobEntry) -> bool {
    matches!(line.disposition, Disposition::Planned | Disposition::Behind | Disposition::Retrying)
}

/// Letters that a job means, as far as an index or its lists show them.
async fn selected<T: Letters + Jobs>(table: &T, job: &Job) -> Result<HashMap<LetterId, Unchanged>, Unavailable> {
    Ok(match &job.selection {
        Selection::Ids(ids) => ids.iter().map(|id| (*id, Unchanged::Any)).collect(),
        Selection::Shown(shown) => {
            shown.letters.iter().map(|(id, version)| (*id, Unchanged::Version(*version))).collect()
        }
        Selection::Filter(filter) => {
            let wanted = Wanted { filter: filter.clone(), statuses: vec![Status::Pending] };
            let found = wanted.sums(table, |ids: &mut Vec<LetterId>, one| ids.push(one.id)).await?;
            found.concat().into_iter().map(|id| (id, Unchanged::Instant)).collect()
        }
        Selection::Listed(listed) => {
            let mut all = HashMap::new();
            for n in 0..listed.parts() {
                // A list that never got whole ends here.
                let Some(part) = table.list_part(job.id, n).await? else { break };
                all.extend(part.letters.into_iter().map(|(id, version)| (id, Unchanged::Version(version))));
            }
            all
        }
    })
}

#[cfg(test)]
mod tests {
    use redrive_core::replay::LetterList;
    use redrive_core::replay::job::{JobBatch, JobCursor, ListPart};
    use redrive_testkit::ModelLetters;

    use super::*;
    use crate::samples;

    async fn table(job: &Job) -> ModelLetters {
        let table = ModelLetters::new();
        samples::letters().into_iter().for_each(|letter| table.force(letter));
        table.write_job(Job { version: 1, ..job.clone() }).await.unwrap();
        table
    }

    #[tokio::test]
    async fn the_rest_of_a_job_is_what_it_never_sent_and_nobody_has_changed() {
        let letters = samples::letters();
        let stopped = samples::stopped(&ModelLetters::new(), &letters).await;
        let table = table(&stopped.job).await;
        samples::stopped(&table, &letters).await;
        let rest = JobRest::of(&table, stopped.job.id).await.unwrap();
        let has = |n: usize| rest.letters.contains_key(&letters[n].id);
        assert!(has(11) && has(36), "one that it came to and did not reach, and one that it never came to");
        assert!(!has(0) && !has(4) && !has(10), "failed, done and refused ones");
        // Of 37 letters 9 were sent and one was refused; the others of this class failed after the job was asked for.
        assert_eq!((rest.letters.len(), rest.undecided), (27, 0));
        assert!(rest.why().ends_with("ann: fixed in 42") && rest.why().contains(&stopped.job.id.to_string()));
        assert!(!rest.selection().is_named(), "chosen by a filter, as before");
    }

    #[tokio::test]
    async fn the_rest_of_a_listed_job_is_what_is_still_in_the_version_that_was_shown() {
        let letters = samples::letters();
        let listed = LetterList { source_topic: letters[0].source.clone(), letters: 3, named: true };
        let ended = samples::job(3, JobState::Cancelled, &[]).job;
        let job = Job { selection: Selection::Listed(listed), batches: 1, ..ended };
        let table = table(&job).await;
        let shown = |n: usize, more: u64| (letters[n].id, letters[n].version + more);
        let part =
            ListPart { job: job.id, n: 0, letters: vec![shown(0, 0), shown(1, 0), shown(2, 1)], expires: samples::NOW };
        table.write_list_part(part).await.unwrap();
        let line = JobEntry { disposition: Disposition::Planned, ..JobEntry::planned(letters[0].id) };
        table.write_batch(JobBatch::new(job.id, 0, vec![line], JobCursor::default(), samples::NOW)).await.unwrap();
        let rest = JobRest::of(&table, job.id).await.unwrap();
        assert_eq!((rest.letters.keys().copied().collect::<Vec<_>>(), rest.undecided), (vec![letters[1].id], 1));
        assert!(rest.selection().is_named());
    }

    #[tokio::test]
    async fn a_job_that_goes_on_has_no_rest() {
        let job = samples::job(1, JobState::Canary, &[]).job;
        let refusal = JobRest::of(&table(&job).await, job.id).await.unwrap_err();
        assert_eq!(refusal, NoRest::GoesOn(job.id, "CANARY"));
        let absent = JobId::from_random(99);
        assert_eq!(JobRest::of(&table(&job).await, absent).await.unwrap_err(), NoRest::NotFound(absent));
    }
}
