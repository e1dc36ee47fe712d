mod eject;
mod pairs;
mod reconcile;
mod report;
mod send;

use std::time::Duration;

use redrive_core::decode::Reading;
use redrive_core::letter::{Letter, LetterWrite};
use redrive_core::policy::Policy;
use redrive_core::ports::{LedgerReader, Letters, Outbox, Unavailable, WriteError};
use redrive_core::replay::Request;
use redrive_core::time::Timestamp;
use tokio::time::Instant;
use tracing::{info, warn};

pub use pairs::{ReplayError, Reports, replay_all};
pub use report::ReplayReport;

use crate::{ROUNDS, World};

/// How many letters are read, claimed and sent together: SQS's batch.
const BATCH: usize = 10;

/// How replay works.
#[derive(Debug, Clone)]
pub struct ReplaySettings {
    /// Of the queue that letters come from and go back to.
    pub reading: Reading,
    /// When a letter may be replayed without being asked.
    pub policy: Policy,
    /// How long a claim holds: longer than it takes to send and mark a batch.
    pub lease: Duration,
    /// No batch starts with less time left.
    pub reserve: Duration,
}

/// Sends letters back to the queue that they came from.
#[derive(Debug)]
pub struct Replayer<O, R, T, W> {
    outbox: O,
    dead_letters: Option<O>,
    sends: bool,
    ledger: R,
    letters: T,
    world: W,
    settings: ReplaySettings,
}

impl<O, R, T, W> Replayer<O, R, T, W>
where
    O: Outbox,
    R: LedgerReader,
    T: Letters,
    W: World,
{
    /// A replay for one queue pair.
    pub const fn new(outbox: O, ledger: R, letters: T, world: W, settings: ReplaySettings) -> Self {
        Self { outbox, dead_letters: None, sends: true, ledger, letters, world, settings }
    }

    /// The dead-letter queue, to eject letters into: only while no indexer empties it.
    #[must_use]
    pub fn with_ejection(self, dead_letters: O) -> Self {
        Self { dead_letters: Some(dead_letters), ..self }
    }

    /// Nothing is sent back to the queue: its letters can still be discarded, erased and ejected.
    #[must_use]
    pub fn without_destination(self) -> Self {
        Self { sends: false, ..self }
    }

    /// Carries out one request, until it is done or `deadline` nears. May run twice, late, or beside itself. Letters of other
    /// queues are left alone.
    ///
    /// # Errors
    /// [`ReplayError`]: see [`replay_all`].
    pub async fn run(&self, request: &Request, deadline: Instant) -> Result<ReplayReport, ReplayError> {
        replay_all(std::slice::from_ref(self), request, deadline).await.map(|reports| reports.together())
    }

    fn time_left(&self, deadline: Instant) -> bool {
        deadline.saturating_duration_since(Instant::now()) >= self.settings.reserve
    }

    /// One step with a few letters of this queue.
    async fn take(&self, letters: Vec<Letter>, report: &mut ReplayReport, step: Step<'_>) {
        match step {
            Step::Reconcile => self.reconcile(letters, report).await,
            Step::Send { by, due_by } => self.send(letters, by, due_by, report).await,
            Step::Eject { by, named } => self.eject(letters, by, named, report).await,
            Step::Discard { by, note } => self.discard(letters, by, note, report).await,
            Step::Erase { by, note } => self.erase(letters, by, note, report).await,
        }
    }

    async fn discard(&self, letters: Vec<Letter>, by: &str, note: &str, report: &mut ReplayReport) {
        report.considered += letters.len();
        let policy = &self.settings.policy;
        for letter in letters {
            let written = self.change(letter, |letter| letter.discarded(note, by, policy, self.world.now()).ok()).await;
            match written {
                Ok(Some(_)) => report.discarded += 1,
                Ok(None) => report.changed_meanwhile += 1,
                Err(_) => report.unavailable += 1,
            }
        }
    }

    async fn erase(&self, letters: Vec<Letter>, by: &str, note: &str, report: &mut ReplayReport) {
        report.considered += letters.len();
        let policy = &self.settings.policy;
        for letter in letters {
            let written = self.change(letter, |letter| letter.erased(note, by, policy, self.world.now()).ok()).await;
            match written {
                Ok(Some(letter)) => {
                    info!(letter_id = %letter.id, by, "letter's body erased");
                    report.erased += 1;
                }
                Ok(None) => report.changed_meanwhile += 1,
                Err(_) => report.unavailable += 1,
            }
        }
    }

    /// Moves a letter along an edge, deciding again where it changed meanwhile. `None` if the edge does not start where
    /// the letter stands.
    async fn change(
        &self,
        letter: Letter,
        edge: impl Fn(&Letter) -> Option<Letter>,
    ) -> Result<Option<Letter>, Unavailable> {
        let mut found = letter;
        for _ in 0..ROUNDS {
            let Some(next) = edge(&found) else { return Ok(None) };
            match self.letters.write(vec![LetterWrite::change(next.clone())]).await.pop() {
                Some(Ok(())) => return Ok(Some(next)),
                // A lost answer: what is found is what was written.
                Some(Err(WriteError::Condition(Some(now)))) if *now == next => return Ok(Some(next)),
                Some(Err(WriteError::Condition(Some(now)))) => found = *now,
                Some(Err(WriteError::Condition(None))) => return Ok(None),
                Some(Err(WriteError::Unavailable(error))) => {
                    warn!(letter_id = %found.id, %error, "letter was not written");
                    return Err(error);
                }
                None => break,
            }
        }
        Ok(None)
    }
}

/// What is done with each selected letter.
#[derive(Clone, Copy)]
enum Step<'a> {
    Reconcile,
    Send { by: &'a str, due_by: Timestamp },
    Eject { by: &'a str, named: bool },
    Discard { by: &'a str, note: &'a str },
    Erase { by: &'a str, note: &'a str },
}
