mod control;
mod reconcile;
mod report;
mod select;
mod send;
mod turn;
mod walk;
mod watch;

use std::time::Duration;

use redrive_core::cause::Standing;
use redrive_core::decode::Reading;
use redrive_core::ids::{JobId, LetterId};
use redrive_core::letter::{Letter, LetterWrite, Status};
use redrive_core::policy::Policy;
use redrive_core::ports::{Gauges, Jobs, LedgerReader, Letters, Outbox, Unavailable, WriteError};
use redrive_core::replay::{Asked, Filter, Remark, Request, Said, Selection};
use redrive_core::time::Timestamp;
use tokio::time::Instant;
use tracing::warn;

pub use report::{JobView, ReplayReport};

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
    /// How long the ledger remembers.
    pub ledger_retention: Duration,
    /// No batch starts with less time left.
    pub reserve: Duration,
}

/// Sends letters back to the queue that they came from.
#[derive(Debug)]
pub struct Replayer<O, R, T, G, W> {
    outbox: O,
    ledger: R,
    letters: T,
    gauges: G,
    world: W,
    settings: ReplaySettings,
}

impl<O, R, T, G, W> Replayer<O, R, T, G, W>
where
    O: Outbox,
    R: LedgerReader,
    T: Letters + Jobs,
    G: Gauges,
    W: World,
{
    /// A replay for one queue pair.
    pub const fn new(outbox: O, ledger: R, letters: T, gauges: G, world: W, settings: ReplaySettings) -> Self {
        Self { outbox, ledger, letters, gauges, world, settings }
    }

    /// Carries out one request, until it is done or `deadline` nears. May run twice, late, or beside itself.
    ///
    /// # Errors
    /// [`Unavailable`] if the dead-letter table could not be asked for candidates or for a job. What was done until then
    /// stands.
    pub async fn run(&self, request: &Request, deadline: Instant) -> Result<ReplayReport, Unavailable> {
        let mut report = ReplayReport::default();
        match request {
            Request::Schedule => self.scheduled(deadline, &mut report).await?,
            Request::Work => self.work(self.open_jobs().await?, deadline, &mut report).await,
            Request::Replay { selection, by, said } => {
                let sending = Sending { by, asked: asked(selection, *said), job: None };
                self.selected(selection, deadline, &mut report, Step::Send(sending)).await?;
            }
            Request::DryRun { selection, said } => {
                self.selected(selection, deadline, &mut report, Step::Look(asked(selection, *said))).await?;
            }
            Request::Discard(remark) => self.remarked(remark, Step::Discard, deadline, &mut report).await?,
            Request::Restore(remark) => self.remarked(remark, Step::Restore, deadline, &mut report).await?,
            Request::Note(remark) => self.remarked(remark, Step::Note, deadline, &mut report).await?,
            Request::Erase(remark) => self.remarked(remark, Step::Erase, deadline, &mut report).await?,
            Request::Job(asked) => self.create(asked, &mut report).await?,
            Request::Change { job, to, by, why } => self.steer(*job, *to, by, why.clone(), &mut report).await?,
            Request::Show { job, from } => self.show(*job, *from, &mut report).await?,
            Request::Jobs { open } => self.list(*open, &mut report).await?,
        }
        Ok(report)
    }

    async fn remarked<'a>(
        &self,
        remark: &'a Remark,
        step: impl FnOnce(&'a Remark) -> Step<'a>,
        deadline: Instant,
        report: &mut ReplayReport,
    ) -> Result<(), Unavailable> {
        self.selected(&remark.selection, deadline, report, step(remark)).await
    }

    /// The standing job, and then the others that are open, which get half of the time; neither waits for the other's
    /// troubles to be over.
    async fn scheduled(&self, deadline: Instant, report: &mut ReplayReport) -> Result<(), Unavailable> {
        let open = self.open_jobs().await;
        let half = Instant::now() + deadline.saturating_duration_since(Instant::now()) / 2;
        let jobs_wait = open.as_ref().is_ok_and(|jobs| !jobs.is_empty());
        let done = self.schedule(if jobs_wait { half } else { deadline }, report).await;
        let more = std::mem::take(&mut report.more);
        if report.stopped.is_none() {
            self.work(open?, deadline, report).await;
        }
        report.more |= more;
        done
    }

    /// What is due is sent first, and gets most of the time; then it is found out what became of the others.
    async fn schedule(&self, deadline: Instant, report: &mut ReplayReport) -> Result<(), Unavailable> {
        let now = self.world.now();
        let time = deadline.saturating_duration_since(Instant::now());
        let asked = Asked { due_by: now, named: false, forgotten_ok: false, as_new: false };
        let scheduled = Step::Send(Sending { by: "schedule", asked, job: None });
        let sends_end = Instant::now() + time * 3 / 5;
        self.each(Listing::due(Status::Replaying, now), None, sends_end, report, scheduled).await?;
        self.each(Listing::due(Status::Pending, now), None, sends_end, report, scheduled).await?;
        if !self.ledger.is_kept() {
            // There is nothing to ask: REPLAYED is final.
            return Ok(());
        }
        let sent_all = !std::mem::take(&mut report.more);
        let replayed_end = Instant::now() + deadline.saturating_duration_since(Instant::now()) / 2;
        self.each(Listing::all(Status::Replayed), None, replayed_end, report, Step::Reconcile).await?;
        let replayed_all = !std::mem::take(&mut report.more);
        // This walk sees everything that waits: nothing else needs to count it.
        report.tally = Some(Standing::default());
        let walked = self.each(Listing::all(Status::Pending), None, deadline, report, Step::Reconcile).await;
        let tally = report.tally.take();
        walked?;
        report.standing = tally.filter(|_| !report.more);
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
                let status = if matches!(step, Step::Restore(_)) { Status::Discarded } else { Status::Pending };
                self.each(Listing::of(filter, status), Some(filter), deadline, report, step).await
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
            Step::Send(sending) => drop(self.send(letters, sending, report).await),
            Step::Look(asked) => self.look(letters, asked, report).await,
            Step::Discard(remark) => {
                let policy = &self.settings.policy;
                let edge = |letter: &Letter, now| letter.discarded(&remark.note, &remark.by, policy, now).ok();
                self.put(letters, edge, report, |report| &mut report.discarded).await;
            }
            Step::Restore(remark) => {
                let edge = |letter: &Letter, now| letter.restored(&remark.note, &remark.by, now).ok();
                self.put(letters, edge, report, |report| &mut report.restored).await;
            }
            Step::Note(remark) => {
                let edge = |letter: &Letter, now| Some(letter.noted(&remark.note, &remark.by, now));
                self.put(letters, edge, report, |report| &mut report.noted).await;
            }
            Step::Erase(remark) => {
                let policy = &self.settings.policy;
                let edge = |letter: &Letter, now| letter.erased(&remark.note, &remark.by, policy, now).ok();
                self.put(letters, edge, report, |report| &mut report.erased).await;
            }
        }
    }

    /// Moves each letter along an edge, and counts those that went.
    async fn put(
        &self,
        letters: Vec<Letter>,
        edge: impl Fn(&Letter, Timestamp) -> Option<Letter>,
        report: &mut ReplayReport,
        count: fn(&mut ReplayReport) -> &mut usize,
    ) {
        report.considered += letters.len();
        for letter in letters {
            match self.change(letter, |letter| edge(letter, self.world.now())).await {
                Ok(Some(_)) => *count(report) += 1,
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
    Send(Sending<'a>),
    Look(Asked),
    Discard(&'a Remark),
    Restore(&'a Remark),
    Note(&'a Remark),
    Erase(&'a Remark),
}

/// In whose name letters are sent, and how insistently.
#[derive(Clone, Copy)]
struct Sending<'a> {
    by: &'a str,
    asked: Asked,
    job: Option<JobId>,
}

/// Which part of which index is walked.
#[derive(Clone, Copy)]
enum Listing<'a> {
    Status { status: Status, due_by: Timestamp },
    Cause { fingerprint: &'a str, status: Status },
}

impl<'a> Listing<'a> {
    const fn due(status: Status, due_by: Timestamp) -> Self {
        Self::Status { status, due_by }
    }

    const fn all(status: Status) -> Self {
        Self::due(status, Timestamp::NEVER)
    }

    /// The shortest list that holds everything that fits.
    fn of(filter: &'a Filter, status: Status) -> Self {
        match &filter.fingerprint {
            Some(fingerprint) => Self::Cause { fingerprint, status },
            None => Self::all(status),
        }
    }
}

fn asked(selection: &Selection, said: Said) -> Asked {
    Asked {
        due_by: Timestamp::NEVER,
        named: matches!(selection, Selection::Ids(_)),
        forgotten_ok: said.forgotten_ok,
        as_new: said.as_new,
    }
}
