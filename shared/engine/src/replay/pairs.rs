//! Which letters a request means, of which queue pair each is, and the walk through an index that finds them.

mod destinations;
mod jobs;
mod lanes;
mod strangers;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use redrive_core::ids::{LetterId, QueueArn};
use redrive_core::letters::cause::PendingCounts;
use redrive_core::letters::letter::{Letter, Status};
use redrive_core::letters::listing::Listing;
use redrive_core::ports::{Clock, LedgerReader, Letters, Unavailable};
use redrive_core::replay::{Candidate, ConsentTerms, Remark, Request, Selection};
use redrive_core::time::Timestamp;
use thiserror::Error;
use tokio::time::Instant;
use tracing::warn;

use super::{Meant, Ports, ReplayReport, Replayer, STEP, Saying, Sending, Step};

/// How many letters are read at once, and how many bytes of bodies end the gathering of a step (the last read may bring more):
/// memory stays small, however large letters are.
pub(super) const READ: usize = 20;
const STEP_BYTES: usize = 1 << 20;

/// Why a request came to its end early, or was not begun.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReplayError {
    /// The dead-letter table could not be asked for candidates. What was done until then stands.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// Nothing was touched. The request is not quoted: whatever is sent by mistake may hold anything.
    #[error(
        "the queue that is meant is not configured, and nothing was sent; list it (QUEUE_PAIRS) to replay its letters, which can be \
         discarded, restored, noted, erased and exported as they are; configured: {}", names(.0)
    )]
    NotListed(Vec<QueueArn>),
    /// Nothing was touched.
    #[error(
        "selection excludes no letter that failed until now, and so would choose every one; add a field that excludes some"
    )]
    ChoosesAll,
    /// Nothing was touched.
    #[error(
        "nothing was ejected: the indexer empties the dead-letter queue and would bring the letters back, or the queue's URL is \
         not configured; first switch the pair's custody off, and wait for the indexer's last run to end"
    )]
    InCustody,
    /// Nothing was touched.
    #[error(
        "\"to\" is not among the destinations of the letters' own queue, and nothing was sent; name one that is, or list it there; \
         listed: {}", names(.0)
    )]
    NotADestination(Vec<QueueArn>),
}

fn names(queues: &[QueueArn]) -> String {
    let names: Vec<_> = queues.iter().map(QueueArn::as_str).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// What became of the letters of one run, by queue pair.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reports {
    /// In the order of the pairs.
    pub pairs: Vec<ReplayReport>,
    /// Of no pair.
    pub rest: ReplayReport,
}

impl Reports {
    fn none(pairs: usize) -> Self {
        Self { pairs: vec![ReplayReport::default(); pairs], rest: ReplayReport::default() }
    }

    /// All of it.
    #[must_use]
    pub fn together(&self) -> ReplayReport {
        self.pairs.iter().fold(self.rest.clone(), ReplayReport::and)
    }
}

/// Carries out one request with the letters of several queue pairs, which share the dead-letter table: the first one's is asked.
/// A letter is of the pair of its `source`. One of a queue that is not among them is discarded, restored, noted and erased like any
/// other; nothing else is done to it, and it is counted.
///
/// A job is of one queue, and worked on by its pair; the jobs of several queues beside one another.
///
/// A pair whose queue refuses, or whose queue or tables do not answer, waits for the next run; the others go on.
///
/// # Errors
/// [`ReplayError`].
pub async fn replay_all<P: Ports>(
    pairs: &[Replayer<P>],
    request: &Request,
    deadline: Instant,
) -> Result<Reports, ReplayError> {
    let none = Reports::none(pairs.len());
    let Some(first) = pairs.first() else { return Ok(none) };
    if matches!(request.selection(), Some(Selection::Filter(filter)) if filter.chooses_all(first.world.now())) {
        return Err(ReplayError::ChoosesAll);
    }
    let resting = pairs.iter().map(|_| AtomicBool::new(false)).collect();
    let fixed = request.selection().map(|selection| selection.clone().as_of(first.world.now()));
    let mut walk = Walk {
        pairs,
        first,
        deadline,
        meant: Meant(fixed.as_ref()),
        reports: none,
        strangers: HashMap::new(),
        back: HashSet::new(),
        resting,
        cut: false,
    };
    match request {
        Request::Schedule => walk.scheduled().await?,
        Request::Work => {
            let open = first.open_jobs().await?;
            walk.work(open).await;
        }
        Request::Replay { selection, by, said } => {
            walk.may_send(selection, said.to.as_ref())?;
            walk.selected(selection, Step::Send(Sending::of(selection, by, said))).await?;
        }
        Request::DryRun { selection, said } => {
            walk.may_send(selection, said.to.as_ref())?;
            walk.selected(selection, Step::Look(Sending::of(selection, "nobody", said))).await?;
        }
        Request::Eject { selection, by } => {
            walk.may_eject(selection)?;
            let named = selection.is_named();
            walk.selected(selection, Step::Eject { by, named }).await?;
        }
        Request::Discard(remark) => walk.said(Saying::Discard, remark).await?,
        Request::Restore(remark) => walk.said(Saying::Restore, remark).await?,
        Request::Note(remark) => walk.said(Saying::Note, remark).await?,
        Request::Erase(remark) => walk.said(Saying::Erase, remark).await?,
        Request::Free(remark) => walk.selected(&remark.selection, Step::Free(remark)).await?,
        Request::Job(asked) => walk.create(asked).await?,
        Request::Change { job, to, by, why } => first.steer(*job, *to, by, why.clone(), walk.desk()).await?,
        Request::Show { job, from } => first.show(*job, *from, walk.desk()).await?,
        Request::Jobs { open } => first.list(*open, walk.desk()).await?,
    }
    walk.tell_of_strangers();
    let as_of = fixed.as_ref().and_then(Selection::instant).filter(|_| !matches!(request, Request::Job(_)));
    walk.reports.rest.as_of = as_of.map(Timestamp::to_rfc3339);
    Ok(walk.reports)
}

/// One run.
struct Walk<'a, P: Ports> {
    pairs: &'a [Replayer<P>],
    first: &'a Replayer<P>,
    deadline: Instant,
    meant: Meant<'a>,
    reports: Reports,
    /// Letters of queues that are not configured, and that were left alone.
    strangers: HashMap<LetterId, QueueArn>,
    /// Letters of the lane that is walked which the queue has refused.
    back: HashSet<LetterId>,
    /// Which pairs are left for the next run, as all lanes know.
    resting: Arc<[AtomicBool]>,
    /// Whether a walk of the index ended early because every pair rests.
    cut: bool,
}

impl<P: Ports> Walk<'_, P> {
    /// What is due is sent first, and gets most of the time; then it is found out what became of the others.
    async fn schedule(&mut self) -> Result<(), Unavailable> {
        let (now, end) = (self.first.world.now(), self.deadline);
        let left = || end.saturating_duration_since(Instant::now());
        let asked = ConsentTerms { due_by: now, named: false, forgotten_ok: false, as_new: false };
        let nobody =
            Sending { by: "schedule", asked, job: None, edit: None, to: None, after_replayed: false, queueing: None };
        let scheduled = Step::Send(nobody);
        self.deadline = Instant::now() + left() * 3 / 5;
        self.each(Listing::due(Status::Replaying, now), None, scheduled).await?;
        self.each(Listing::due(Status::Pending, now), None, scheduled).await?;
        let sent_all = !std::mem::take(&mut self.reports.rest.more);
        let mut replayed_all = true;
        // Where nothing keeps a ledger there is nothing to ask: REPLAYED is final.
        if self.pairs.iter().any(|pair| pair.ledger.is_kept()) {
            self.deadline = Instant::now() + left() / 2;
            self.each(Listing::all(Status::Replayed), None, Step::Reconcile).await?;
            replayed_all = !std::mem::take(&mut self.reports.rest.more);
        }
        self.deadline = end;
        self.waiting().await?;
        self.reports.rest.more |= !(sent_all && replayed_all);
        Ok(())
    }

    /// Finds out what became of the letters that wait. It sees all of them, so that nothing else needs to count them; where
    /// no ledger is kept, counting is all there is to it. Where it does not get through, what it saw is the least that waits;
    /// a walk that saw nothing says nothing.
    async fn waiting(&mut self) -> Result<(), Unavailable> {
        self.reports.pairs.iter_mut().for_each(|report| report.tally = Some(PendingCounts::default()));
        self.cut = false;
        let walked = self.each(Listing::all(Status::Pending), None, Step::Reconcile).await;
        let whole = walked.is_ok() && !self.reports.rest.more && !self.cut;
        for report in &mut self.reports.pairs {
            let counted = report.tally.take().map(|tally| PendingCounts { at_least: !whole, ..tally });
            report.pending_counts = counted.filter(|counted| whole || counted.total().pending > 0);
        }
        walked
    }

    /// A person's word about letters, of whichever queue.
    async fn said(&mut self, said: Saying, remark: &Remark) -> Result<(), ReplayError> {
        self.selected(&remark.selection, Step::Remark(said, remark)).await
    }

    async fn selected(&mut self, selection: &Selection, step: Step<'_>) -> Result<(), ReplayError> {
        match selection {
            Selection::Ids(_) | Selection::Shown(_) => {
                for chunk in selection.ids().unwrap_or_default().chunks(STEP) {
                    self.step(chunk, step).await;
                    if self.reports.rest.more || self.all_rest() {
                        break;
                    }
                }
                Ok(())
            }
            Selection::Filter(filter) => {
                let listed = filter.source_topic.as_ref().is_none_or(|source| self.pair_of(source).is_some());
                if !listed && !matches!(step, Step::Remark(..)) {
                    return Err(self.not_listed());
                }
                let restores = matches!(step, Step::Remark(Saying::Restore, _));
                let status = if restores { Status::Discarded } else { Status::Pending };
                Ok(self.each(filter.listing(status), Some(filter), step).await?)
            }
        }
    }

    /// Whether any of the pairs that may be meant has its dead-letter queue to itself.
    fn may_eject(&self, selection: &Selection) -> Result<(), ReplayError> {
        let source = selection.source();
        let meant = |place: usize| source.is_none_or(|source| self.pair_of(source) == Some(place));
        let listed = source.is_none_or(|source| self.pair_of(source).is_some());
        let may = (0..self.pairs.len()).any(|place| meant(place) && self.pairs[place].dead_letters.is_some());
        if may || !listed { Ok(()) } else { Err(ReplayError::InCustody) }
    }

    fn pair_of(&self, source: &QueueArn) -> Option<usize> {
        self.pairs.iter().position(|pair| pair.settings.reading.source == *source)
    }

    /// Whether a pair is left for the next run.
    fn rests(&self, place: usize) -> bool {
        let report = &self.reports.pairs[place];
        // With others beside it, a pair that is in trouble must not use up their time.
        let troubled = self.pairs.len() > 1 && report.unavailable + report.in_doubt > 0;
        if report.stopped.is_some() || troubled {
            self.resting[place].store(true, Ordering::Relaxed);
        }
        self.resting[place].load(Ordering::Relaxed)
    }

    fn all_rest(&self) -> bool {
        (0..self.pairs.len()).all(|place| self.rests(place))
    }

    /// Whether a letter has not had its turn: what was sent may die again, or be refused, and come back to a later place of
    /// the same lane.
    fn has_a_turn(&self, one: &Candidate, step: Step<'_>, by_then: Timestamp) -> bool {
        let sends = matches!(step, Step::Send(_) | Step::Look(_) | Step::Eject { .. });
        !sends || one.last_failed_at <= by_then && !self.back.contains(&one.id)
    }

    /// What is worth reading of a page, in batches of one pair each: of every pair one, then of every pair the next.
    async fn chunks(
        &mut self,
        found: Vec<Candidate>,
        step: Step<'_>,
        turn: bool,
    ) -> Vec<(Option<usize>, Vec<LetterId>)> {
        let mut of_none = Vec::new();
        let mut of_pair = vec![Vec::new(); self.pairs.len()];
        for candidate in found {
            match self.pair_of(&candidate.source) {
                Some(place) => {
                    if let Some(tally) = &mut self.reports.pairs[place].tally {
                        tally.add(&candidate);
                    }
                    of_pair[place].push(candidate);
                }
                None if matches!(step, Step::Remark(..)) => of_none.push(candidate.id),
                None => drop(self.strangers.insert(candidate.id, candidate.source)),
            }
        }
        let mut turns = Vec::new();
        turns.extend(of_none.chunks(STEP).enumerate().map(|(turn, chunk)| (turn, None, chunk.to_vec())));
        for (place, found) in of_pair.into_iter().enumerate() {
            let ids = self.worth_reading(place, found, step, turn).await;
            turns.extend(ids.chunks(STEP).enumerate().map(|(turn, chunk)| (turn, Some(place), chunk.to_vec())));
        }
        turns.sort_by_key(|(turn, place, _)| (*turn, *place));
        turns.into_iter().map(|(_, place, chunk)| (place, chunk)).collect()
    }

    /// Whole letters are large: of those that only wait, the ledger is asked first, and only what it shows as completed is
    /// read, and what is overdue.
    async fn worth_reading(
        &mut self,
        place: usize,
        found: Vec<Candidate>,
        step: Step<'_>,
        turn: bool,
    ) -> Vec<LetterId> {
        let pair = &self.pairs[place];
        if !matches!(step, Step::Reconcile) || found.is_empty() {
            return found.into_iter().map(|candidate| candidate.id).collect();
        }
        if !pair.ledger.is_kept() {
            return Vec::new();
        }
        match pair.maybe_done(&found, turn).await {
            Ok(ids) => ids,
            Err(_) => {
                self.reports.pairs[place].unavailable += found.len();
                Vec::new()
            }
        }
    }

    /// One step with a few letters, if there is time. What a hanging call leaves behind is claimed, and taken over later.
    async fn step(&mut self, ids: &[LetterId], step: Step<'_>) {
        let deadline = self.deadline;
        if !self.first.time_left(deadline) || tokio::time::timeout_at(deadline, self.take(ids, step)).await.is_err() {
            self.reports.rest.more = true;
        }
    }

    /// Reads letters, and takes the step with as many of them together as memory allows.
    async fn take(&mut self, ids: &[LetterId], step: Step<'_>) {
        // The last are those of no pair.
        let none = vec![Vec::new(); self.pairs.len() + 1];
        let (mut of_pair, mut bytes) = (none.clone(), 0);
        for part in ids.chunks(READ) {
            if bytes >= STEP_BYTES {
                self.carry(std::mem::replace(&mut of_pair, none.clone()), step).await;
                bytes = 0;
                if self.all_rest() || !self.first.time_left(self.deadline) {
                    self.reports.rest.more |= !self.all_rest();
                    return;
                }
            }
            let letters = match self.first.letters.read(part).await {
                Ok(letters) => letters,
                Err(error) => {
                    warn!(%error, count = part.len(), "letters could not be read");
                    self.reports.rest.unavailable += part.len();
                    continue;
                }
            };
            self.reports.rest.not_found += letters.iter().filter(|letter| letter.is_none()).count();
            for letter in letters.into_iter().flatten() {
                bytes += letter.body_bytes();
                let place = self.pair_of(&letter.source);
                if !self.meant.is_unchanged(&letter) {
                    let Reports { pairs, rest } = &mut self.reports;
                    let report = place.map_or(rest, |place| &mut pairs[place]);
                    report.changed_meanwhile += usize::from(self.meant.has_lost(&letter));
                    continue;
                }
                match place {
                    Some(place) => of_pair[place].push(letter),
                    None if matches!(step, Step::Remark(..)) => of_pair[self.pairs.len()].push(letter),
                    None => drop(self.strangers.insert(letter.id, letter.source)),
                }
            }
        }
        self.carry(of_pair, step).await;
    }

    async fn carry(&mut self, mut of_pair: Vec<Vec<Letter>>, step: Step<'_>) {
        let of_none = of_pair.pop().unwrap_or_default();
        if let (Step::Remark(said, remark), false) = (step, of_none.is_empty()) {
            let policy = self.longest_kept();
            self.first.say((of_none, self.meant), (said, remark), &policy, &mut self.reports.rest).await;
        }
        for ((pair, letters), report) in self.pairs.iter().zip(of_pair).zip(&mut self.reports.pairs) {
            if !letters.is_empty() {
                self.back.extend(pair.take(letters, report, step, self.meant).await);
            }
        }
    }
}
