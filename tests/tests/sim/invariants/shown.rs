//! Letters that are touched must be those that were shown.

use redrive_core::letters::letter::{EventKind, Letter, Status};
use redrive_testkit::journal::Actor;

use super::{Checker, Invariant};

impl Checker {
    /// A letter was changed: by a person who acts, or for a job, only as it was on the screen.
    pub(super) fn touched(&mut self, actor: &Actor, before: Option<&Letter>, after: &Letter) {
        let Some(before) = before else { return };
        let acts = [EventKind::Claimed, EventKind::Discarded, EventKind::Restored, EventKind::Noted, EventKind::Erased];
        let what = after.history.last().map(|event| event.what).filter(|what| acts.contains(what));
        let Some(what) = what else { return };
        let name = format!("letter {} of {}", after.id, after.origin);
        // A process serves the schedule, too, and what it sends for one person may arrive after it serves the next.
        let by_a_person = after.history.last().is_some_and(|event| event.who == "ann");
        let acts = self.served.get(actor).filter(|_| by_a_person).into_iter().flatten();
        let screens: Vec<_> = acts.filter_map(|act| self.screens.of_acts.get(act)).collect();
        if !screens.is_empty() {
            let (version, changed) = (before.version, before.changed_at());
            // A note changes nothing of what a filter means.
            let same = screens.iter().any(|(screen, exact)| {
                let shown = screen.get(&after.id);
                shown.is_some_and(|shown| if *exact { shown.version == version } else { shown.changed_at() == changed })
            });
            self.must(same, Invariant::ShownIsTouched, || {
                format!(
                    "{name} is {what:?} in version {version} of {changed:?} by {actor}, whom nobody had shown it so"
                )
            });
        }
        // An ejection is claimed without a send, and so for no job.
        let sends = after.sends.len() != before.sends.len() || after.sends.last() != before.sends.last();
        let claims = before.status == Status::Pending && what == EventKind::Claimed && sends;
        let job = after.sends.last_job().filter(|_| claims);
        if let Some(screen) = job.and_then(|job| self.screens.of_jobs.get(&job)) {
            // SQS may have refused it before, and somebody may have noted something.
            let same = |shown: &Letter| shown.deaths == before.deaths && shown.reason == before.reason;
            let shown = screen.get(&after.id).is_some_and(|shown| same(shown));
            self.must(shown, Invariant::ShownIsTouched, || {
                format!("{name} with {} deaths is claimed for a job of which it was not shown so", before.deaths)
            });
        }
    }
}
