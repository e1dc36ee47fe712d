//! Following a job until everything about it is known.

use std::time::Duration;

use redrive_core::ids::JobId;
use redrive_core::ports::Jobs;
use redrive_core::replay::job::{Account, Disposition, JobState};

use crate::completion::{Completion, Error};
use crate::jobs::{self, JobOverview};
use crate::out::{self, Out};
use crate::text::fit;

/// Limit of looks in a row that may fail.
const PATIENCE: u32 = 10;

/// Returns [`Completion::Done`] if a job came to its end, and every letter of it has its effect.
pub(crate) fn ended(seen: &JobOverview) -> Completion {
    let well = [Disposition::Resolved, Disposition::Assumed, Disposition::ResolvedBefore];
    let succeeded: u32 = well.iter().map(|disposition| seen.known.of(*disposition)).sum();
    let all = matches!(seen.job.state, JobState::Done) && succeeded == seen.known.total();
    if all { Completion::Done } else { Completion::NotAsAsked }
}

/// Counts the letters that have their outcome.
pub(crate) fn settled(known: &Account) -> u32 {
    known.total() - known.awaited() - known.of(Disposition::Failing) - known.of(Disposition::Behind)
}

/// Returns the text beside the bar, or in a line of its own.
pub(crate) fn line(seen: &JobOverview, width: usize) -> String {
    fit(&format!("{}: {}", seen.job.state.as_str(), jobs::dispositions(&seen.known)), width)
}

/// Follows it. Stopping to follow changes nothing about the job.
pub(crate) async fn run<J: Jobs>(jobs: &J, id: JobId, every: Duration, out: Out) -> Result<Completion, Error> {
    let Some(mut seen) = jobs::read(jobs, id).await? else {
        out::say(&format!("there is no job {id}"));
        return Ok(Completion::NotAsAsked);
    };
    let bar = out::bar(out);
    let (mut last, mut failure, mut silent) = (String::new(), None, 0);
    loop {
        // A filter's letters are not counted before the job comes to them.
        if seen.known.total() > 0 {
            bar.set_length(u64::from(seen.known.total()));
            bar.set_position(u64::from(settled(&seen.known)));
        }
        let now = failure.take().unwrap_or_else(|| line(&seen, out.width));
        bar.set_message(now.clone());
        if bar.is_hidden() && now != last {
            out::say(&now);
            last = now;
        }
        if !seen.job.is_open() {
            break;
        }
        tokio::time::sleep(every).await;
        match jobs::read(jobs, id).await {
            Ok(Some(next)) => (seen, silent) = (next, 0),
            Ok(None) => break,
            // The job goes on without being looked at.
            Err(error) if silent < PATIENCE => {
                silent += 1;
                failure = Some(fit(&error.to_string(), out.width));
            }
            Err(error) => return Err(error.into()),
        }
    }
    bar.finish_and_clear();
    out.either(|| jobs::document(&seen), |width| jobs::account(&seen, width))?;
    Ok(ended(&seen))
}
