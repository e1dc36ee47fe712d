//! Open jobs that letters belong to: whoever acts on such a letter is warned first.

use std::collections::{BTreeMap, HashSet};

use redrive_core::ids::{JobId, LetterId};
use redrive_core::letters::letter::Status;
use redrive_core::ports::{Jobs, Unavailable};
use redrive_core::replay::job::{Job, JobState};
use redrive_core::replay::{Look, Selection};

use crate::text::{count, shown};
use crate::who::short;

/// Most open jobs that are looked at.
const JOBS: usize = 100;

/// An open job, and the letters that it has.
#[derive(Debug, Clone)]
struct JobHolder {
    job: Job,
    /// Letters that it is at, and those that it lists.
    letters: HashSet<LetterId>,
    /// Letters that it is done with.
    done: HashSet<LetterId>,
}

/// Open jobs, and the letters that each has.
#[derive(Debug, Clone, Default)]
pub struct JobHolders(Vec<JobHolder>);

impl JobHolders {
    /// Reads the open jobs with their lists and batches.
    ///
    /// # Errors
    ///
    /// The table's.
    pub async fn read<J: Jobs>(table: &J) -> Result<Self, Unavailable> {
        let mut all = Vec::new();
        for id in table.jobs(true, JOBS).await? {
            if let Some(job) = table.job(id).await?.filter(Job::is_open) {
                all.push(JobHolder::read(table, job).await?);
            }
        }
        Ok(Self(all))
    }

    /// The job that a letter belongs to, if there is one.
    pub fn of(&self, look: &Look) -> Option<JobId> {
        self.0.iter().find(|holder| holder.has(look)).map(|holder| holder.job.id)
    }

    /// Sentences about the jobs to which so many letters belong: whose each is, how it stands, and why it was made.
    pub fn warnings(&self, held: &BTreeMap<JobId, u64>) -> Vec<String> {
        let sentence = |JobHolder { job, .. }: &JobHolder| {
            let letters = count(*held.get(&job.id)?, "letter belongs", "letters belong");
            let why = job.why.as_ref().map_or(String::new(), |why| format!(" ({why})"));
            let (state, by) = (job.state.as_str(), short(&job.by));
            Some(shown(&format!("{letters} to job {} by {by}, which is {state}{why}.", job.id)))
        };
        self.0.iter().filter_map(sentence).collect()
    }
}

impl JobHolder {
    async fn read<J: Jobs>(table: &J, job: Job) -> Result<Self, Unavailable> {
        let lines = table.batches(job.id, 0).await?.into_iter().flat_map(|batch| batch.lines);
        let (done, at): (Vec<_>, Vec<_>) = lines.partition(|line| line.disposition.is_final());
        let mut letters: HashSet<_> = at.into_iter().map(|line| line.letter).collect();
        let sends = !job.walk.ended && !matches!(job.state, JobState::Stopped { .. } | JobState::Cancelled);
        if sends {
            letters.extend(job.selection.ids().unwrap_or_default());
            for n in 0..job.list().map_or(0, |list| list.parts()) {
                let part = table.list_part(job.id, n).await?;
                letters.extend(part.into_iter().flat_map(|part| part.letters).map(|(id, _)| id));
            }
        }
        Ok(Self { job, letters, done: done.into_iter().map(|line| line.letter).collect() })
    }

    fn has(&self, look: &Look) -> bool {
        let (id, job) = (look.candidate.id, &self.job);
        !self.done.contains(&id) && (self.letters.contains(&id) || is_to_come(job, look))
    }
}

/// Returns true for a letter that a job's filter means, and that the job may still come to.
fn is_to_come(job: &Job, look: &Look) -> bool {
    let goes_on = job.state.runs() || matches!(job.state, JobState::Paused { .. });
    let Selection::Filter(filter) = &job.selection else { return false };
    goes_on
        && !job.walk.ended
        && look.candidate.status == Status::Pending
        && filter.fits(&look.candidate)
        && filter.is_unchanged_at(look.candidate.id, look.changed_at, look.version)
}

#[cfg(test)]
mod tests {
    use redrive_testkit::ModelLetters;

    use super::*;
    use crate::samples;

    #[tokio::test]
    async fn a_letter_that_an_open_job_means_belongs_to_it_and_the_job_is_named() {
        let table = ModelLetters::new();
        let job = samples::job(1, JobState::Paused { step: None }, &[]).job;
        let job = Job { version: 1, closed_at: None, ..job };
        table.write_job(job.clone()).await.unwrap();
        let holders = JobHolders::read(&table).await.unwrap();
        let letters = samples::letters();
        let of = |code: &str| {
            let letter = letters.iter().find(|letter| letter.reason.error_code.as_deref() == Some(code)).unwrap();
            holders.of(&Look::of(letter))
        };
        assert_eq!((of("currency"), of("not-json"), of("amount")), (Some(job.id), None, None));
        let warnings = holders.warnings(&BTreeMap::from([(job.id, 12)]));
        assert_eq!(warnings, [format!("12 letters belong to job {} by ann, which is PAUSED (fixed in 42).", job.id)]);
        assert!(holders.warnings(&BTreeMap::new()).is_empty());
    }

    #[tokio::test]
    async fn a_letter_that_a_job_is_done_with_or_will_not_send_belongs_to_nobody() {
        let (table, letters) = (ModelLetters::new(), samples::letters());
        let stopped = samples::stopped(&table, &letters).await;
        let open = Job { version: 1, closed_at: None, ..stopped.job };
        table.write_job(open).await.unwrap();
        let holders = JobHolders::read(&table).await.unwrap();
        assert!([0, 4, 11, 20].iter().all(|n| holders.of(&Look::of(&letters[*n])).is_none()));
    }
}
