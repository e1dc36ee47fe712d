//! The order of a FIFO queue's groups: whose turn it is, and what becomes of those whose turn it is not.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redrive_core::ids::LetterId;
use redrive_core::letters::letter::{Letter, Status};
use redrive_core::letters::listing::{Cursor, Listing};
use redrive_core::ports::{Clock, LedgerReader, Letters, Unavailable};
use redrive_core::replay::job::{BATCH, Disposition, Job, JobBatch, JobEntry};
use redrive_core::replay::{Candidate, GroupLeaders, is_fifo};
use redrive_core::time::Timestamp;
use tracing::warn;

use super::pairs::READ;
use super::walk::SKEW;
use super::{PAGE, Ports, ReplayReport, Replayer, Sending};

/// All open letters are read to find the heads: that may take so much of the time, one part in as many.
const SHARE: u32 = 5;
/// What was read longer ago is read again in any case.
const OLD: Duration = Duration::from_secs(30);

/// The heads as they were read last, for as long as that is good enough.
#[derive(Debug, Default)]
pub(super) struct Memory(Mutex<Option<Memo>>);

#[derive(Debug)]
struct Memo {
    at: Timestamp,
    took: Duration,
    after_replayed: bool,
    heads: Arc<GroupLeaders>,
}

impl Memo {
    /// By what was read then only the head of a group may go. A letter that has no place among them is newer, and so may be
    /// what comes before it.
    fn serves(&self, letters: &[Letter], after_replayed: bool, now: Timestamp) -> bool {
        self.after_replayed == after_replayed
            && now.since(self.at) < (self.took * SHARE).min(OLD)
            && letters.iter().all(|letter| self.heads.knows(letter))
    }
}

/// Who stands before others.
struct Before {
    id: LetterId,
    status: Status,
    sent: Option<Timestamp>,
}

impl Before {
    fn of(letter: &Letter) -> Self {
        Self { id: letter.id, status: letter.status, sent: letter.sends.last().map(|send| send.at) }
    }

    /// Whether it may stand there for ever: nothing is to be expected of its last send any more, if there was one.
    fn stands_still(&self, window: Duration, now: Timestamp) -> bool {
        match self.status {
            Status::Pending => true,
            Status::Replaying | Status::Replayed => self.sent.is_none_or(|sent| now.since(sent) > window),
            Status::Resolved | Status::Discarded => false,
        }
    }
}

/// What a job says of letters whose turn has not come.
#[derive(Clone, Copy)]
pub(super) struct Queueing<'a> {
    /// Its letters that are not final.
    meant: &'a BTreeSet<LetterId>,
    /// The heads of their groups, if one of them stands behind another.
    heads: Option<&'a GroupLeaders>,
    /// Nothing else of it is left.
    held_up: bool,
    /// If it has not looked through its selection: heads that are none of it.
    strangers: Option<&'a BTreeSet<LetterId>>,
    /// At most so many may go.
    pub(super) limit: usize,
    /// For so long an outcome is waited for.
    window: Duration,
}

impl<'a> Queueing<'a> {
    /// As a job stands.
    pub(super) fn new(
        job: &Job,
        open: &[JobBatch],
        meant: &'a BTreeSet<LetterId>,
        heads: Option<&'a GroupLeaders>,
        now: Timestamp,
    ) -> Self {
        let (held_up, limit) = (job.is_held_up(open), job.may_send(open, now));
        Self { meant, heads, held_up, strangers: None, limit, window: job.guard.window() }
    }

    /// The same of a job that has not looked through its selection, but at these.
    pub(super) const fn behind_strangers(self, strangers: &'a BTreeSet<LetterId>) -> Self {
        Self { strangers: Some(strangers), ..self }
    }

    /// Of letters that were just planned: none has stood behind another, and none is given up.
    pub(super) fn planned(job: &Job, meant: &'a BTreeSet<LetterId>) -> Self {
        Self { meant, heads: None, held_up: false, strangers: None, limit: 0, window: job.guard.window() }
    }

    /// Whether the turn of a letter has come that stood behind another one, as far as is known here.
    pub(super) fn has_its_turn(&self, line: &JobEntry) -> bool {
        let head = line.group.as_deref().zip(self.heads).and_then(|(group, heads)| heads.of(group));
        line.disposition == Disposition::Behind && self.limit > 0 && head.is_none_or(|head| head == line.letter)
    }

    /// Whether a letter that stands behind another one must be looked at.
    pub(super) fn concerns(&self, line: &JobEntry, job: &Job) -> bool {
        let ended = self.held_up || !job.state.runs();
        line.disposition == Disposition::Behind && (ended || self.has_its_turn(line))
    }

    fn line(&self, letter: LetterId, group: Option<String>, head: Option<&Before>, now: Timestamp) -> JobEntry {
        let strange = |id| !self.meant.contains(id) && self.strangers.is_none_or(|strangers| strangers.contains(id));
        let still = head.filter(|head| strange(&head.id) && head.stands_still(self.window, now));
        let line = JobEntry { disposition: Disposition::Behind, group, ..JobEntry::planned(letter) };
        let Some(head) = still else { return line };
        let note = Some(format!("behind letter {}, which is {}", head.id, head.status));
        JobEntry { disposition: Disposition::HeldUp, note, ..line }
    }
}

/// What stands before letters of a job.
pub(super) enum Ahead {
    /// Some that it means, too, and has not come to.
    ToPlan(Vec<LetterId>),
    /// None that it means.
    Strangers(BTreeSet<LetterId>),
}

impl<P: Ports> Replayer<P> {
    /// Of a FIFO queue: which letters stand first in their groups, as far as the index knows. What was sent and marked holds up
    /// what comes after it until its outcome is known, unless somebody asked for it not to.
    async fn heads(&self, letters: &[Letter], after_replayed: bool) -> Result<Option<Arc<GroupLeaders>>, Unavailable> {
        if !is_fifo(&self.settings.reading.source) {
            return Ok(None);
        }
        let begun = self.world.now();
        let remembered = {
            let memory = self.heads.0.lock().unwrap_or_else(PoisonError::into_inner);
            let serves = memory.as_ref().filter(|memo| memo.serves(letters, after_replayed, begun));
            serves.map(|memo| Arc::clone(&memo.heads))
        };
        if remembered.is_some() {
            return Ok(remembered);
        }
        let open = [Status::Pending, Status::Replaying, Status::Replayed, Status::Pending];
        let mut heads = GroupLeaders::default();
        for status in open.into_iter().filter(|status| holds(*status, after_replayed)) {
            self.read_heads(status, &mut heads).await?;
        }
        let heads = Arc::new(heads);
        let memo = Memo { at: begun, took: self.world.now().since(begun), after_replayed, heads: Arc::clone(&heads) };
        *self.heads.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(memo);
        Ok(Some(heads))
    }

    async fn read_heads(&self, status: Status, heads: &mut GroupLeaders) -> Result<(), Unavailable> {
        let add = |one: Candidate| {
            // Another queue's group of the same name is another group.
            if one.source == self.settings.reading.source && !self.is_over(&one) {
                heads.add(&one);
            }
        };
        self.letters.scan_all(Listing::all(status), Cursor::START, PAGE, add).await
    }

    /// Without a ledger nobody will say what became of it, and now nothing returns any more.
    pub(super) fn is_over(&self, one: &Candidate) -> bool {
        one.status == Status::Replayed && !self.ledger.is_kept() && one.due < self.world.now()
    }

    /// A job's line of a letter that waits for this one, if that is known.
    pub(super) fn line_behind(
        &self,
        letter: &Letter,
        head: Option<LetterId>,
        sending: Sending<'_>,
    ) -> Option<JobEntry> {
        let job = sending.queueing?;
        let note = head.map(|head| format!("behind letter {head}"));
        Some(JobEntry { note, ..job.line(letter.id, letter.group.clone(), None, self.world.now()) })
    }

    /// Leaves out those whose turn has not come, as far as the index knows.
    pub(super) async fn whose_turn(
        &self,
        letters: Vec<Letter>,
        sending: Sending<'_>,
        report: &mut ReplayReport,
        lines: &mut Vec<JobEntry>,
    ) -> Vec<Letter> {
        let known = match self.heads(&letters, sending.after_replayed).await {
            Ok(None) => return letters,
            Ok(Some(heads)) => heads,
            Err(error) => {
                warn!(%error, count = letters.len(), "heads of groups could not be read; nothing was sent");
                report.unavailable += letters.len();
                return Vec::new();
            }
        };
        // The index may not know yet what these are now.
        let mut own = GroupLeaders::default();
        let holding = letters.iter().filter(|letter| holds(letter.status, sending.after_replayed));
        holding.map(Candidate::of).filter(|one| !self.is_over(one)).for_each(|one| own.add(&one));
        let (mut first, mut waiting) = (Vec::with_capacity(letters.len()), Vec::new());
        for letter in letters {
            let head = own.before(&letter).or_else(|| known.before(&letter));
            match head.filter(|_| letter.status == Status::Pending) {
                Some(head) => waiting.push((letter.id, letter.group, head)),
                None => first.push(letter),
            }
        }
        report.behind += waiting.len();
        let Some(job) = sending.queueing.filter(|_| !waiting.is_empty()) else { return first };
        let heads = if job.held_up { waiting.iter().map(|(.., head)| *head).collect() } else { BTreeSet::new() };
        let heads = self.look_at(heads, report).await;
        let now = self.world.now();
        lines.extend(waiting.into_iter().map(|(letter, group, head)| {
            let head = heads.iter().find(|before| before.id == head);
            job.line(letter, group, head, now)
        }));
        first
    }

    /// The heads of the groups in which letters of a job stand behind others; finds out what became of these, so that the next
    /// ones need not wait for the schedule. `None` if nothing stands behind another.
    pub(super) async fn heads_of(
        &self,
        job: &Job,
        open: &[JobBatch],
        report: &mut ReplayReport,
    ) -> Result<Option<Arc<GroupLeaders>>, Unavailable> {
        let behind =
            || open.iter().flat_map(|batch| &batch.lines).filter(|line| line.disposition == Disposition::Behind);
        if !job.state.runs() || behind().next().is_none() {
            return Ok(None);
        }
        let Some(heads) = self.heads(&[], job.guard.after_replayed).await? else { return Ok(None) };
        let own: HashSet<_> = behind().map(|line| line.letter).collect();
        let groups: BTreeSet<_> = behind().filter_map(|line| line.group.as_deref()).collect();
        let others =
            groups.into_iter().filter_map(|group| heads.of(group)).filter(|head| !own.contains(head)).collect();
        self.look_at(others, report).await;
        Ok(Some(heads))
    }

    /// What stands there, after the ledger was asked about it. What could not be read is left out.
    async fn look_at(&self, ids: BTreeSet<LetterId>, report: &mut ReplayReport) -> Vec<Before> {
        let ids: Vec<_> = ids.into_iter().collect();
        let mut found = Vec::with_capacity(ids.len());
        for few in ids.chunks(READ) {
            let looked = async {
                let letters: Vec<_> = self.letters.read(few).await?.into_iter().flatten().collect();
                let known = if self.ledger.is_kept() { self.known(&letters).await? } else { Vec::new() };
                Ok::<_, Unavailable>((letters, known))
            };
            let (letters, known) = match looked.await {
                Ok(looked) => looked,
                Err(error) => {
                    warn!(%error, count = few.len(), "letters could not be looked at; what stands behind them waits");
                    continue;
                }
            };
            let done = |place: usize| known.get(place).is_some_and(|known| known.effect.is_some());
            let pending_counts = letters.iter().enumerate().filter(|(place, _)| !done(*place));
            found.extend(pending_counts.map(|(_, letter)| Before::of(letter)));
            if self.ledger.is_kept() {
                self.found_out(letters, known, report).await;
            }
        }
        found
    }

    /// What stands before the letters of a job that has planned as many as it may.
    pub(super) async fn heads_ahead(
        &self,
        job: &Job,
        open: &[JobBatch],
        heads: &GroupLeaders,
        meant: &BTreeSet<LetterId>,
    ) -> Result<Ahead, Unavailable> {
        let lines = open.iter().flat_map(|batch| &batch.lines).filter(|line| line.disposition == Disposition::Behind);
        let groups: BTreeSet<_> = lines.filter_map(|line| line.group.as_deref()).collect();
        let heads = groups.into_iter().filter_map(|group| heads.of(group)).filter(|head| !meant.contains(head));
        let heads: Vec<_> = heads.collect();
        let by_then = job.created_at.after(SKEW);
        let fits = |letter: &&Letter| {
            letter.reason.last_failed_at <= by_then && job.means(letter) && letter.sent_for(job.id).is_none()
        };
        let mut strangers = BTreeSet::new();
        for few in heads.chunks(BATCH) {
            let letters: Vec<_> = self.letters.read(few).await?.into_iter().flatten().collect();
            let fit: Vec<_> = letters.iter().filter(fits).map(|letter| letter.id).collect();
            if !fit.is_empty() {
                return Ok(Ahead::ToPlan(fit));
            }
            strangers.extend(letters.iter().map(|letter| letter.id));
        }
        Ok(Ahead::Strangers(strangers))
    }
}

/// Whether a letter holds up what comes after it in its group.
pub(super) const fn holds(status: Status, after_replayed: bool) -> bool {
    match status {
        Status::Pending | Status::Replaying => true,
        Status::Replayed => !after_replayed,
        Status::Resolved | Status::Discarded => false,
    }
}
