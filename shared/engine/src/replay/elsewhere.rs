//! Other queues that letters may be sent to, by an allow-list and because a person says so.

use redrive_core::ids::QueueArn;
use redrive_core::letters::letter::Letter;
use redrive_core::ports::Clock;
use redrive_core::replay::ConsentTerms;
use redrive_core::replay::job::{Disposition, JobEntry};

use super::send::{line, sent_before};
use super::{Ports, ReplayReport, Replayer, Sending};

/// Another queue that letters may be sent to.
#[derive(Debug)]
pub struct Destination<O, G> {
    /// Which one.
    pub arn: QueueArn,
    /// How it is sent to.
    pub outbox: O,
    /// What a job's guard reads of it.
    pub gauges: G,
}

impl<P: Ports> Replayer<P> {
    /// Other queues that a person may have letters sent to. The schedule never uses them.
    #[must_use]
    pub fn with_destinations(self, destinations: Vec<Destination<P::Outbox, P::Gauges>>) -> Self {
        Self { destinations, ..self }
    }

    fn listed(&self, to: &QueueArn) -> Option<&Destination<P::Outbox, P::Gauges>> {
        self.destinations.iter().find(|destination| destination.arn == *to)
    }

    /// What is meant by a destination: nothing but their own queue, if it is that.
    pub(super) fn other<'a>(&self, to: Option<&'a QueueArn>) -> Option<&'a QueueArn> {
        to.filter(|to| **to != self.settings.reading.source)
    }

    /// Where letters go; `None`: nothing may be sent there.
    pub(super) fn outbox(&self, to: Option<&QueueArn>) -> Option<&P::Outbox> {
        match self.other(to) {
            Some(to) => self.listed(to).map(|destination| &destination.outbox),
            None => self.sends.then_some(&self.outbox),
        }
    }

    /// Of the queue where letters go.
    pub(super) fn gauges(&self, to: Option<&QueueArn>) -> &P::Gauges {
        let listed = self.other(to).and_then(|to| self.listed(to));
        listed.map_or(&self.gauges, |destination| &destination.gauges)
    }

    /// The same with letters of this queue. Elsewhere the message goes without redrive's own attribute, and needs no room for it.
    pub(super) fn towards<'a>(&self, sending: Sending<'a>) -> Sending<'a> {
        let to = self.other(sending.to);
        let asked = ConsentTerms { as_new: sending.asked.as_new || to.is_some(), ..sending.asked };
        Sending { to, asked, ..sending }
    }

    /// Nothing may be sent there. What was being sent when that was still allowed waits in doubt: nobody else ends its claim.
    pub(super) async fn nowhere(
        &self,
        letters: Vec<Letter>,
        sending: Sending<'_>,
        report: &mut ReplayReport,
    ) -> Vec<JobEntry> {
        let note = sending.to.map_or_else(
            || "no destination is configured for its queue".to_owned(),
            |to| format!("{to} is not among the destinations of its queue"),
        );
        let mut lines = Vec::with_capacity(letters.len());
        for letter in letters {
            let held = sending.job.is_some_and(|job| sent_before(&letter, job));
            if !letter.is_lapsed(self.world.now()) || held {
                report.no_destination += 1;
                lines.push(JobEntry { note: Some(note.clone()), ..line(letter.id, Disposition::PolicyNever) });
                continue;
            }
            match self.lapsed(letter, sending, report).await {
                Ok(Err(line)) => lines.push(line),
                Ok(Ok(_)) => report.no_destination += 1,
                Err(_) => report.unavailable += 1,
            }
        }
        lines
    }
}
