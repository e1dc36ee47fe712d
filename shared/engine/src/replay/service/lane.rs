//! Lane of a pass: reads the letters that it finds, and takes the step with those of each pair.

use std::collections::HashSet;

use redrive_core::ids::LetterId;
use redrive_core::letters::letter::{Letter, Status};
use redrive_core::ports::{LedgerReader, Unavailable};
use redrive_core::replay::{Candidate, Filter};
use tokio::time::timeout_at;
use tracing::warn;

use super::task::{Pass, PassEnd, Passed, ReplayTask};
use crate::replay::letter_update::{LetterOutcome, LetterUpdate};
use crate::replay::ports::ReplayPorts;
use crate::replay::reconcile::{maybe_done, reconcile};
use crate::replay::remark::{RemarkRequest, free, remark};
use crate::replay::scan::lanes::{LanePage, Scan};
use crate::replay::scan::letter_reads::{LetterRead, LetterReads};
use crate::replay::transfer::{preview, transfer};

/// Number of letters that are claimed together: calls to the tables are shared.
pub(super) const STEP: usize = 100;

/// A lane, with an account of its own.
pub(super) struct Lane<'a, P: ReplayPorts> {
    pass: Pass<'a, P>,
    account: Passed,
    /// Letters of the lane that is walked which the queue has refused: they come back to a later place of it.
    back: HashSet<LetterId>,
    /// Letters of the only pair that wait for others to share a step with.
    gathered: Vec<LetterId>,
    /// Number of letters that were read at once last.
    read_size: usize,
}

impl<'a, P: ReplayPorts> Lane<'a, P> {
    pub(super) fn new(pass: Pass<'a, P>) -> Self {
        let account = Passed::nothing(pass.pairs.pairs.len());
        Self { pass, account, back: HashSet::new(), gathered: Vec::new(), read_size: 0 }
    }

    /// Outcome of everything that the lane has found.
    pub(super) fn account(self) -> Passed {
        self.account
    }

    /// Walks lanes of the listing until none is left.
    pub(super) async fn lanes(&mut self, scan: &Scan<'_>, wanted: Option<&Filter>) -> Result<(), Unavailable> {
        while let Some(mut pages) = scan.next_lane() {
            self.back.clear();
            while pages.has_more() {
                if !self.time_left() {
                    return Ok(());
                }
                let page = pages.read(&self.pass.pairs.letters).await?;
                self.page(page, scan, wanted).await;
                if self.has_ended() {
                    return Ok(());
                }
            }
        }
        let rest = std::mem::take(&mut self.gathered);
        self.step(&rest).await;
        Ok(())
    }

    /// Takes the step with letters that are named, so many at a time, until none is left.
    pub(super) async fn ids<'i>(&mut self, mut next: impl FnMut() -> Option<&'i [LetterId]> + Send) {
        while let Some(chunk) = next() {
            self.step(chunk).await;
            if self.has_ended() {
                return;
            }
        }
    }

    /// Returns true if the lane goes no further.
    fn has_ended(&mut self) -> bool {
        if self.account.end == PassEnd::Whole && self.pass.states.all_rest() {
            self.account.end = PassEnd::AllRest;
        }
        self.account.end != PassEnd::Whole
    }

    /// Returns true if there is time for another batch; without it the lane has ended.
    fn time_left(&mut self) -> bool {
        let left = self.pass.pairs.time_left(self.pass.deadline);
        if !left {
            self.account.end = PassEnd::OutOfTime;
        }
        left
    }

    /// Takes the step with what fits of one page.
    async fn page(&mut self, page: LanePage, scan: &Scan<'_>, wanted: Option<&Filter>) {
        let LanePage { mut candidates, turn } = page;
        candidates.retain(|one| wanted.is_none_or(|filter| filter.fits(one)) && self.has_a_turn(one, scan));
        for (place, chunk) in self.chunks(candidates, turn).await {
            if place.is_some_and(|place| self.pass.states.rests(place)) {
                continue;
            }
            self.step(&chunk).await;
            if self.account.end == PassEnd::OutOfTime {
                return;
            }
        }
    }

    /// Returns true if a letter has not had its turn: what was sent may die again, or be refused, and come back to a later place of
    /// the same shard.
    fn has_a_turn(&self, one: &Candidate, scan: &Scan<'_>) -> bool {
        !self.pass.task.sends() || one.last_failed_at <= scan.by_then() && !self.back.contains(&one.id)
    }

    /// Letters of a page that are worth reading, in batches of one pair each: of every pair one, then of every pair the next.
    /// Of an only pair what fills no batch waits for the next page: nobody's turn is put off.
    async fn chunks(&mut self, found: Vec<Candidate>, turn: bool) -> Vec<(Option<usize>, Vec<LetterId>)> {
        let mut of_none = Vec::new();
        let mut of_pair = vec![Vec::new(); self.pass.pairs.pairs.len()];
        for candidate in found {
            if matches!(self.pass.task, ReplayTask::Reconcile) && candidate.status == Status::Pending {
                self.account.tally.add(&candidate);
            }
            match self.pass.pairs.place_of(&candidate.source) {
                Some(place) => {
                    self.account.pending[place].add(&candidate);
                    of_pair[place].push(candidate);
                }
                None if self.pass.task.is_remark() => of_none.push(candidate.id),
                None => drop(self.account.unlisted.insert(candidate.id, candidate.source)),
            }
        }
        let mut turns = Vec::new();
        turns.extend(of_none.chunks(STEP).enumerate().map(|(turn, chunk)| (turn, None, chunk.to_vec())));
        for (place, found) in of_pair.into_iter().enumerate() {
            let mut ids = self.worth_reading(place, found, turn).await;
            if self.pass.pairs.pairs.len() == 1 {
                ids = self.gather(ids);
            }
            turns.extend(ids.chunks(STEP).enumerate().map(|(turn, chunk)| (turn, Some(place), chunk.to_vec())));
        }
        turns.sort_by_key(|(turn, place, _)| (*turn, *place));
        turns.into_iter().map(|(_, place, chunk)| (place, chunk)).collect()
    }

    /// Adds letters to those that wait, and takes as many as fill batches. An index may show a letter in two places.
    fn gather(&mut self, ids: Vec<LetterId>) -> Vec<LetterId> {
        for id in ids {
            if !self.gathered.contains(&id) {
                self.gathered.push(id);
            }
        }
        let full = self.gathered.len() / STEP * STEP;
        let rest = self.gathered.split_off(full);
        std::mem::replace(&mut self.gathered, rest)
    }

    /// Whole letters are large: of those that only wait, the ledger is asked first, and only what it shows as completed is
    /// read, and what is overdue.
    async fn worth_reading(&mut self, place: usize, found: Vec<Candidate>, turn: bool) -> Vec<LetterId> {
        if !matches!(self.pass.task, ReplayTask::Reconcile) || found.is_empty() {
            return found.into_iter().map(|candidate| candidate.id).collect();
        }
        if !self.pass.pairs.pairs[place].ledger.is_kept() {
            return Vec::new();
        }
        match maybe_done(self.pass.pairs.context(place, self.pass.deadline), &found, turn).await {
            Ok(ids) => ids,
            Err(_) => {
                let outcomes = found.iter().map(|one| LetterUpdate::of(one.id, LetterOutcome::Unavailable));
                self.tell(Some(place), outcomes.collect());
                Vec::new()
            }
        }
    }

    /// Takes the step with a few letters, if there is time. What a hanging call leaves behind is claimed, and taken over later.
    async fn step(&mut self, ids: &[LetterId]) {
        if !ids.is_empty() && self.time_left() && timeout_at(self.pass.deadline, self.take(ids)).await.is_err() {
            self.account.end = PassEnd::OutOfTime;
        }
    }

    /// Reads letters, and takes the step with as many of them together as memory allows.
    async fn take(&mut self, ids: &[LetterId]) {
        let pairs = self.pass.pairs;
        // The last are those of no pair.
        let none = vec![Vec::new(); pairs.pairs.len() + 1];
        let mut of_pair = none.clone();
        let mut reads = LetterReads::of(ids).with_size(self.read_size);
        while let Some(LetterRead { ids: part, letters }) = reads.next(&pairs.letters).await {
            self.read_size = reads.size();
            let letters = match letters {
                Ok(letters) => letters,
                Err(error) => {
                    warn!(%error, count = part.len(), "letters could not be read");
                    let outcomes = part.iter().map(|id| LetterUpdate::of(*id, LetterOutcome::Unavailable));
                    self.tell(None, outcomes.collect());
                    continue;
                }
            };
            let gone = part.iter().zip(&letters).filter(|(_, letter)| letter.is_none());
            let gone = gone.map(|(id, _)| LetterUpdate::of(*id, LetterOutcome::NotFound)).collect();
            self.tell(None, gone);
            for letter in letters.into_iter().flatten() {
                let place = pairs.place_of(&letter.source);
                if !self.pass.selected.is_unchanged(&letter) {
                    let lost = self.pass.selected.has_lost(&letter);
                    let outcome = lost.then(|| LetterUpdate::of(letter.id, LetterOutcome::ChangedMeanwhile));
                    self.tell(place, outcome.into_iter().collect());
                    continue;
                }
                match place {
                    Some(place) => of_pair[place].push(letter),
                    None if self.pass.task.is_remark() => of_pair[pairs.pairs.len()].push(letter),
                    None => drop(self.account.unlisted.insert(letter.id, letter.source)),
                }
            }
            if reads.is_full() {
                self.carry(std::mem::replace(&mut of_pair, none.clone())).await;
                if self.has_ended() || !self.time_left() {
                    return;
                }
            }
        }
        self.carry(of_pair).await;
    }

    /// Takes the step with letters of each pair, and with those of none.
    async fn carry(&mut self, mut of_pair: Vec<Vec<Letter>>) {
        let of_none = of_pair.pop().unwrap_or_default();
        if let (ReplayTask::Remark(request), false) = (self.pass.task, of_none.is_empty()) {
            self.remark(None, request, of_none).await;
        }
        for (place, letters) in of_pair.into_iter().enumerate() {
            if !letters.is_empty() && self.account.end != PassEnd::OutOfTime {
                self.of_pair(place, letters).await;
            }
        }
    }

    async fn of_pair(&mut self, place: usize, letters: Vec<Letter>) {
        let context = self.pass.pairs.context(place, self.pass.deadline);
        let updates = match self.pass.task {
            ReplayTask::Remark(request) => return self.remark(Some(place), request, letters).await,
            ReplayTask::Free(remark) => free(context, letters, remark).await,
            ReplayTask::Reconcile => reconcile(context, letters).await,
            ReplayTask::Preview(request) => preview(context, request, letters).await,
            ReplayTask::Transfer(request) => {
                let done = transfer(context, request, letters).await;
                let refused = |one: &&LetterUpdate| matches!(one.outcome, LetterOutcome::Refused { .. });
                self.back.extend(done.letters.iter().filter(refused).map(|one| one.letter));
                if let Some(code) = done.refused {
                    self.pass.states.refused(place);
                    self.account.reports.of(Some(place)).stopped.get_or_insert(code);
                }
                if done.cut {
                    self.account.end = PassEnd::OutOfTime;
                }
                done.letters
            }
        };
        self.tell(Some(place), updates);
    }

    async fn remark(&mut self, place: Option<usize>, request: RemarkRequest<'_>, letters: Vec<Letter>) {
        let pairs = self.pass.pairs;
        let policy = match place {
            Some(place) => Some(pairs.pairs[place].policy.clone()),
            None => pairs.longest_kept(),
        };
        let Some(policy) = policy else { return };
        let remarked = remark(&pairs.letters, &pairs.world, request, &policy, letters).await;
        self.account.reports.of(place).edits_kept += remarked.edits_kept;
        self.tell(place, remarked.letters);
    }

    /// Accounts for what became of letters of a pair, or of none.
    fn tell(&mut self, place: Option<usize>, updates: Vec<LetterUpdate>) {
        if let Some(place) = place
            && updates.iter().any(LetterUpdate::is_trouble)
        {
            self.pass.states.troubled(place);
        }
        self.account.reports.of(place).fold(updates);
    }
}
