//! Operators who look first, think, and then act on what was on the screen.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use redrive_core::ids::{JobId, LetterId};
use redrive_core::letters::letter::{Letter, Status};
use redrive_core::replay::{Candidate, IN_FLIGHT, Request, Selection, Shown};
use redrive_core::time::Timestamp;
use tokio::time::sleep;

use crate::actors::World;
use crate::faulty_stores::Mutant;

/// Letters as they were shown.
pub(crate) type Screen = BTreeMap<LetterId, Arc<Letter>>;

/// Screens of those who acted: of a request, and of a job.
#[derive(Debug, Clone, Default)]
pub(crate) struct Screens {
    /// Each with true if the letters were asked for in their versions, and not by a filter.
    pub(crate) of_acts: BTreeMap<String, (Screen, bool)>,
    pub(crate) of_jobs: BTreeMap<JobId, Screen>,
}

impl World {
    /// Returns the letters of a selection as the command shows them: an index lists them, and the table is read.
    fn on_the_screen(&self, request: &Request, selection: &Selection) -> Screen {
        let status = if matches!(request, Request::Restore(_)) { Status::Discarded } else { Status::Pending };
        let listed = match selection {
            Selection::Filter(_) => self.letters.inner.indexed(status),
            listed => listed.ids().unwrap_or_default(),
        };
        let fits = |letter: &Arc<Letter>| match selection {
            Selection::Filter(filter) => letter.status == status && filter.fits(&Candidate::of(letter)),
            Selection::Ids(_) | Selection::Shown(_) | Selection::Listed(_) => true,
        };
        let letters = listed.into_iter().filter_map(|id| self.letters.inner.letter(id));
        letters.filter(fits).map(|letter| (letter.id, letter)).collect()
    }

    /// Looks at what a request means, takes some time, and asks for exactly that: for the letters in the versions that were shown, or,
    /// as whoever does without the command may, for the filter at the instant of the look.
    pub(crate) async fn looked_at(&self, act: &str, mut request: Request, random: &mut StdRng) -> Request {
        let Some(selection) = request.selection().cloned() else { return request };
        let (screen, at) = (self.on_the_screen(&request, &selection), self.faults.clock().now());
        sleep(Duration::from_millis(random.random_range(0..90_000))).await;
        let bits = random.random::<u128>();
        let job = JobId::from_random(bits);
        let by_instant = matches!(request, Request::Job(_)) || bits.is_multiple_of(3);
        let fixed = self.fixed(&selection, &screen, (at, by_instant));
        let mut screens = self.screens.lock().expect("screens");
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
                screens.of_jobs.insert(job, screen);
                return request;
            }
            Request::Schedule
            | Request::Work
            | Request::AddToList { .. }
            | Request::Change { .. }
            | Request::Show { .. }
            | Request::Jobs { .. } => {}
        }
        let exact = !(by_instant && matches!(selection, Selection::Filter(_)));
        screens.of_acts.insert(act.to_owned(), (screen, exact));
        drop(screens);
        request
    }

    /// Returns the selection that is asked for.
    fn fixed(&self, selection: &Selection, screen: &Screen, (at, by_instant): (Timestamp, bool)) -> Selection {
        match (self.letters.mutant, selection) {
            (Some(Mutant::ActsOnWhatFitsByThen), _) => selection.clone(),
            // By its own time a letter was there whose write was on its way.
            (Some(Mutant::AsOfWithoutMargin), Selection::Filter(_)) if by_instant => {
                selection.clone().shown_at(at.after(IN_FLIGHT), []).0
            }
            (_, Selection::Filter(_)) if by_instant => {
                let shown = screen.values().map(|letter| (letter.id, letter.changed_at(), letter.version));
                selection.clone().shown_at(at, shown).0
            }
            _ => {
                let letters = screen.iter().map(|(id, letter)| (*id, letter.version)).collect();
                Selection::Shown(Shown { letters, named: selection.is_named() })
            }
        }
    }
}
