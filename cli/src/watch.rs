//! Following a job until everything about it is known.

use std::time::{Duration, Instant};

use redrive_core::ids::JobId;
use redrive_core::ports::{Jobs, LedgerReader, Letters};
use redrive_core::replay::job::{Disposition, JobState};
use redrive_core::time::Timestamp;
use redrive_operator::job_progress::JobProgress;

use crate::clock::now;
use crate::completion::{Completion, Error};
use crate::interrupt;
use crate::job_letters::{self, JobLetters};
use crate::jobs::{self, JobOverview};
use crate::out::{self, Out};
use crate::text::{hanging, instant, shown, span};

/// Limit of looks in a row that may fail.
const PATIENCE: u32 = 10;
/// Shortest time between two lines where nobody looks at a bar.
const QUIET: Duration = Duration::from_secs(5);
/// Time without news after which it is said when the function looks again.
const STILL: Duration = Duration::from_secs(10);

/// Returns [`Completion::Done`] if a job came to its end, and every letter of it has its effect.
pub(crate) fn ended(overview: &JobOverview) -> Completion {
    let well = [Disposition::Resolved, Disposition::Assumed, Disposition::ResolvedBefore];
    let succeeded: u32 = well.iter().map(|disposition| overview.known.of(*disposition)).sum();
    let all = matches!(overview.job.state, JobState::Done) && succeeded == overview.known.total();
    if all { Completion::Done } else { Completion::NotAsAsked }
}

/// Counts of a job's letters, by the part of the selection that they are in.
pub(crate) fn numbers(progress: &JobProgress) -> String {
    let always = [("done", progress.done), ("failed", progress.failed), ("sent", progress.sent)];
    let some = [("unsent", progress.unsent), ("unknown", progress.unknown), ("left out", progress.left_out)];
    let shown = some.into_iter().filter(|(name, n)| *n > 0 || *name == "unsent" && progress.letters.is_some());
    let parts: Vec<_> = always.into_iter().chain(shown).map(|(name, n)| format!("{name} {n}")).collect();
    parts.join(", ")
}

/// Describes the pace of a job: its step, its rate, when the next step comes, and when all will be sent.
pub(crate) fn pace(overview: &JobOverview, progress: &JobProgress, now: Timestamp) -> String {
    shown(&progress.pace_in_words().unwrap_or_else(|| jobs::latest_event(&overview.job, now)))
}

/// Returns the text beside the bar.
pub(crate) fn lines(overview: &JobOverview, now: Timestamp, width: usize) -> String {
    let progress = overview.progress(now);
    let of = progress.letters.map_or_else(|| "an unknown number".to_owned(), |letters| letters.to_string());
    let state = overview.job.state.as_str();
    let numbers = hanging(&format!("{state}: {} of {of}; {}", progress.settled(), numbers(&progress)), 2, width);
    numbers + &hanging(&format!("  {}", pace(overview, &progress, now)), 2, width)
}

/// Returns the same in one line with its time, for a file or a log.
pub(crate) fn line(overview: &JobOverview, now: Timestamp) -> String {
    let text = lines(overview, now, usize::MAX);
    let parts: Vec<_> = text.lines().map(str::trim).collect();
    format!("{}  {}", instant(now), parts.join("; "))
}

/// Follower of a job, and what it showed last.
struct Follower {
    bar: indicatif::ProgressBar,
    width: usize,
    /// Last line without its time, and when it was written.
    last: Option<(String, Instant)>,
    /// Time of the last change of the job.
    changed: Instant,
    version: u64,
}

impl Follower {
    fn new(out: Out) -> Self {
        Self { bar: out::bar(out), width: out.width, last: None, changed: Instant::now(), version: 0 }
    }

    /// Tells of the job, and of what kept it from being read.
    fn tell(&mut self, overview: &JobOverview, failure: Option<String>, now: Timestamp) {
        let progress = overview.progress(now);
        if self.version != overview.job.version {
            (self.version, self.changed) = (overview.job.version, Instant::now());
        }
        let total = progress.letters.unwrap_or_else(|| overview.known.total());
        self.bar.set_length(u64::from(total.max(1)));
        self.bar.set_position(u64::from(progress.settled()));
        let still = self.changed.elapsed();
        let still = (overview.job.state.runs() && still > STILL)
            .then(|| format!("  nothing new for {}; the function looks again within a minute", span(still)));
        let beside = failure.clone().or(still).map_or(String::new(), |note| hanging(&note, 2, self.width));
        self.bar.set_message(format!("{}{beside}", lines(overview, now, self.width)).trim_end().to_owned());
        if self.bar.is_hidden() {
            self.log(overview, &progress, failure, now);
        }
    }

    /// Tells of what changed in a line, of the end at once, and else of no more than a few seconds' news.
    fn log(&mut self, overview: &JobOverview, progress: &JobProgress, failure: Option<String>, now: Timestamp) {
        let news = format!("{} {} {failure:?}", overview.job.state.as_str(), numbers(progress));
        let due = self.last.as_ref().is_none_or(|(last, at)| *last != news && at.elapsed() >= QUIET);
        if due || !overview.job.is_open() {
            out::say(&failure.unwrap_or_else(|| line(overview, now)));
            self.last = Some((news, Instant::now()));
        }
    }
}

/// Follows a job. Stopping to follow changes nothing about it.
pub(crate) async fn run<T: Jobs + Letters, R: LedgerReader>(
    (table, ledger): (&T, &R),
    id: JobId,
    every: Duration,
    out: Out,
) -> Result<Completion, Error> {
    let Some(mut overview) = jobs::read(table, id).await? else {
        return Err(Error::Absent(format!("there is no job {id}: `redrive jobs` lists them")));
    };
    interrupt::explain(format!(
        "the job goes on by itself; look again: redrive watch {id}; end it: redrive cancel {id}"
    ));
    let (mut follower, mut failure, mut silent) = (Follower::new(out), None, 0);
    loop {
        follower.tell(&overview, failure.take(), now());
        if !overview.job.is_open() {
            break;
        }
        tokio::time::sleep(every).await;
        match jobs::read(table, id).await {
            Ok(Some(next)) => (overview, silent) = (next, 0),
            Ok(None) => break,
            // The job goes on without being looked at.
            Err(error) if silent < PATIENCE => {
                silent += 1;
                failure = Some(error.to_string());
            }
            Err(error) => return Err(error.into()),
        }
    }
    follower.bar.finish_and_clear();
    let left: JobLetters = job_letters::gather((table, ledger), &overview).await?;
    out.either(|| left.document(&overview), |width| left.account(&overview, now(), width))?;
    Ok(ended(&overview))
}
