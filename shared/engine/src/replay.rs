mod reconcile;
mod select;
mod send;

use std::time::Duration;

use redrive_core::cause::Standing;
use redrive_core::decode::Reading;
use redrive_core::ids::LetterId;
use redrive_core::letter::{Letter, LetterWrite, Status};
use redrive_core::policy::Policy;
use redrive_core::ports::{LedgerReader, Letters, Outbox, Unavailable, WriteError};
use redrive_core::replay::{Filter, Request, Selection};
use redrive_core::time::Timestamp;
use serde::Serialize;
use tokio::time::Instant;
use tracing::{info, warn};

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

/// What became of the letters of one run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ReplayReport {
    /// Letters that were looked at in order to be sent, discarded or erased.
    pub considered: usize,
    /// Sent, and marked so.
    pub sent: usize,
    /// Of these: claims of somebody else that had run out.
    pub taken_over: usize,
    /// Refused by SQS, and PENDING again.
    pub not_sent: usize,
    /// Claimed, and perhaps sent: the next run finds out, or sends them again under the next number.
    pub in_doubt: usize,
    /// Found done in the ledger instead of being sent.
    pub resolved_instead: usize,
    /// Replayed earlier, and found done now.
    pub resolved: usize,
    /// Replayed earlier, with no outcome until their deadline.
    pub no_outcome: usize,
    /// Discarded.
    pub discarded: usize,
    /// Without their body from now on.
    pub erased: usize,
    /// Not PENDING any more when it came to it.
    pub changed_meanwhile: usize,
    /// Without a free message attribute for redrive's own.
    pub no_attribute_slot: usize,
    /// Whose body was erased, has expired, or is lost: it cannot be sent.
    pub no_body: usize,
    /// Asked for by id, and not there.
    pub not_found: usize,
    /// Not touched: a table did not answer.
    pub unavailable: usize,
    /// Time ran out before the end of the selection.
    pub more: bool,
    /// SQS refused a whole batch with this code, and the run ended there.
    pub stopped: Option<String>,
    /// What the schedule found PENDING when it had sent what was due, if it saw all of it.
    #[serde(skip)]
    pub standing: Option<Standing>,
}

impl ReplayReport {
    const fn stops(&self) -> bool {
        self.more || self.stopped.is_some()
    }
}

/// Sends letters back to the queue that they came from.
#[derive(Debug)]
pub struct Replayer<O, R, T, W> {
    outbox: O,
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
        Self { outbox, ledger, letters, world, settings }
    }

    /// Carries out one request, until it is done or `deadline` nears. May run twice, late, or beside itself.
    ///
    /// # Errors
    /// [`Unavailable`] if the dead-letter table could not be asked for candidates. What was done until then stands.
    pub async fn run(&self, request: &Request, deadline: Instant) -> Result<ReplayReport, Unavailable> {
        let mut report = ReplayReport::default();
        match request {
            Request::Schedule => self.schedule(deadline, &mut report).await?,
            Request::Replay { selection, by } => {
                self.selected(selection, deadline, &mut report, Step::Send { by, due_by: Timestamp::NEVER }).await?;
            }
            Request::Discard { selection, note, by } => {
                self.selected(selection, deadline, &mut report, Step::Discard { by, note }).await?;
            }
            Request::Erase { selection, note, by } => {
                self.selected(selection, deadline, &mut report, Step::Erase { by, note }).await?;
            }
        }
        Ok(report)
    }

    /// What is due is sent first, and gets most of the time; then it is found out what became of the others.
    async fn schedule(&self, deadline: Instant, report: &mut ReplayReport) -> Result<(), Unavailable> {
        let now = self.world.now();
        let time = deadline.saturating_duration_since(Instant::now());
        let scheduled = Step::Send { by: "schedule", due_by: now };
        let sends_end = Instant::now() + time * 3 / 5;
        self.each(Status::Replaying, now, None, sends_end, report, scheduled).await?;
        self.each(Status::Pending, now, None, sends_end, report, scheduled).await?;
        let sent_all = !std::mem::take(&mut report.more);
        let replayed_end = Instant::now() + deadline.saturating_duration_since(Instant::now()) / 2;
        self.each(Status::Replayed, Timestamp::NEVER, None, replayed_end, report, Step::Reconcile).await?;
        let replayed_all = !std::mem::take(&mut report.more);
        // This walk sees everything that waits: nothing else needs to count it.
        report.standing = Some(Standing::default());
        self.each(Status::Pending, Timestamp::NEVER, None, deadline, report, Step::Reconcile).await?;
        report.standing.take_if(|_| report.more);
        report.more |= !sent_all || !replayed_all;
        Ok(())
    }

    async fn selected(
        &self,
        selection: &Selection,
        deadline: Instant,
        report: &mut ReplayReport,
        step: Step<'_>,
    ) -> Result<(), Unavailable> {
        match selection {
            Selection::Ids(ids) => {
                for chunk in ids.chunks(BATCH) {
                    self.step(chunk, deadline, report, step).await;
                    if report.stops() {
                        break;
                    }
                }
                Ok(())
            }
            Selection::Filter(filter) => {
                self.each(Status::Pending, Timestamp::NEVER, Some(filter), deadline, report, step).await
            }
        }
    }

    /// One step with a few letters, if there is time. What a hanging call leaves behind is claimed, and taken over later.
    async fn step(&self, ids: &[LetterId], deadline: Instant, report: &mut ReplayReport, step: Step<'_>) {
        if !self.time_left(deadline) || tokio::time::timeout_at(deadline, self.take(ids, report, step)).await.is_err() {
            report.more = true;
        }
    }

    fn time_left(&self, deadline: Instant) -> bool {
        deadline.saturating_duration_since(Instant::now()) >= self.settings.reserve
    }

    async fn take(&self, ids: &[LetterId], report: &mut ReplayReport, step: Step<'_>) {
        let letters = match self.letters.read(ids).await {
            Ok(letters) => letters,
            Err(error) => {
                warn!(%error, count = ids.len(), "letters could not be read");
                report.unavailable += ids.len();
                return;
            }
        };
        report.not_found += letters.iter().filter(|letter| letter.is_none()).count();
        let letters: Vec<_> = letters.into_iter().flatten().collect();
        match step {
            Step::Reconcile => self.reconcile(letters, report).await,
            Step::Send { by, due_by } => self.send(letters, by, due_by, report).await,
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
    Discard { by: &'a str, note: &'a str },
    Erase { by: &'a str, note: &'a str },
}

/// What an index is asked for.
type Wanted<'a> = Option<&'a Filter>;
