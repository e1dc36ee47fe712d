//! Limits of the queues that letters go to: 1 MiB is SQS's limit of a message, and not every queue's.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use redrive_core::ids::QueueArn;
use redrive_core::letters::letter::Letter;
use redrive_core::ports::Gauges;
use redrive_core::replay::job::{Disposition, JobEntry};
use redrive_core::replay::{Fit, MESSAGE_LIMIT, Outgoing};
use tokio::time::Instant;
use tracing::warn;

use super::send::line;
use super::{Ports, ReplayReport, Replayer, Sending};

/// For so long an answer serves: nobody changes it twice in a minute.
const SERVES: Duration = Duration::from_secs(60);

/// A queue that letters go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    Main,
    Other(QueueArn),
    DeadLetters,
}

impl Place {
    fn of(sending: Sending<'_>) -> Self {
        sending.to.map_or(Self::Main, |to| Self::Other(to.clone()))
    }

    const fn name(&self) -> &'static str {
        match self {
            Self::Main => "the queue",
            Self::Other(_) => "the other queue",
            Self::DeadLetters => "the dead-letter queue",
        }
    }
}

/// The last answer of each queue.
#[derive(Debug, Default)]
pub(super) struct Limits(Mutex<Vec<(Place, Instant, usize)>>);

impl<P: Ports> Replayer<P> {
    /// The most bytes of a message that the destination takes. What does not say is taken to take what SQS takes: then SQS itself
    /// refuses what is too large.
    pub(super) async fn limit(&self, sending: Sending<'_>) -> usize {
        self.limit_at(Place::of(sending), self.gauges(sending.to)).await
    }

    async fn limit_at(&self, place: Place, gauges: &P::Gauges) -> usize {
        let known = |all: &[(Place, Instant, usize)]| {
            let fresh = all.iter().find(|(whose, at, _)| *whose == place && at.elapsed() < SERVES)?;
            Some(fresh.2)
        };
        if let Some(limit) = known(&self.limits.0.lock().unwrap_or_else(PoisonError::into_inner)) {
            return limit;
        }
        let limit = match gauges.limit().await {
            Ok(limit) => limit,
            Err(error) => {
                warn!(%error, "queue did not say how large a message may be; 1 MiB is taken for it");
                MESSAGE_LIMIT
            }
        };
        let mut all = self.limits.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|(whose, ..)| *whose != place);
        all.push((place, Instant::now(), limit));
        limit
    }

    /// The least of what is known by now of queues where consumers are: for what stands between a limit's being read and its use.
    pub(super) fn known_limit(&self) -> usize {
        let all = self.limits.0.lock().unwrap_or_else(PoisonError::into_inner);
        let consumed = all.iter().filter(|(place, ..)| *place != Place::DeadLetters);
        consumed.map(|(.., limit)| *limit).min().unwrap_or(MESSAGE_LIMIT)
    }

    /// Leaves out what the destination is too small for. What is edited is looked at as it will be.
    pub(super) async fn fitting(
        &self,
        open: Vec<Letter>,
        sending: Sending<'_>,
        report: &mut ReplayReport,
        lines: &mut Vec<JobEntry>,
    ) -> Vec<Letter> {
        if open.is_empty() {
            return open;
        }
        let limit = self.limit(sending).await;
        if sending.edit.is_some() {
            return open;
        }
        let mut fitting = Vec::with_capacity(open.len());
        for letter in open {
            let note = match Self::fit(&letter, sending, limit) {
                Fit::Fits => {
                    fitting.push(letter);
                    continue;
                }
                other => report.refuse_for_size(&letter, other, (&Place::of(sending), limit)),
            };
            lines.push(JobEntry { note, ..line(letter.id, Disposition::NoAttributeSlot) });
        }
        fitting
    }

    /// Says whether this letter can go there as itself, or as a new one where somebody takes that upon himself.
    pub(super) fn fit(letter: &Letter, sending: Sending<'_>, limit: usize) -> Fit {
        // At the largest queues everything was asked that is to be asked.
        if limit >= MESSAGE_LIMIT {
            return Fit::Fits;
        }
        Outgoing::fit(letter, limit, sending.asked.as_new || sending.to.is_some())
    }

    /// Counts a letter that the destination would not take, without touching it.
    pub(super) fn would_fit(letter: &Letter, sending: Sending<'_>, limit: usize, report: &mut ReplayReport) -> bool {
        let fit = Self::fit(letter, sending, limit);
        if fit != Fit::Fits && sending.edit.is_none() {
            report.refuse_for_size(letter, fit, (&Place::of(sending), limit));
            return false;
        }
        true
    }

    /// Leaves out what the dead-letter queue is too small for. Answers with the rest, and with what that queue takes.
    pub(super) async fn fitting_back(
        &self,
        open: Vec<Letter>,
        gauges: &P::Gauges,
        report: &mut ReplayReport,
    ) -> (Vec<Letter>, usize) {
        if open.is_empty() {
            return (open, MESSAGE_LIMIT);
        }
        let limit = self.limit_at(Place::DeadLetters, gauges).await;
        let mut fitting = Vec::with_capacity(open.len());
        for letter in open {
            match Outgoing::fit_to_eject(&letter, limit) {
                Fit::Fits => fitting.push(letter),
                other => drop(report.refuse_for_size(&letter, other, (&Place::DeadLetters, limit))),
            }
        }
        (fitting, limit)
    }
}

impl ReplayReport {
    /// Counts a letter that a queue does not take, and answers with the reason if it is its size alone.
    fn refuse_for_size(&mut self, letter: &Letter, fit: Fit, (place, limit): (&Place, usize)) -> Option<String> {
        let Fit::TooLarge { bytes } = fit else {
            self.no_attribute_slot += 1;
            return None;
        };
        let why = format!(
            "message has {bytes} bytes, and {} takes {limit}: raise its MaximumMessageSize, or export the letter",
            place.name()
        );
        warn!(letter_id = %letter.id, bytes, limit, "letter was not sent: its message is too large for the queue");
        self.refuse_too_large(letter.id, why.clone());
        Some(why)
    }
}
