//! A job on a FIFO queue: its letters that stand behind others of their groups, and what it does about them.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::{Disposition, Job, JobBatch, JobEntry};
use crate::ids::LetterId;
use crate::letters::letter::{Letter, Status};
use crate::processing::ledger::CLOCK_SKEW;
use crate::replay::GroupLeaders;
use crate::time::Timestamp;

/// First letter of a group, as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupHead {
    /// Letter that stands first.
    pub id: LetterId,
    status: Status,
    sent: Option<Timestamp>,
}

impl GroupHead {
    /// Head of a group, from the letter that was read.
    #[must_use]
    pub fn of(letter: &Letter) -> Self {
        Self { id: letter.id, status: letter.status, sent: letter.sends.last().map(|send| send.at) }
    }

    /// Returns true if it may stand there for ever: nothing is to be expected of its last send any more, if there was one.
    fn stands_still(&self, window: Duration, now: Timestamp) -> bool {
        match self.status {
            Status::Pending => true,
            Status::Replaying | Status::Replayed => self.sent.is_none_or(|sent| now.since(sent) > window),
            Status::Resolved | Status::Discarded => false,
        }
    }
}

/// Stage that a job has come to with the letters that stand behind others.
#[derive(Debug, Clone, PartialEq, Eq)]
enum GroupStage {
    /// Others are to be planned or waited for: nothing is given up.
    Moving,
    /// Nothing else of it is left, and it looks no further: what stands behind others' letters is given up.
    HeldUp,
    /// Nothing else of it is left that it may plan; these heads are not its own, and what stands behind them is given up.
    BehindUnowned(BTreeSet<LetterId>),
}

/// Letters of a job that stand behind others of their groups, and the heads of these groups.
///
/// Order of calls: [`GroupQueue::of`] with the heads that the index shows; [`GroupQueue::heads_ahead`] if the job
/// [has planned as many as it may](GroupQueue::is_jammed), then [`GroupQueue::ahead_of`] for each few that were read, and
/// [`GroupQueue::behind_unowned`] if none was the job's own.
#[derive(Debug, Clone)]
pub struct GroupQueue {
    /// Letters of the job that are not final.
    own: BTreeSet<LetterId>,
    heads: Option<Arc<GroupLeaders>>,
    stage: GroupStage,
    /// Time for which an outcome is waited for.
    window: Duration,
}

fn behind(open: &[JobBatch]) -> impl Iterator<Item = &JobEntry> {
    open.iter().flat_map(|batch| &batch.lines).filter(|line| line.disposition == Disposition::Behind)
}

fn groups(open: &[JobBatch]) -> BTreeSet<&str> {
    behind(open).filter_map(|line| line.group.as_deref()).collect()
}

impl GroupQueue {
    /// Queue of letters that were just planned: none has stood behind another, and none is given up.
    #[must_use]
    pub fn planned(job: &Job) -> Self {
        Self { own: BTreeSet::new(), heads: None, stage: GroupStage::Moving, window: job.guard.window() }
    }

    /// Returns true if the heads of groups are to be read: the job runs, and a letter of it stands behind another.
    #[must_use]
    pub fn needs_heads(job: &Job, open: &[JobBatch]) -> bool {
        job.state.runs() && behind(open).next().is_some()
    }

    /// Queue as a job and its batches stand. `heads`: as the index shows them, if they were needed.
    #[must_use]
    pub fn of(job: &Job, open: &[JobBatch], heads: Option<Arc<GroupLeaders>>) -> Self {
        let lines = open.iter().flat_map(|batch| &batch.lines);
        let own = lines.filter(|line| !line.disposition.is_final()).map(|line| line.letter).collect();
        let stage = if job.is_held_up(open) { GroupStage::HeldUp } else { GroupStage::Moving };
        Self { own, heads, stage, window: job.guard.window() }
    }

    /// GroupLeaders before letters of a job, other letters that stand behind apart: the ledger is asked about these at once, so that
    /// a group goes on as fast as the ledger hears of it.
    #[must_use]
    pub fn heads_to_ask(open: &[JobBatch], heads: &GroupLeaders) -> BTreeSet<LetterId> {
        let own: HashSet<_> = behind(open).map(|line| line.letter).collect();
        groups(open).into_iter().filter_map(|group| heads.of(group)).filter(|head| !own.contains(head)).collect()
    }

    /// Returns true if the job has planned as many letters as it may, and all of these wait: its own may be among those before them.
    #[must_use]
    pub fn is_jammed(&self, job: &Job) -> bool {
        self.heads.is_some() && self.stage == GroupStage::HeldUp && !job.walk.ended
    }

    /// GroupLeaders before the letters of a jammed job that it has not planned.
    #[must_use]
    pub fn heads_ahead(&self, open: &[JobBatch]) -> Vec<LetterId> {
        let Some(heads) = &self.heads else { return Vec::new() };
        let heads = groups(open).into_iter().filter_map(|group| heads.of(group));
        heads.filter(|head| !self.own.contains(head)).collect()
    }

    /// Letters of these that the job means and has not come to: they are planned next, out of turn.
    #[must_use]
    pub fn ahead_of(job: &Job, read: &[Letter]) -> Vec<LetterId> {
        let by_then = job.created_at.after(CLOCK_SKEW);
        let fits = |letter: &&Letter| {
            letter.reason.last_failed_at <= by_then && job.means(letter, None) && letter.sends.of_job(job.id).is_none()
        };
        read.iter().filter(fits).map(|letter| letter.id).collect()
    }

    /// The same queue of a jammed job: none of these heads is its own.
    #[must_use]
    pub fn behind_unowned(self, heads: BTreeSet<LetterId>) -> Self {
        Self { stage: GroupStage::BehindUnowned(heads), ..self }
    }

    /// Returns true if the turn of a letter has come that stood behind another one, as far as the index shows.
    #[must_use]
    pub fn has_its_turn(&self, line: &JobEntry) -> bool {
        let head = line.group.as_deref().zip(self.heads.as_ref()).and_then(|(group, heads)| heads.of(group));
        line.disposition == Disposition::Behind && head.is_none_or(|head| head == line.letter)
    }

    /// Returns true if a letter that stands behind another one is looked at now. `may_send`: whether the job may send any.
    #[must_use]
    pub fn concerns(&self, line: &JobEntry, job: &Job, may_send: bool) -> bool {
        let ended = self.gives_up() || !job.state.runs();
        line.disposition == Disposition::Behind && (ended || may_send && self.has_its_turn(line))
    }

    /// Returns true if letters are given up that stand behind others' letters: the heads before them are read then.
    #[must_use]
    pub fn gives_up(&self) -> bool {
        self.stage != GroupStage::Moving
    }

    /// JobEntry of a letter that stands behind others. `head`: what stands first there, if it was read.
    #[must_use]
    pub fn line(&self, letter: LetterId, group: Option<String>, head: Option<&GroupHead>, now: Timestamp) -> JobEntry {
        let unowned = |id: &LetterId| match &self.stage {
            GroupStage::Moving | GroupStage::HeldUp => !self.own.contains(id),
            GroupStage::BehindUnowned(heads) => !self.own.contains(id) && heads.contains(id),
        };
        let still = head.filter(|head| unowned(&head.id) && head.stands_still(self.window, now));
        let line = JobEntry { disposition: Disposition::Behind, group, ..JobEntry::planned(letter) };
        let Some(head) = still else { return line };
        let note = Some(format!("behind letter {}, which is {}", head.id, head.status));
        JobEntry { disposition: Disposition::HeldUp, note, ..line }
    }
}

#[cfg(test)]
mod tests;
