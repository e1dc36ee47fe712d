//! Whose a job is: a job is of one queue.

use std::collections::BTreeSet;

use redrive_core::ids::{JobId, LetterId, QueueArn};
use redrive_core::ports::{Jobs, Letters, Unavailable};
use redrive_core::replay::Selection;
use redrive_core::replay::job::NewJob;
use tokio::time::Instant;
use tracing::warn;

use super::{READ, ReplayError, ReplayReport, Walk};
use crate::replay::Ports;

/// A job that is not of one queue.
const SEVERAL: &str = "a job is of one queue: its letters are of several; make one for each";
const UNSAID: &str = "a job is of one queue, and several are configured: select.source_topic must say which";
/// A job that could send nothing.
const NOWHERE: &str = "no destination is configured for its queue";

impl<P: Ports> Walk<'_, P> {
    /// Where it is told what concerns jobs, whichever pair's: the only one's, if there is but one.
    pub(super) fn desk(&mut self) -> &mut ReplayReport {
        match self.reports.pairs.as_mut_slice() {
            [only] => only,
            _ => &mut self.reports.rest,
        }
    }

    /// The standing job, and then the others that are open, which get half of the time; neither waits for the other's
    /// troubles to be over.
    pub(super) async fn scheduled(&mut self) -> Result<(), Unavailable> {
        let (open, end) = (self.first.open_jobs().await, self.deadline);
        if open.as_ref().is_ok_and(|jobs| !jobs.is_empty()) {
            self.deadline = Instant::now() + end.saturating_duration_since(Instant::now()) / 2;
        }
        let done = self.schedule().await;
        self.deadline = end;
        let more = std::mem::take(&mut self.reports.rest.more);
        if self.reports.pairs.iter().any(|report| report.stopped.is_none()) {
            self.work(open?).await;
        }
        self.reports.rest.more |= more;
        done
    }

    /// Works on these jobs, those of every pair beside those of the others; not on those of a pair whose queue has just
    /// refused.
    pub(super) async fn work(&mut self, jobs: Vec<JobId>) {
        let shares = self.shares(jobs).await;
        let (pairs, deadline) = (self.pairs, self.deadline);
        let works = pairs.iter().zip(shares).zip(&mut self.reports.pairs);
        let works = works.filter(|((_, jobs), report)| !jobs.is_empty() && report.stopped.is_none());
        let works = works.map(|((pair, jobs), report)| pair.work(jobs, deadline, report));
        futures_util::future::join_all(works).await;
    }

    /// Of each pair, which of these jobs are its. One of a queue that is not configured waits until it is again.
    async fn shares(&mut self, jobs: Vec<JobId>) -> Vec<Vec<JobId>> {
        if self.pairs.len() == 1 {
            return vec![jobs];
        }
        let mut shares = vec![Vec::new(); self.pairs.len()];
        for id in jobs {
            match tokio::time::timeout_at(self.deadline, self.place_of(id)).await {
                Ok(Ok(Some(place))) => shares[place].push(id),
                Ok(Ok(None)) => warn!(job_id = %id, "job is of a queue that is not configured; it was left alone"),
                Ok(Err(error)) => {
                    warn!(job_id = %id, %error, "job could not be worked on");
                    self.reports.rest.unavailable += 1;
                }
                Err(_) => {
                    self.reports.rest.more = true;
                    break;
                }
            }
        }
        shares
    }

    /// Which pair works on a job. What is gone, and a job of no letter that is there, is anybody's.
    async fn place_of(&self, id: JobId) -> Result<Option<usize>, Unavailable> {
        let Some(job) = self.first.letters.job(id).await? else { return Ok(Some(0)) };
        let Some(ids) = job.selection.ids() else {
            return Ok(job.selection.source().map_or(Some(0), |source| self.pair_of(source)));
        };
        for chunk in ids.chunks(READ) {
            if let Some(letter) = self.first.letters.read(chunk).await?.into_iter().flatten().next() {
                return Ok(self.pair_of(&letter.source));
            }
        }
        Ok(Some(0))
    }

    /// Writes a new job down, if it is of one queue. A filter names that queue from then on, whichever are configured later.
    pub(super) async fn create(&mut self, asked: &NewJob) -> Result<(), ReplayError> {
        let mut asked = asked.clone();
        let only = if self.pairs.len() == 1 { Some(&self.first.settings.reading.source) } else { None };
        let source = match &mut asked.selection {
            Selection::Filter(filter) => {
                filter.source_topic = filter.source_topic.take().or_else(|| only.cloned());
                filter.source_topic.clone()
            }
            Selection::Ids(_) | Selection::Shown(_) if only.is_some() => only.cloned(),
            listed => {
                let mut sources = self.sources(&listed.ids().unwrap_or_default()).await?.into_iter();
                let source = sources.next();
                if sources.next().is_some() {
                    self.desk().refused = Some(SEVERAL.to_owned());
                    return Ok(());
                }
                source.or_else(|| Some(self.first.settings.reading.source.clone()))
            }
        };
        let Some(source) = source else {
            self.desk().refused = Some(UNSAID.to_owned());
            return Ok(());
        };
        let place = self.pair_of(&source).ok_or_else(|| self.not_listed())?;
        let pair = &self.pairs[place];
        asked.to = pair.other(asked.to.as_ref()).cloned();
        if pair.outbox(asked.to.as_ref()).is_none() {
            if asked.to.is_some() {
                return Err(self.not_a_destination(Some(&pair.settings.reading.source)));
            }
            self.desk().refused = Some(NOWHERE.to_owned());
            return Ok(());
        }
        Ok(pair.create(&asked, self.desk()).await?)
    }

    /// The queues of these letters.
    async fn sources(&self, ids: &[LetterId]) -> Result<BTreeSet<QueueArn>, Unavailable> {
        let mut sources = BTreeSet::new();
        for chunk in ids.chunks(READ) {
            sources.extend(self.first.letters.read(chunk).await?.into_iter().flatten().map(|letter| letter.source));
        }
        Ok(sources)
    }
}
