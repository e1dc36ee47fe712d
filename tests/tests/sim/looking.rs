//! Operators who look first, think, and then act on what was on the screen.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use redrive_core::ids::{JobId, LetterId};
use redrive_core::letters::letter::{Letter, Status};
use redrive_core::replay::{Candidate, Request, Selection, Shown};
use redrive_core::time::Timestamp;
use tokio::time::sleep;

use crate::bent::Mutant;
use crate::cast::World;

/// Letters as they were shown.
pub(crate) type Screen = BTreeMap<LetterId, Arc<Letter>>;

/// Screens of those who acted: of a process, and of a job.
#[derive(Debug, Clone, Default)]
pub(crate) struct Screens {
    pub(crate) of_processes: BTreeMap<String, Screen>,
    /// With the instant that a filter means.
    pub(crate) of_jobs: BTreeMap<JobId, (Screen, Option<Timestamp>)>,
}

impl World {
    /// The letters of a selection as they stand now, in the table itself.
    fn on_the_screen(&self, request: &Request, selection: &Selection) -> Screen {
        let status = if matches!(request, Request::Restore(_)) { Status::Discarded } else { Status::Pending };
        let shown = |letter: &Arc<Letter>| match selection {
            Selection::Filter(filter) => letter.status == status && filter.fits(&Candidate::of(letter)),
            listed => listed.ids().is_some_and(|ids| ids.contains(&letter.id)),
        };
        self.letters.inner.all().into_iter().filter(shown).map(|letter| (letter.id, letter)).collect()
    }

    /// Looks at what a request means, takes some time, and asks for exactly that.
    pub(crate) async fn looked_at(&self, process: &str, mut request: Request, random: &mut StdRng) -> Request {
        let Some(selection) = request.selection().cloned() else { return request };
        let (screen, at) = (self.on_the_screen(&request, &selection), self.faults.clock().now());
        sleep(Duration::from_millis(random.random_range(0..90_000))).await;
        let job = JobId::from_random(random.random());
        let mut screens = self.screens.lock().expect("screens");
        let exact = || {
            let letters = screen.iter().map(|(id, letter)| (*id, letter.version)).collect();
            Selection::Shown(Shown { letters, named: selection.is_named() })
        };
        // Whoever acts on what fits by then touches what nobody has seen.
        let acts_by_filter = self.letters.mutant == Some(Mutant::ActsOnWhatFitsByThen);
        let fixed = match (&selection, &request) {
            _ if acts_by_filter => selection.clone(),
            (Selection::Filter(_), Request::Job(_)) => selection.clone().as_of(at),
            _ => exact(),
        };
        match &mut request {
            Request::Replay { selection, .. }
            | Request::DryRun { selection, .. }
            | Request::Eject { selection, .. } => {
                *selection = fixed;
            }
            Request::Discard(remark)
            | Request::Restore(remark)
            | Request::Note(remark)
            | Request::Erase(remark)
            | Request::Free(remark) => remark.selection = fixed,
            Request::Job(asked) => {
                (asked.selection, asked.id) = (fixed, Some(job));
                screens.of_jobs.insert(job, (screen, matches!(selection, Selection::Filter(_)).then_some(at)));
                return request;
            }
            Request::Schedule
            | Request::Work
            | Request::Change { .. }
            | Request::Show { .. }
            | Request::Jobs { .. } => {}
        }
        screens.of_processes.insert(process.to_owned(), screen);
        drop(screens);
        request
    }
}
