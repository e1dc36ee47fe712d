use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use redrive_core::ids::{JobId, QueueArn};
use redrive_core::ports::{Gauges, Jobs, Turns, Unavailable, WriteError};
use redrive_core::replay::job::{AlarmState, Job, JobBatch, ListPart};
use redrive_core::replay::{GroupTurn, MESSAGE_LIMIT};

use super::ModelLetters;
use crate::faults::Faults;
use crate::journal::What;
use crate::lock;

const SERVICE: &str = "letters";

/// Heads and batches of jobs.
#[derive(Debug, Default)]
pub(super) struct JobItems {
    heads: BTreeMap<JobId, Job>,
    batches: BTreeMap<(JobId, u32), JobBatch>,
    parts: BTreeMap<(JobId, u32), ListPart>,
    turns: BTreeMap<(QueueArn, String), GroupTurn>,
}

/// The condition of a first version, and of every later one.
fn holds(version: u64, found: Option<u64>) -> bool {
    found.unwrap_or(0) + 1 == version
}

impl ModelLetters {
    /// Returns all jobs in the store.
    #[must_use]
    pub fn all_jobs(&self) -> Vec<Job> {
        lock(&self.jobs).heads.values().cloned().collect()
    }

    /// Returns all batches of a job, the forgotten ones included.
    #[must_use]
    pub fn all_batches(&self, id: JobId) -> Vec<JobBatch> {
        lock(&self.jobs).batches.range((id, 0)..=(id, u32::MAX)).map(|(_, batch)| batch.clone()).collect()
    }
}

impl Turns for ModelLetters {
    async fn turn(&self, source: &QueueArn, group: &str) -> Result<Option<GroupTurn>, Unavailable> {
        let key = (source.clone(), group.to_owned());
        let read = || {
            let found = lock(&self.jobs).turns.get(&key).cloned();
            let version = found.as_ref().map_or(0, |turn| turn.version);
            self.faults.record(What::TurnRead { group: group.into(), version });
            found
        };
        self.faults.ask(SERVICE, "read a group's turn", read).await
    }

    async fn write_turn(&self, turn: GroupTurn) -> Result<(), WriteError<GroupTurn>> {
        let (items, faults) = (Arc::clone(&self.jobs), self.faults.clone());
        let write = move |_| {
            let mut items = lock(&items);
            let key = (turn.source.clone(), turn.group.clone());
            let found = items.turns.get(&key);
            if !holds(turn.version, found.map(|found| found.version)) {
                return Err(WriteError::Condition(found.map(|found| Box::new(found.clone()))));
            }
            items.turns.insert(key, turn.clone());
            faults.record(What::TurnWritten { turn: Arc::new(turn.clone()) });
            Ok(())
        };
        self.faults.call(SERVICE, "write a group's turn", write).await.unwrap_or_else(|error| Err(error.into()))
    }
}

impl Jobs for ModelLetters {
    async fn job(&self, id: JobId) -> Result<Option<Job>, Unavailable> {
        self.faults.ask(SERVICE, "read a job", || lock(&self.jobs).heads.get(&id).cloned()).await
    }

    async fn batches(&self, id: JobId, from: u32) -> Result<Vec<JobBatch>, Unavailable> {
        let read = || lock(&self.jobs).batches.range((id, from)..=(id, u32::MAX)).map(|(_, one)| one.clone()).collect();
        self.faults.ask(SERVICE, "read batches", read).await
    }

    async fn jobs(&self, open: bool, limit: usize) -> Result<Vec<JobId>, Unavailable> {
        let query = || {
            let items = lock(&self.jobs);
            let mut found: Vec<_> = items.heads.values().filter(|job| job.is_open() == open).collect();
            found.sort_by_key(|job| std::cmp::Reverse((job.closed_at.unwrap_or(job.created_at), job.id)));
            found.into_iter().take(limit).map(|job| job.id).collect()
        };
        self.faults.ask_an_index(SERVICE, "query the jobs", query).await
    }

    async fn write_job(&self, job: Job) -> Result<(), WriteError<Job>> {
        let (items, faults) = (Arc::clone(&self.jobs), self.faults.clone());
        let write = move |_| {
            let mut items = lock(&items);
            let found = items.heads.get(&job.id);
            if !holds(job.version, found.map(|found| found.version)) {
                return Err(WriteError::Condition(found.map(|found| Box::new(found.clone()))));
            }
            faults.record(What::Note(format!("{} is {} (version {})", job.name(), job.state.as_str(), job.version)));
            items.heads.insert(job.id, job.clone());
            Ok(())
        };
        self.faults.call(SERVICE, "write a job", write).await.unwrap_or_else(|error| Err(error.into()))
    }

    async fn write_batch(&self, batch: JobBatch) -> Result<(), WriteError<JobBatch>> {
        let items = Arc::clone(&self.jobs);
        let write = move |_| {
            let mut items = lock(&items);
            let found = items.batches.get(&(batch.job, batch.n));
            if !holds(batch.version, found.map(|found| found.version)) {
                return Err(WriteError::Condition(found.map(|found| Box::new(found.clone()))));
            }
            items.batches.insert((batch.job, batch.n), batch.clone());
            Ok(())
        };
        self.faults.call(SERVICE, "write a batch", write).await.unwrap_or_else(|error| Err(error.into()))
    }

    async fn list_part(&self, id: JobId, n: u32) -> Result<Option<ListPart>, Unavailable> {
        let read = || lock(&self.jobs).parts.get(&(id, n)).cloned();
        self.faults.ask(SERVICE, "read a part of a list", read).await
    }

    async fn write_list_part(&self, part: ListPart) -> Result<(), WriteError<ListPart>> {
        let items = Arc::clone(&self.jobs);
        let write = move |_| {
            let mut items = lock(&items);
            if let Some(found) = items.parts.get(&(part.job, part.n)) {
                return Err(WriteError::Condition(Some(Box::new(found.clone()))));
            }
            items.parts.insert((part.job, part.n), part.clone());
            Ok(())
        };
        self.faults.call(SERVICE, "write a part of a list", write).await.unwrap_or_else(|error| Err(error.into()))
    }
}

/// Readings for a job's guard: as a test set them. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct ModelGauges {
    set: Arc<Mutex<Set>>,
    faults: Faults,
}

#[derive(Debug, Default)]
struct Set {
    backlog: u64,
    limit: Option<usize>,
    alarms: BTreeMap<String, AlarmState>,
    silent: bool,
}

impl ModelGauges {
    /// Makes readings by which nothing waits, and there is no alarm.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same, as the process of `faults` sees it.
    #[must_use]
    pub fn with_faults(self, faults: Faults) -> Self {
        Self { faults, ..self }
    }

    /// Sets the number of messages that wait.
    pub fn set_backlog(&self, messages: u64) {
        lock(&self.set).backlog = messages;
    }

    /// Sets the limit in bytes of a message that the queue takes.
    pub fn set_limit(&self, bytes: usize) {
        lock(&self.set).limit = Some(bytes);
    }

    /// Lets every reading fail from now on, or succeed again.
    pub fn set_silent(&self, silent: bool) {
        lock(&self.set).silent = silent;
    }

    /// Sets the state of the alarm.
    pub fn set_alarm(&self, name: &str, state: AlarmState) {
        lock(&self.set).alarms.insert(name.to_owned(), state);
    }
}

impl ModelGauges {
    async fn read<T>(
        &self,
        service: &'static str,
        action: &'static str,
        look: impl FnOnce(&Set) -> T + Send,
    ) -> Result<T, Unavailable> {
        let look = || {
            let set = lock(&self.set);
            (!set.silent).then(|| look(&set))
        };
        let silent = || Unavailable { service, action, why: "silent".to_owned() };
        self.faults.ask(service, action, look).await?.ok_or_else(silent)
    }
}

impl Gauges for ModelGauges {
    async fn backlog(&self) -> Result<u64, Unavailable> {
        self.read("main queue", "count what waits", |set| set.backlog).await
    }

    async fn limit(&self) -> Result<usize, Unavailable> {
        self.read("main queue", "say how large a message may be", |set| set.limit.unwrap_or(MESSAGE_LIMIT)).await
    }

    async fn alarm(&self, name: &str) -> Result<AlarmState, Unavailable> {
        self.read("alarms", "tell a state", |set| set.alarms.get(name).copied().unwrap_or(AlarmState::Missing)).await
    }
}
