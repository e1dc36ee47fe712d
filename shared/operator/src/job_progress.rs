//! Progress of a job over its whole selection: the same wherever it is shown. Pure; the time is an argument.

use std::time::Duration;

use redrive_core::replay::job::{Account, Disposition, Job, JobState, send_goal};
use redrive_core::replay::ramp::STEPS;
use redrive_core::time::Timestamp;

use crate::text::span;

/// Part of a selection that a letter belongs to, for whoever follows the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Unsent,
    Sent,
    Done,
    Failed,
    Unknown,
    LeftOut,
}

const fn part(disposition: Disposition) -> Part {
    use Disposition as Of;
    match disposition {
        Of::Planned | Of::Behind | Of::Retrying | Of::NotReached | Of::HeldUp => Part::Unsent,
        Of::Sent | Of::Failing => Part::Sent,
        Of::Resolved | Of::Assumed | Of::ResolvedBefore => Part::Done,
        Of::FailedAgain | Of::Refused => Part::Failed,
        Of::Unknown | Of::InDoubt => Part::Unknown,
        Of::ChangedMeanwhile | Of::NoAttributeSlot | Of::NoBody | Of::EditFailed => Part::LeftOut,
        Of::PolicyNever | Of::Forgotten | Of::TooManyEnqueues | Of::NotFound => Part::LeftOut,
    }
}

/// Pace at which a job goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobPace {
    /// The list of its letters is not whole yet.
    Listing,
    /// So many letters go first.
    Canary(u32),
    /// As many letters are under way as have succeeded, and so many may have been sent by now.
    ByOutcomes(u32),
    /// Step of the ramp, counted from 1, and the time until the next one at the earliest.
    Step {
        /// Number of the step.
        n: usize,
        /// Time until the next step; `None` at the last one.
        next: Option<Duration>,
    },
    /// Nothing is sent until somebody resumes the job.
    Paused,
    /// Nothing more is sent.
    Ended,
}

/// Progress of a job over its whole selection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobProgress {
    /// Number of all letters; `None` while it is not known.
    pub letters: Option<u32>,
    /// Letters that were not sent yet, as far as the number of all is known.
    pub unsent: u32,
    /// Letters that were sent, and whose outcome is to come.
    pub sent: u32,
    /// Letters whose effect happened.
    pub done: u32,
    /// Letters that failed again.
    pub failed: u32,
    /// Letters whose outcome is not known, and will not be by itself.
    pub unknown: u32,
    /// Letters that are not sent: they changed meanwhile, or may not or cannot go.
    pub left_out: u32,
    /// Pace at which the job goes on.
    pub pace: JobPace,
    /// Thousandths of a letter a second that the job may send now.
    pub rate: u64,
    /// Time until the last letter is sent, as far as outcomes come as they did; `None` if nobody can say.
    pub eta: Option<Duration>,
}

impl JobProgress {
    /// Progress of a job of whose letters this is known.
    pub fn of(job: &Job, known: &Account, now: Timestamp) -> Self {
        let count = |wanted: Part| known.iter().filter(|(of, _)| part(*of) == wanted).map(|(_, n)| n).sum::<u32>();
        // Once it has come to the end, what it met is all there is.
        let letters = if job.walk.ended { Some(known.total()) } else { job.letters };
        let letters = letters.map(|letters| letters.max(known.total()));
        let unmet = letters.map_or(0, |letters| letters - known.total());
        let rate = if job.state.runs() { job.rate().thousandths() } else { 0 };
        let mut progress = Self {
            letters,
            unsent: count(Part::Unsent) + unmet,
            sent: count(Part::Sent),
            done: count(Part::Done),
            failed: count(Part::Failed),
            unknown: count(Part::Unknown),
            left_out: count(Part::LeftOut),
            pace: pace(job, known, now),
            rate,
            eta: None,
        };
        progress.eta = letters.and_then(|_| progress.until_sent(job));
        progress
    }

    /// Returns the number of letters that have their outcome.
    pub const fn settled(&self) -> u32 {
        self.done + self.failed + self.unknown + self.left_out
    }

    /// Describes the pace: its step, its rate, when the next step comes, and when all will be sent. `None`: it sends nothing more, or
    /// nothing before somebody resumes it.
    pub fn pace_in_words(&self) -> Option<String> {
        let rate = match (self.rate / 1_000, self.rate % 1_000) {
            (0, part @ 1..100) => format!("0.{:02} a second", part / 10),
            (whole, part) => format!("{whole}.{} a second", part / 100),
        };
        let steps = STEPS.len();
        let pace = match self.pace {
            JobPace::Listing => "its letters are being listed; it begins once the list is whole".to_owned(),
            JobPace::Canary(letters) => {
                format!("canary: {letters} go first, and the others once these have succeeded")
            }
            JobPace::ByOutcomes(_) => "no more under way than have succeeded".to_owned(),
            JobPace::Step { n, next: Some(next) } if next.is_zero() => {
                format!("step {n} of {steps}: {rate}; the next step once most outcomes are known")
            }
            JobPace::Step { n, next: Some(next) } => {
                format!("step {n} of {steps}: {rate}; the next step in {} at the earliest", span(next))
            }
            JobPace::Step { n, next: None } => format!("step {n} of {steps}: {rate}"),
            JobPace::Paused | JobPace::Ended => return None,
        };
        let eta = self.eta.map_or(String::new(), |eta| format!("; all sent in about {}", span(eta)));
        Some(format!("{pace}{eta}"))
    }

    fn until_sent(&self, job: &Job) -> Option<Duration> {
        let full = u64::from(job.guard.rate);
        let seconds = |letters: u64, per_second: u64| Duration::from_secs(letters.div_ceil(per_second.max(1)));
        match self.pace {
            _ if self.unsent == 0 => None,
            JobPace::ByOutcomes(_) => Some(seconds(u64::from(self.unsent), full)),
            JobPace::Step { n, next } => {
                let (mut left, mut time) = (u64::from(self.unsent) * 1_000, Duration::ZERO);
                let step = Duration::from_secs(u64::from(job.guard.step_seconds));
                for (at, percent) in STEPS.iter().enumerate().skip(n - 1) {
                    let rate = full * u64::from(*percent) * 10;
                    let most = if at + 1 == n { next } else { (at + 1 < STEPS.len()).then_some(step) };
                    let sent = most.map_or(u64::MAX, |most| most.as_secs().saturating_mul(rate));
                    if sent >= left {
                        return Some(time + seconds(left, rate));
                    }
                    left -= sent;
                    time += most.unwrap_or_default();
                }
                None
            }
            _ => None,
        }
    }
}

fn pace(job: &Job, known: &Account, now: Timestamp) -> JobPace {
    match job.state {
        JobState::Listing { .. } => JobPace::Listing,
        JobState::Canary => JobPace::Canary(job.guard.canary),
        JobState::Ramping { since, .. } if job.goes_by_outcomes() => {
            JobPace::ByOutcomes(send_goal(job, known, now.since(since)))
        }
        JobState::Ramping { step, since } => {
            let n = usize::from(step) + 1;
            let end = since.after(Duration::from_secs(u64::from(job.guard.step_seconds)));
            JobPace::Step { n, next: (n < STEPS.len()).then(|| end.since(now)) }
        }
        JobState::Paused { .. } => JobPace::Paused,
        JobState::Cancelled | JobState::Stopped { .. } | JobState::Done => JobPace::Ended,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::JobOverview;
    use crate::samples::{self, NOW};

    fn of(state: JobState, letters: Option<u32>, known: &[(Disposition, u32)]) -> JobProgress {
        let JobOverview { job, known } = samples::job(1, state, known);
        JobProgress::of(&Job { letters, ..job }, &known, NOW)
    }

    #[test]
    fn every_letter_of_the_selection_is_in_one_part() {
        let known = [
            (Disposition::Planned, 1),
            (Disposition::Behind, 2),
            (Disposition::Sent, 3),
            (Disposition::Failing, 4),
            (Disposition::Resolved, 5),
            (Disposition::FailedAgain, 6),
            (Disposition::InDoubt, 7),
            (Disposition::PolicyNever, 8),
        ];
        let progress = of(JobState::Canary, Some(3_000), &known);
        assert_eq!(
            (progress.sent, progress.done, progress.failed, progress.unknown, progress.left_out),
            (7, 5, 6, 7, 8)
        );
        assert_eq!((progress.letters, progress.unsent), (Some(3_000), 3_000 - 36 + 3));
        assert_eq!(progress.settled() + progress.sent + progress.unsent, 3_000);
        let uncounted = of(JobState::Canary, None, &known);
        assert_eq!((uncounted.letters, uncounted.unsent), (None, 3), "a job of an older version");
    }

    #[test]
    fn a_rate_of_few_letters_a_minute_is_not_shown_as_none() {
        let JobOverview { job, known } = samples::job(1, JobState::Ramping { step: 0, since: NOW }, &[]);
        let words = |rate| {
            let guard = redrive_core::replay::job::Guard { rate, ..job.guard.clone() };
            JobProgress::of(&Job { guard, letters: Some(1_000_000), ..job.clone() }, &known, NOW)
                .pace_in_words()
                .unwrap()
        };
        for (rate, expected) in
            [(5, "0.05 a second"), (1, "0.01 a second"), (50, "0.5 a second"), (1_234, "12.3 a second")]
        {
            assert!(words(rate).contains(expected), "{}", words(rate));
        }
    }

    #[test]
    fn more_letters_than_were_counted_are_no_surprise() {
        let progress = of(JobState::Canary, Some(3), &[(Disposition::Resolved, 9)]);
        assert_eq!((progress.letters, progress.unsent), (Some(9), 0));
    }

    #[test]
    fn the_time_to_the_last_send_goes_through_the_steps_that_are_left() {
        // 50 a second: 30 letters at 1 %, 150 at 5 %, 750 at 25 %, a minute each.
        let at = |letters| of(JobState::Ramping { step: 0, since: NOW }, Some(letters), &[]);
        assert_eq!(at(30 + 150 + 750 + 100).eta, Some(Duration::from_secs(180 + 2)));
        assert_eq!(at(30 + 150 + 750 + 100).pace, JobPace::Step { n: 1, next: Some(Duration::from_secs(60)) });
        let last = of(JobState::Ramping { step: 3, since: NOW }, Some(5_000), &[]);
        assert_eq!((last.pace, last.eta), (JobPace::Step { n: 4, next: None }, Some(Duration::from_secs(100))));
        let small = of(JobState::Ramping { step: 3, since: NOW }, Some(60), &[(Disposition::Resolved, 10)]);
        assert_eq!((small.pace, small.eta), (JobPace::ByOutcomes(20), Some(Duration::from_secs(1))));
        for state in [JobState::Canary, JobState::Paused { step: None }, JobState::Cancelled, JobState::Done] {
            assert_eq!(of(state.clone(), Some(60), &[]).eta, None, "{state:?}");
        }
        assert_eq!(of(JobState::Ramping { step: 3, since: NOW }, None, &[]).eta, None, "nobody knows how many");
    }
}
