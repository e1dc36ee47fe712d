mod control;
mod edit;
mod eject;
mod elsewhere;
mod erase;
mod free;
mod groups;
mod limit;
mod mark;
mod pairs;
mod ports;
mod reconcile;
mod report;
mod send;
mod turn;
mod turns;
mod walk;
mod warnings;
mod watch;

use std::time::Duration;

use redrive_core::ids::{JobId, LetterId, QueueArn};
use redrive_core::letters::letter::{Letter, LetterWrite};
use redrive_core::letters::policy::Policy;
use redrive_core::message::decode::Reading;
use redrive_core::ports::{Clock, Letters, Unavailable, WriteError};
use redrive_core::replay::job::Disposition;
use redrive_core::replay::{ConsentTerms, Remark, ReplayOptions, Request, Selection};
use redrive_core::time::Timestamp;
use tokio::time::Instant;
use tracing::warn;

pub use elsewhere::Destination;
pub use pairs::{ReplayError, Reports, replay_all};
pub use ports::Ports;
pub use report::{JobView, RefusedEdit, ReplayReport, TooLarge};

use crate::ROUNDS;
use edit::Editing;
use groups::{Memory, Queueing};
use limit::Limits;

/// How many letters are claimed together: calls to the tables are shared.
const STEP: usize = 100;
/// Number of candidates that are asked for at once.
const PAGE: usize = 100;

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
pub struct Replayer<P: Ports> {
    outbox: P::Outbox,
    dead_letters: Option<(P::Outbox, P::Gauges)>,
    sends: bool,
    destinations: Vec<Destination<P::Outbox, P::Gauges>>,
    ledger: P::Ledger,
    letters: P::Letters,
    gauges: P::Gauges,
    world: P::World,
    settings: ReplaySettings,
    heads: Memory,
    limits: Limits,
}

impl<O, R, T, G, W> Replayer<(O, R, T, G, W)>
where
    (O, R, T, G, W): Ports<Outbox = O, Ledger = R, Letters = T, Gauges = G, World = W>,
{
    /// A replay for one queue pair.
    pub fn new(outbox: O, ledger: R, letters: T, gauges: G, world: W, settings: ReplaySettings) -> Self {
        let (destinations, heads, limits) = (Vec::new(), Memory::default(), Limits::default());
        let (dead_letters, sends) = (None, true);
        Self { outbox, dead_letters, sends, destinations, ledger, letters, gauges, world, settings, heads, limits }
    }
}

impl<P: Ports> Replayer<P> {
    /// The dead-letter queue, to eject letters into: only while no indexer empties it.
    #[must_use]
    pub fn with_ejection(self, dead_letters: P::Outbox, gauges: P::Gauges) -> Self {
        Self { dead_letters: Some((dead_letters, gauges)), ..self }
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

    /// Whether a letter is of this queue.
    fn owns(&self, letter: &Letter) -> bool {
        letter.source == self.settings.reading.source
    }

    fn time_left(&self, deadline: Instant) -> bool {
        deadline.saturating_duration_since(Instant::now()) >= self.settings.reserve
    }

    /// One step with some letters of this queue. Answers with those that their queue has refused, and that wait again.
    async fn take(
        &self,
        letters: Vec<Letter>,
        report: &mut ReplayReport,
        step: Step<'_>,
        meant: Meant<'_>,
    ) -> Vec<LetterId> {
        let sent = match step {
            Step::Send(sending) => self.send(letters, sending, report).await,
            Step::Eject { by, named } => self.eject(letters, by, named, report).await,
            _ => {
                self.move_along(letters, report, step, meant).await;
                Vec::new()
            }
        };
        sent.iter().filter(|line| line.disposition == Disposition::Refused).map(|line| line.letter).collect()
    }

    /// A step that sends nothing.
    async fn move_along(&self, letters: Vec<Letter>, report: &mut ReplayReport, step: Step<'_>, meant: Meant<'_>) {
        match step {
            Step::Send(_) | Step::Eject { .. } => {}
            Step::Free(remark) => self.free(letters, remark, report).await,
            Step::Reconcile => self.reconcile(letters, report).await,
            Step::Look(sending) => self.look(letters, sending, report).await,
            Step::Remark(said, remark) => {
                self.say((letters, meant), (said, remark), &self.settings.policy, report).await;
            }
        }
    }

    /// What a person says of letters: of this queue, or of one that is not configured any more.
    async fn say(
        &self,
        (letters, meant): (Vec<Letter>, Meant<'_>),
        (said, remark): (Saying, &Remark),
        policy: &Policy,
        report: &mut ReplayReport,
    ) {
        let Remark { note, by, .. } = remark;
        // What else is known of the messages goes first.
        let letters = match said {
            Saying::Erase => self.forget_traces(letters, remark, policy, report).await,
            Saying::Restore => self.entered(letters, report).await,
            Saying::Discard | Saying::Note => letters,
        };
        let edge = |letter: &Letter, now| match said {
            Saying::Discard => letter.discarded(note, by, policy, now).ok(),
            Saying::Restore => letter.restored(note, by, now).ok(),
            Saying::Note => Some(letter.noted(note, by, now)),
            Saying::Erase => letter.erased(note, by, policy, now).ok(),
        };
        let count: fn(&mut ReplayReport) -> &mut usize = match said {
            Saying::Discard => |report| &mut report.discarded,
            Saying::Restore => |report| &mut report.restored,
            Saying::Note => |report| &mut report.noted,
            Saying::Erase => |report| &mut report.erased,
        };
        self.put((letters, meant), edge, report, count).await;
    }

    /// Moves each letter along an edge, and counts those that went. What changes under it is another than was meant.
    async fn put(
        &self,
        (letters, meant): (Vec<Letter>, Meant<'_>),
        edge: impl Fn(&Letter, Timestamp) -> Option<Letter>,
        report: &mut ReplayReport,
        count: fn(&mut ReplayReport) -> &mut usize,
    ) {
        report.considered += letters.len();
        let edge = |letter: &Letter| edge(letter, self.world.now()).filter(|_| meant.is_unchanged(letter));
        for moved in self.change_all(letters.into_iter().map(|letter| (letter, &edge)).collect()).await {
            match moved {
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
        self.change_all(vec![(letter, edge)]).await.pop().unwrap_or(Ok(None))
    }

    /// The same with many letters, each along an edge of its own, in as few calls as that takes. One answer for each, in order.
    async fn change_all<E>(&self, letters: Vec<(Letter, E)>) -> Vec<Result<Option<Letter>, Unavailable>>
    where
        E: Fn(&Letter) -> Option<Letter>,
    {
        let mut answers = vec![Ok(None); letters.len()];
        let mut open: Vec<_> = letters.into_iter().enumerate().collect();
        for _ in 0..ROUNDS {
            let (mut asked, mut writes) = (Vec::new(), Vec::new());
            for (place, (found, edge)) in open {
                let Some(next) = edge(&found) else { continue };
                writes.push(LetterWrite::change(next));
                asked.push((place, edge));
            }
            if writes.is_empty() {
                break;
            }
            open = Vec::new();
            let written = self.letters.write(writes.clone()).await;
            for (((place, edge), LetterWrite { letter: next, .. }), written) in
                asked.into_iter().zip(writes).zip(written)
            {
                match written {
                    Ok(()) => answers[place] = Ok(Some(next)),
                    // A lost answer: what is found is what was written.
                    Err(WriteError::Condition(Some(now))) if *now == next => answers[place] = Ok(Some(next)),
                    Err(WriteError::Condition(Some(now))) => open.push((place, (*now, edge))),
                    Err(WriteError::Condition(None)) => {}
                    Err(WriteError::Unavailable(error)) => {
                        warn!(letter_id = %next.id, %error, "letter was not written");
                        answers[place] = Err(error);
                    }
                }
            }
        }
        answers
    }
}

/// What is done with each selected letter.
#[derive(Clone, Copy)]
enum Step<'a> {
    Reconcile,
    Send(Sending<'a>),
    Look(Sending<'a>),
    Eject { by: &'a str, named: bool },
    Remark(Saying, &'a Remark),
    Free(&'a Remark),
}

/// What a person says of letters. It sends nothing, and so needs nothing of their queue.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Saying {
    Discard,
    Restore,
    Note,
    Erase,
}

/// Which letters are meant: those of a selection as it was fixed, or whatever is found.
#[derive(Clone, Copy)]
struct Meant<'a>(Option<&'a Selection>);

impl Meant<'_> {
    fn is_unchanged(self, letter: &Letter) -> bool {
        self.0.is_none_or(|selection| selection.is_unchanged(letter))
    }

    /// Whether it was selected and has changed since; what came later is none of it.
    fn has_lost(self, letter: &Letter) -> bool {
        !self.is_unchanged(letter) && self.0.is_some_and(|selection| selection.has_met(letter))
    }
}

/// In whose name letters are sent, and how insistently.
#[derive(Clone, Copy)]
struct Sending<'a> {
    by: &'a str,
    asked: ConsentTerms,
    job: Option<JobId>,
    edit: Option<Editing<'a>>,
    /// Another queue that they go to.
    to: Option<&'a QueueArn>,
    /// On a FIFO queue: whether what was sent holds up what comes after it.
    after_replayed: bool,
    /// A job's: what it says of letters whose turn has not come.
    queueing: Option<Queueing<'a>>,
}

impl<'a> Sending<'a> {
    /// What a person asks for.
    fn of(selection: &Selection, by: &'a str, said: &'a ReplayOptions) -> Self {
        let asked = ConsentTerms {
            due_by: Timestamp::NEVER,
            named: selection.is_named(),
            forgotten_ok: said.forgotten_ok,
            as_new: said.as_new,
        };
        let edit = said.edit.as_ref().map(|edit| Editing { edit, by, allow_key_change: said.allow_key_change });
        Self { by, asked, job: None, edit, to: said.to.as_ref(), after_replayed: said.after_replayed, queueing: None }
    }
}
