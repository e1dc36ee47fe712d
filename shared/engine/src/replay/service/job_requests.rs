//! Requests about jobs, whichever pair's.

use std::time::Duration;

use redrive_core::ids::{JobId, LetterId, QueueArn};
use redrive_core::ports::{Clock, Entropy, Gauges, Unavailable};
use redrive_core::replay::Selection;
use redrive_core::replay::job::{AlarmState, Job, ListPart, NewJob};
use tokio::time::{Instant, timeout_at};
use tracing::warn;

use super::error::ReplayError;
use super::pair_states::PairStates;
use super::permitted::{not_a_destination, not_listed};
use super::queue_pairs::QueuePairs;
use super::reports::Reports;
use crate::replay::job::{JobAnswer, Rotation, TurnReport, add_to_list as add, create, owner, sources};
use crate::replay::ports::ReplayPorts;
use crate::replay::report::ReplayReport;
use crate::replay::scan::job_cursor::count_letters;

/// Refusal of a job that is not of one queue.
const SEVERAL: &str = "a job is of one queue: its letters are of several; make one for each";
const UNSAID: &str = "a job is of one queue, and several are configured: select.source_topic must say which";
/// Refusal of a job that could send nothing.
const NOWHERE: &str = "no destination is configured for its queue";
/// Time for counting the letters of a new job.
const COUNTING: Duration = Duration::from_secs(10);

/// Jobs of each pair, in their order, and how far that was found out.
struct Shares {
    jobs: Vec<Vec<JobId>>,
    /// Jobs whose queue could not be found out.
    unavailable: usize,
    out_of_time: bool,
}

/// Works on these jobs, those of every pair beside those of the others; not on those of a pair whose queue has just
/// refused.
pub(super) async fn work<P: ReplayPorts>(
    pairs: &QueuePairs<P>,
    states: &PairStates,
    jobs: Vec<JobId>,
    deadline: Instant,
) -> Reports {
    let shares = shares(pairs, jobs, deadline).await;
    let mut reports = Reports::none(pairs.pairs.len());
    reports.rest.unavailable = shares.unavailable;
    reports.rest.more = shares.out_of_time;
    let shares = shares.jobs.into_iter().enumerate();
    let works = shares.filter(|(place, jobs)| !jobs.is_empty() && !states.refuses(*place));
    let works = works.map(|(place, jobs)| async move { (place, work_on(pairs, place, jobs, deadline).await) });
    for (place, report) in futures_util::future::join_all(works).await {
        reports.of(Some(place)).add(&report);
    }
    reports
}

/// Works on jobs of one pair.
async fn work_on<P: ReplayPorts>(
    pairs: &QueuePairs<P>,
    place: usize,
    jobs: Vec<JobId>,
    deadline: Instant,
) -> ReplayReport {
    let mut report = ReplayReport::default();
    let mut rotation = Rotation::new(pairs.context(place, deadline), jobs);
    while let Some(TurnReport { letters, job, unavailable, out_of_time }) = rotation.next().await {
        report.fold(letters);
        report.unavailable += usize::from(unavailable);
        report.more |= out_of_time;
        job.into_iter().for_each(|view| report.show(view));
    }
    report
}

/// Finds out which of these jobs are each pair's. One of a queue that is not configured waits until it is again.
async fn shares<P: ReplayPorts>(pairs: &QueuePairs<P>, jobs: Vec<JobId>, deadline: Instant) -> Shares {
    let mut shares = Shares { jobs: vec![Vec::new(); pairs.pairs.len()], unavailable: 0, out_of_time: false };
    if let [only] = shares.jobs.as_mut_slice() {
        *only = jobs;
        return shares;
    }
    for id in jobs {
        let owner = match timeout_at(deadline, owner(&pairs.letters, id)).await {
            Ok(Ok(owner)) => owner,
            Ok(Err(error)) => {
                warn!(job_id = %id, %error, "job could not be worked on");
                shares.unavailable += 1;
                continue;
            }
            Err(_) => {
                shares.out_of_time = true;
                break;
            }
        };
        // What is gone, and a job of no letter that is there, is anybody's.
        match owner.map_or(Some(0), |source| pairs.place_of(&source)) {
            Some(place) => shares.jobs[place].push(id),
            None => warn!(job_id = %id, "job is of a queue that is not configured; it was left alone"),
        }
    }
    shares
}

/// Writes a new job down, if it is of one queue. A filter names that queue from then on, whichever are configured later.
pub(super) async fn new_job<P: ReplayPorts>(
    pairs: &QueuePairs<P>,
    request: &NewJob,
    deadline: Instant,
) -> Result<JobAnswer, ReplayError> {
    let refused = |why: &str| Ok(JobAnswer::Refused { why: why.to_owned(), job: None });
    let mut request = request.clone();
    let source = match queue_of(pairs, &mut request.selection).await? {
        OfQueue::One(source) => source,
        OfQueue::Several => return refused(SEVERAL),
        OfQueue::Unsaid => return refused(UNSAID),
    };
    let place = pairs.place_of(&source).ok_or_else(|| not_listed(pairs))?;
    let pair = &pairs.pairs[place];
    request.to = pair.other(request.to.as_ref()).cloned();
    if pair.outbox_to(request.to.as_ref()).is_none() {
        return match request.to {
            Some(_) => Err(not_a_destination(pairs, Some(pair.source()))),
            None => refused(NOWHERE),
        };
    }
    if let Some(why) = not_watched(pairs, place, request.guard.alarm.as_deref()).await {
        return refused(&why);
    }
    let id = request.id.unwrap_or_else(|| JobId::from_random(pairs.world.bits()));
    let letters = size(pairs, &request.selection, &source, deadline).await;
    Ok(create(&pairs.letters, id, (&request, letters), pairs.world.now()).await?)
}

/// Reason to refuse a job whose alarm is not there: it would be stopped at once. Where CloudWatch does not answer the job begins, and
/// sends nothing before it does.
async fn not_watched<P: ReplayPorts>(pairs: &QueuePairs<P>, place: usize, alarm: Option<&str>) -> Option<String> {
    let name = alarm?;
    match pairs.pairs[place].gauges.alarm(name).await {
        Ok(AlarmState::Missing) => Some(format!("there is no alarm {name}, so nothing would watch")),
        Ok(AlarmState::Ringing) => Some(format!("the alarm {name} is in ALARM, and would stop it at once")),
        Ok(AlarmState::Quiet) | Err(_) => None,
    }
}

/// Takes the next part of a job's list.
pub(super) async fn add_to_list<P: ReplayPorts>(
    pairs: &QueuePairs<P>,
    (job, part): (JobId, u32),
    letters: &[(LetterId, u64)],
    edited: bool,
) -> Result<JobAnswer, ReplayError> {
    let source = owner(&pairs.letters, job).await?;
    let pair = source.and_then(|source| pairs.place_of(&source)).or(Some(0)).and_then(|place| pairs.pairs.get(place));
    let Some(pair) = pair else { return Ok(JobAnswer::NotFound) };
    let expires = Job::batch_expires(&pair.policy, pairs.world.now());
    let part = ListPart { job, n: part, letters: letters.to_vec(), expires };
    Ok(add((&pairs.letters, &pairs.world), part, edited).await?)
}

/// Counts the letters of a filter. `None`: the index did not answer in time, and the job does without: its progress has no end that
/// is known, and its ramp is that of many letters.
async fn size<P: ReplayPorts>(
    pairs: &QueuePairs<P>,
    selection: &Selection,
    source: &QueueArn,
    deadline: Instant,
) -> Option<u32> {
    let Selection::Filter(filter) = selection else { return None };
    let end = deadline.min(Instant::now() + COUNTING);
    let counting = count_letters(&pairs.letters, (source, filter), pairs.world.now());
    let counted = timeout_at(end, counting).await.ok()?;
    counted.inspect_err(|error| warn!(%error, "letters of a new job were not counted")).ok()
}

/// Queue that a new job is of.
enum OfQueue {
    One(QueueArn),
    Several,
    Unsaid,
}

/// Finds out which queue a new job is of, and names it in a filter that does not.
async fn queue_of<P: ReplayPorts>(pairs: &QueuePairs<P>, selection: &mut Selection) -> Result<OfQueue, Unavailable> {
    let only = if let [only] = pairs.pairs.as_slice() { Some(only.source()) } else { None };
    let first = || pairs.pairs.first().map(|pair| pair.source().clone());
    let source = match selection {
        Selection::Filter(filter) => {
            filter.source_topic = filter.source_topic.take().or_else(|| only.cloned());
            filter.source_topic.clone()
        }
        Selection::Listed(listed) => Some(listed.source_topic.clone()),
        Selection::Ids(_) | Selection::Shown(_) if only.is_some() => only.cloned(),
        listed => {
            let mut sources = sources(&pairs.letters, &listed.ids().unwrap_or_default()).await?.into_iter();
            let source = sources.next();
            if sources.next().is_some() {
                return Ok(OfQueue::Several);
            }
            source.or_else(first)
        }
    };
    Ok(source.map_or(OfQueue::Unsaid, OfQueue::One))
}
