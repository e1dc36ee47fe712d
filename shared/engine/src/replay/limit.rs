//! How large a message the queue takes that letters go to: 1 MiB is SQS's limit, and not every queue's.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use redrive_core::letters::letter::Letter;
use redrive_core::ports::Gauges;
use redrive_core::replay::job::{Disposition, JobEntry};
use redrive_core::replay::{MESSAGE_LIMIT, Outgoing};
use tokio::time::Instant;
use tracing::warn;

use super::send::line;
use super::{Ports, ReplayReport, Replayer, Sending};

/// For so long an answer serves: nobody changes it twice in a minute.
const SERVES: Duration = Duration::from_secs(60);

/// The last answer, of the queue's own or of another destination, by its place.
#[derive(Debug, Default)]
pub(super) struct Limits(Mutex<Vec<(Option<String>, Instant, usize)>>);

impl<P: Ports> Replayer<P> {
    /// The most bytes of a message that the destination takes. What does not say is taken to take what SQS takes: then SQS itself
    /// refuses what is too large.
    pub(super) async fn limit(&self, sending: Sending<'_>) -> usize {
        let to = sending.to.map(ToString::to_string);
        let known = |all: &[(Option<String>, Instant, usize)]| {
            let fresh = all.iter().find(|(whose, at, _)| *whose == to && at.elapsed() < SERVES)?;
            Some(fresh.2)
        };
        if let Some(limit) = known(&self.limits.0.lock().unwrap_or_else(PoisonError::into_inner)) {
            return limit;
        }
        let limit = match self.gauges(sending.to).limit().await {
            Ok(limit) => limit,
            Err(error) => {
                warn!(%error, "queue did not say how large a message may be; 1 MiB is taken for it");
                MESSAGE_LIMIT
            }
        };
        let mut all = self.limits.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|(whose, ..)| *whose != to);
        all.push((to, Instant::now(), limit));
        limit
    }

    /// The least of what is known by now: for what stands between a limit's being read and its use.
    pub(super) fn known_limit(&self) -> usize {
        let all = self.limits.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().map(|(.., limit)| *limit).min().unwrap_or(MESSAGE_LIMIT)
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
        let fits = |letter: &Letter| sending.edit.is_some() || Self::fits(letter, sending, limit);
        let (open, others): (Vec<_>, Vec<_>) = open.into_iter().partition(fits);
        report.no_attribute_slot += others.len();
        lines.extend(others.iter().map(|letter| line(letter.id, Disposition::NoAttributeSlot)));
        open
    }

    /// Whether this letter can go there as itself, or somebody takes it upon himself that it goes as a new one.
    pub(super) fn fits(letter: &Letter, sending: Sending<'_>, limit: usize) -> bool {
        // At the largest queues everything was asked that is to be asked.
        limit >= MESSAGE_LIMIT || sending.asked.as_new || sending.to.is_some() || Outgoing::fits(letter, limit)
    }
}
