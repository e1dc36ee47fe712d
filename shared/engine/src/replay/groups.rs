//! The order of a FIFO queue's groups: whose turn it is, and what becomes of those whose turn it is not.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redrive_core::ids::LetterId;
use redrive_core::job::{Batch, Fate, Job, Line};
use redrive_core::letter::{Letter, SHARDS, Status};
use redrive_core::ports::{Clock, Letters, Unavailable};
use redrive_core::replay::{Candidate, Heads, is_fifo};
use redrive_core::time::Timestamp;
use tracing::warn;

use super::{Listing, Ports, ReplayReport, Replayer, Sending};

/// All open letters are read to find the heads: that may take so much of the time, one part in as many.
const SHARE: u32 = 5;
/// By how much an index may be late.
const LAG: Duration = Duration::from_secs(10);

/// The heads as they were read last, for as long as that is good enough.
#[derive(Debug, Default)]
pub(super) struct Memory(Mutex<Option<Memo>>);

#[derive(Debug)]
struct Memo {
    at: Timestamp,
    took: Duration,
    after_replayed: bool,
    heads: Arc<Heads>,
}

impl Memo {
    /// What is older than the reading was seen by it, with whatever came before it in its group; and not to see at once that a
    /// head is done with makes nothing overtake it.
    fn serves(&self, letters: &[Letter], after_replayed: bool, now: Timestamp) -> bool {
        let changed = |letter: &Letter| letter.history.last().map_or(letter.reason.last_failed_at, |event| event.at);
        self.after_replayed == after_replayed
            && now.since(self.at) < self.took * (SHARE - 1)
            && letters.iter().all(|letter| changed(letter).after(LAG) < self.at)
    }
}

/// Whose turn it is, among some letters.
struct Turns {
    known: Arc<Heads>,
    own: Heads,
}

impl Turns {
    /// Which one a letter waits for.
    fn before(&self, letter: &Letter) -> Option<LetterId> {
        self.own.before(letter).or_else(|| self.known.before(letter))
    }
}

/// What a job says of letters whose turn has not come.
#[derive(Clone, Copy)]
pub(super) struct Queueing<'a> {
    /// Its letters that are not final.
    pub(super) meant: &'a BTreeSet<LetterId>,
    /// Nothing else of it is left.
    pub(super) held_up: bool,
    /// At most so many may go.
    pub(super) limit: usize,
    /// For so long an outcome is waited for.
    pub(super) window: Duration,
}

impl<P: Ports> Replayer<P> {
    /// Of a FIFO queue: which letters stand first in their groups, as far as the index knows, and these letters. What was sent
    /// and marked holds up what comes after it until its outcome is known, unless somebody asked for it not to.
    async fn turns(&self, letters: &[Letter], after_replayed: bool) -> Result<Option<Turns>, Unavailable> {
        let source = &self.settings.reading.source;
        if !is_fifo(source) {
            return Ok(None);
        }
        let holds = |status| match status {
            Status::Pending | Status::Replaying => true,
            Status::Replayed => !after_replayed,
            Status::Resolved | Status::Discarded => false,
        };
        let mut own = Heads::default();
        letters.iter().filter(|letter| holds(letter.status)).for_each(|letter| own.add(&Candidate::of(letter)));
        let begun = self.world.now();
        let remembered = {
            let memory = self.heads.0.lock().unwrap_or_else(PoisonError::into_inner);
            memory
                .as_ref()
                .filter(|memo| memo.serves(letters, after_replayed, begun))
                .map(|memo| Arc::clone(&memo.heads))
        };
        if let Some(known) = remembered {
            return Ok(Some(Turns { known, own }));
        }
        let open = [Status::Pending, Status::Replaying, Status::Replayed, Status::Pending];
        let mut heads = Heads::default();
        for status in open.into_iter().filter(|status| holds(*status)) {
            self.read_heads(status, &mut heads).await?;
        }
        let known = Arc::new(heads);
        let memo = Memo { at: begun, took: self.world.now().since(begun), after_replayed, heads: Arc::clone(&known) };
        *self.heads.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(memo);
        Ok(Some(Turns { known, own }))
    }

    async fn read_heads(&self, status: Status, heads: &mut Heads) -> Result<(), Unavailable> {
        for shard in 0..SHARDS {
            let mut after = None;
            loop {
                let page = self.page(Listing::all(status), shard, after).await?;
                // Another queue's group of the same name is another group.
                let ours = page.candidates.iter().filter(|one| one.source == self.settings.reading.source);
                ours.for_each(|one| heads.add(one));
                let Some(next) = page.next else { break };
                after = Some(next);
            }
        }
        Ok(())
    }

    /// Leaves out those whose turn has not come.
    pub(super) async fn whose_turn(
        &self,
        letters: Vec<Letter>,
        sending: Sending<'_>,
        report: &mut ReplayReport,
        lines: &mut Vec<Line>,
    ) -> Vec<Letter> {
        let turns = match self.turns(&letters, sending.after_replayed).await {
            Ok(None) => return letters,
            Ok(Some(turns)) => turns,
            Err(error) => {
                warn!(%error, count = letters.len(), "heads of groups could not be read; nothing was sent");
                report.unavailable += letters.len();
                return Vec::new();
            }
        };
        let (mut first, mut waiting) = (Vec::with_capacity(letters.len()), Vec::new());
        for letter in letters {
            match turns.before(&letter).filter(|_| letter.status == Status::Pending) {
                Some(head) => waiting.push((letter.id, head)),
                None => first.push(letter),
            }
        }
        if !waiting.is_empty() {
            lines.extend(self.behind(waiting, sending, report).await);
        }
        first
    }

    /// Letters whose turn has not come, each with the one that it waits for. Looks what became of those; and a job that has
    /// nothing else left does not wait for who may stand there for ever.
    async fn behind(
        &self,
        waiting: Vec<(LetterId, LetterId)>,
        sending: Sending<'_>,
        report: &mut ReplayReport,
    ) -> Vec<Line> {
        report.behind += waiting.len();
        let mut ids: Vec<_> = waiting.iter().map(|(_, head)| *head).collect();
        ids.sort_unstable();
        ids.dedup();
        let heads: Vec<Letter> = match self.letters.read(&ids).await {
            Ok(heads) => heads.into_iter().flatten().collect(),
            Err(error) => {
                warn!(%error, count = ids.len(), "letters could not be read; what stands behind them waits");
                return Vec::new();
            }
        };
        let now = self.world.now();
        let lines = sending.queueing.map(|job| {
            let of = |(letter, head): &(LetterId, LetterId)| {
                let head = heads.iter().find(|one| one.id == *head);
                job.line(*letter, head, now)
            };
            waiting.iter().map(of).collect()
        });
        if !heads.is_empty() {
            self.reconcile(heads, report).await;
        }
        lines.unwrap_or_default()
    }
}

impl<'a> Queueing<'a> {
    /// As a job stands.
    pub(super) fn new(job: &Job, open: &[Batch], meant: &'a BTreeSet<LetterId>, now: Timestamp) -> Self {
        let (held_up, limit) = (job.is_held_up(open), job.may_send(open, now));
        Self { meant, held_up, limit, window: job.guard.window() }
    }

    /// What becomes of a letter behind another one.
    fn line(&self, letter: LetterId, head: Option<&Letter>, now: Timestamp) -> Line {
        let still = head.filter(|head| {
            let sent = head.sends.last().is_some_and(|send| now.since(send.at) <= self.window);
            match head.status {
                Status::Pending => true,
                Status::Replaying | Status::Replayed => !sent,
                Status::Resolved | Status::Discarded => false,
            }
        });
        let still = still.filter(|head| self.held_up && !self.meant.contains(&head.id));
        let note = still.map(|head| format!("behind letter {}, which is {}", head.id, head.status));
        let fate = if note.is_some() { Fate::HeldUp } else { Fate::Behind };
        Line { fate, note, ..Line::planned(letter) }
    }
}
