//! Acts of people of late, as the tables show them: on jobs, and on letters.

use std::collections::BTreeMap;
use std::time::Duration;

use redrive_core::ids::JobId;
use redrive_core::ports::{Acts, Unavailable};
use redrive_core::replay::ActRecord;
use redrive_core::time::Timestamp;
use serde_json::{Value, json};

use crate::jobs::JobOverview;
use crate::text::count;

/// Time before now whose acts are shown.
pub const LATELY: Duration = Duration::from_secs(3_600);
/// Limit of acts on letters that are read.
const READ: usize = 500;

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
    /// Action on so many letters, as the request names it.
    Letters(String, u64),
}

impl ActMatter {
    /// Describes the act in words: `discarded 12 letters`.
    #[must_use]
    pub fn words(&self) -> String {
        let (action, letters) = match self {
            Self::Job(_, became) => return format!("job became {became}"),
            Self::Letters(action, letters) => (action.as_str(), count(*letters, "letter", "letters")),
        };
        match action {
            "discard" => format!("discarded {letters}"),
            "restore" => format!("restored {letters}"),
            "note" => format!("wrote a note on {letters}"),
            "erase" => format!("erased {letters}"),
            "free" => format!("freed the keys of {letters}"),
            "eject" => format!("ejected {letters}"),
            "edit" => format!("edited and sent {letters}"),
            "replay" => format!("sent {letters} at once"),
            other => format!("{other}: {letters}"),
        }
    }
}

impl RecentAct {
    /// Returns the act as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        let mut all = json!({"at": self.at.to_rfc3339(), "who": self.who, "why": self.why});
        match &self.what {
            ActMatter::Job(id, became) => {
                all["job"] = json!(id);
                all["became"] = json!(became);
            }
            ActMatter::Letters(action, letters) => {
                all["action"] = json!(action);
                all["letters"] = json!(letters);
            }
        }
        all
    }
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

/// Returns the instant since which acts are shown.
#[must_use]
pub fn lately(now: Timestamp) -> Timestamp {
    let millis = u64::try_from(LATELY.as_millis()).unwrap_or(u64::MAX);
    Timestamp::from_millis(now.as_millis().saturating_sub(millis))
}

/// Reads what persons did to letters of late, grouped by person, action and reason; of very many, the latest.
///
/// # Errors
///
/// The table's.
pub async fn on_letters(table: &impl Acts, now: Timestamp) -> Result<Vec<RecentAct>, Unavailable> {
    let found = table.acts(lately(now), now, READ).await?;
    let mut acts: BTreeMap<(String, String, Option<String>), (Timestamp, u64)> = BTreeMap::new();
    for ActRecord { at, who, action, letters, why } in found {
        let known = acts.entry((who, action, why)).or_insert((at, 0));
        known.0 = known.0.max(at);
        known.1 = known.1.saturating_add(letters);
    }
    let act =
        |((who, action, why), (at, letters))| RecentAct { at, who, what: ActMatter::Letters(action, letters), why };
    Ok(acts.into_iter().map(act).collect())
}

/// Returns acts in the order in which a screen shows them: the latest first.
#[must_use]
pub fn latest_first(mut acts: Vec<RecentAct>) -> Vec<RecentAct> {
    acts.sort_by(|one, other| other.at.cmp(&one.at).then_with(|| one.who.cmp(&other.who)));
    acts
}

#[cfg(test)]
mod tests {
    use redrive_core::replay::job::{JobEvent, JobState};
    use redrive_testkit::ModelLetters;

    use super::*;
    use crate::samples::{self, NOW};

    fn before(minutes: u64) -> Timestamp {
        Timestamp::from_millis(NOW.as_millis() - minutes * 60_000)
    }

    #[tokio::test]
    async fn acts_on_letters_of_late_are_told_by_person_action_and_reason() {
        let store = ModelLetters::new();
        for (minutes, who, action, letters, why) in [
            (0, "ann", "discard", 200, Some("old")),
            (1, "ann", "discard", 30, Some("old")),
            (2, "bob", "discard", 1, Some("old")),
            (3, "bob", "restore", 2, Some("wrong ones")),
            (4, "ann", "note", 1, Some("waits for v42")),
            (5, "ann", "edit", 1, None),
            (61, "ann", "erase", 1, Some("long ago")),
        ] {
            let (who, action, why) = (who.to_owned(), action.to_owned(), why.map(str::to_owned));
            store.keep_act(ActRecord { at: before(minutes), who, action, letters, why }).await.unwrap();
        }
        let acts = latest_first(on_letters(&store, NOW).await.unwrap());
        let told: Vec<_> =
            acts.iter().map(|act| (act.at, act.who.as_str(), act.what.words(), act.why.as_deref())).collect();
        assert_eq!(
            told,
            [
                (before(0), "ann", "discarded 230 letters".to_owned(), Some("old")),
                (before(2), "bob", "discarded 1 letter".to_owned(), Some("old")),
                (before(3), "bob", "restored 2 letters".to_owned(), Some("wrong ones")),
                (before(4), "ann", "wrote a note on 1 letter".to_owned(), Some("waits for v42")),
                (before(5), "ann", "edited and sent 1 letter".to_owned(), None),
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
