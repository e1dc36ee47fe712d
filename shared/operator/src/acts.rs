//! Acts of people of late, as far as the tables show them: on jobs, and letters that were given up.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::try_join_all;
use redrive_core::ids::{JobId, LetterId};
use redrive_core::letters::letter::{EventKind, Letter, Status};
use redrive_core::letters::listing::{Listing, Place};
use redrive_core::ports::{Letters, Unavailable};
use redrive_core::replay::Candidate;
use redrive_core::time::Timestamp;

use crate::jobs::JobOverview;

/// Time before now whose acts are shown.
pub const LATELY: Duration = Duration::from_secs(3_600);
/// Limit of discarded letters that are looked for in each lane, and of those that are read whole.
const OF_A_LANE: usize = 100;
const READ: usize = 50;

/// Act of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecentAct {
    /// Time of the act; the latest, of several on letters.
    pub at: Timestamp,
    /// Name of the person.
    pub who: String,
    /// Matter of the act.
    pub what: ActMatter,
    /// Reason that was given.
    pub why: Option<String>,
}

/// Matter of an act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ActMatter {
    /// A job entered this state.
    Job(JobId, String),
    /// So many letters were discarded.
    Discarded(u64),
}

/// Returns what persons did to these jobs since an instant. What a job does by itself is no act of a person.
#[must_use]
pub fn on_jobs(jobs: &[JobOverview], since: Timestamp) -> Vec<RecentAct> {
    let mut acts = Vec::new();
    for JobOverview { job, .. } in jobs {
        let own = job.name();
        let events = job.history.iter().filter(|event| event.at >= since && event.who != own);
        acts.extend(events.map(|event| RecentAct {
            at: event.at,
            who: event.who.clone(),
            what: ActMatter::Job(job.id, event.became.clone()),
            why: event.why.clone(),
        }));
    }
    acts
}

/// Reads who discarded letters since an instant, grouped by person and reason; of very many, those that were discarded last.
///
/// # Errors
///
/// The table's.
pub async fn discards<L: Letters>(letters: &L, since: Timestamp) -> Result<Vec<RecentAct>, Unavailable> {
    let start = Place { due: since, id: LetterId::LEAST };
    let lanes = letters.lanes().into_iter().map(|lane| lane.behind(start));
    let pages = lanes.map(|from| letters.scan(Listing::all(Status::Discarded), from, OF_A_LANE));
    let found: Vec<Candidate> = try_join_all(pages).await?.into_iter().flat_map(|page| page.candidates).collect();
    let mut found: Vec<_> = found.into_iter().filter(|one| one.due >= since).collect();
    found.sort_by_key(|one| (std::cmp::Reverse(one.due), one.id));
    let ids: Vec<_> = found.iter().take(READ).map(|one| one.id).collect();
    let mut acts: BTreeMap<(String, Option<String>), RecentAct> = BTreeMap::new();
    for letter in letters.read(&ids).await?.into_iter().flatten() {
        let Some(act) = discard_of(&letter) else { continue };
        let known = acts
            .entry((act.who.clone(), act.why.clone()))
            .or_insert(RecentAct { what: ActMatter::Discarded(0), ..act.clone() });
        known.at = known.at.max(act.at);
        if let ActMatter::Discarded(letters) = &mut known.what {
            *letters += 1;
        }
    }
    Ok(acts.into_values().collect())
}

fn discard_of(letter: &Letter) -> Option<RecentAct> {
    let event = letter.history.iter().rfind(|event| event.what == EventKind::Discarded)?;
    let (who, why) = (event.who.clone(), event.note.clone());
    Some(RecentAct { at: event.at, who, what: ActMatter::Discarded(1), why })
}

/// Returns acts in the order in which a screen shows them: the latest first.
#[must_use]
pub fn latest_first(mut acts: Vec<RecentAct>) -> Vec<RecentAct> {
    acts.sort_by(|one, other| other.at.cmp(&one.at).then_with(|| one.who.cmp(&other.who)));
    acts
}

#[cfg(test)]
mod tests {
    use redrive_core::letters::edges;
    use redrive_core::replay::job::{JobEvent, JobState};
    use redrive_testkit::ModelLetters;

    use super::*;
    use crate::samples::{self, NOW};

    fn before(minutes: u64) -> Timestamp {
        Timestamp::from_millis(NOW.as_millis() - minutes * 60_000)
    }

    #[tokio::test]
    async fn letters_that_were_given_up_of_late_are_told_by_person_and_reason() {
        let store = ModelLetters::new();
        let all: Vec<_> = samples::letters().into_iter().filter(|one| one.status == Status::Pending).collect();
        for (n, letter) in all.iter().enumerate() {
            let (by, note) = (["ann", "bob"][n % 2], ["old", "test orders"][n % 4 / 2]);
            let minutes = if n < 8 { n as u64 } else { 60 + n as u64 };
            store.force(edges::discard(letter, note, by, &samples::policy(), before(minutes)).unwrap());
        }
        let acts = latest_first(discards(&store, before(60)).await.unwrap());
        let told: Vec<_> = acts.iter().map(|act| (act.at, act.who.as_str(), act.why.as_deref(), &act.what)).collect();
        let two = ActMatter::Discarded(2);
        assert_eq!(
            told,
            [
                (before(0), "ann", Some("old"), &two),
                (before(1), "bob", Some("old"), &two),
                (before(2), "ann", Some("test orders"), &two),
                (before(3), "bob", Some("test orders"), &two),
            ]
        );
    }

    #[test]
    fn what_a_job_does_by_itself_is_no_act() {
        let mut overview = samples::job(1, JobState::Canary, &[]);
        let name = overview.job.name();
        let event = |at, who: &str, became: &str| JobEvent {
            at,
            became: became.to_owned(),
            who: who.to_owned(),
            why: None,
            version: 0,
        };
        overview.job.history = vec![
            event(before(90), "ann", "CANARY"),
            event(before(50), &name, "RAMPING"),
            event(before(10), "bob", "PAUSED"),
        ];
        let acts = on_jobs(&[overview.clone()], before(60));
        let what = ActMatter::Job(overview.job.id, "PAUSED".to_owned());
        assert_eq!(acts, [RecentAct { at: before(10), who: "bob".to_owned(), what, why: None }]);
    }
}
