//! The turns of a FIFO queue's groups: what the index cannot tell in time.

use redrive_core::ids::LetterId;
use redrive_core::letters::letter::{Letter, Status};
use redrive_core::ports::{Clock, Letters, Turns, Unavailable, WriteError};
use redrive_core::replay::job::JobEntry;
use redrive_core::replay::{Candidate, GroupTurn, has_rested, is_fifo};
use redrive_core::time::Timestamp;
use tracing::warn;

use super::groups::holds;
use super::{Ports, ReplayReport, Replayer, Sending};
use crate::places;

/// What came of asking for a turn.
enum Asked {
    Goes,
    /// Behind this letter, if it is known.
    Waits(Option<LetterId>),
}

impl<P: Ports> Replayer<P> {
    /// Of a FIFO queue: leaves out those whose turn has not come, as what is read consistently shows; for the others it is written
    /// down that they go. What is claimed already has its turn.
    pub(super) async fn take_turns(
        &self,
        letters: Vec<Letter>,
        sending: Sending<'_>,
        report: &mut ReplayReport,
        lines: &mut Vec<JobEntry>,
    ) -> Vec<Letter> {
        if !is_fifo(&self.settings.reading.source) {
            return letters;
        }
        let asked = letters.iter().map(|letter| self.take_turn(letter, sending.after_replayed));
        let asked = futures_util::future::join_all(asked).await;
        let mut going = Vec::with_capacity(letters.len());
        for (letter, asked) in letters.into_iter().zip(asked) {
            match asked {
                Ok(Asked::Goes) => going.push(letter),
                Ok(Asked::Waits(head)) => {
                    report.behind += 1;
                    lines.extend(self.line_behind(&letter, head, sending));
                }
                Err(error) => {
                    warn!(letter_id = %letter.id, %error, "turn of its group is not known; it was not sent");
                    report.unavailable += 1;
                }
            }
        }
        going
    }

    /// Enters letters that are to wait again in their FIFO groups. Leaves out those that could not be entered.
    pub(super) async fn entered(&self, mut letters: Vec<Letter>, report: &mut ReplayReport) -> Vec<Letter> {
        let left = places::enter(&self.letters, letters.iter(), self.world.now()).await;
        letters.retain(|letter| !left.contains(&letter.id));
        report.considered += left.len();
        report.unavailable += left.len();
        letters
    }

    async fn take_turn(&self, letter: &Letter, after_replayed: bool) -> Result<Asked, Unavailable> {
        let Some(group) = letter.group.as_ref().filter(|_| letter.sequence.is_some()) else { return Ok(Asked::Goes) };
        if letter.status != Status::Pending {
            return Ok(Asked::Goes);
        }
        let now = self.world.now();
        // What came before it may not be in the index yet.
        if !has_rested(letter, now) {
            return Ok(Asked::Waits(None));
        }
        let found = self.letters.turn(&letter.source, group).await?;
        let before = found.as_ref().map_or_else(Vec::new, |turn| turn.before(letter));
        let full = found.as_ref().is_some_and(GroupTurn::is_full);
        let mut over = Vec::new();
        for (id, look) in before.iter().zip(self.letters.look(&before).await?) {
            let one = look.map(|look| look.candidate);
            let gone = |one: &Candidate| one.status == Status::Replayed && one.due == Timestamp::NEVER;
            let ended = |one: &Candidate| one.status == Status::Resolved || gone(one) || self.is_over(one);
            match one {
                Some(one) if ended(&one) => over.push(*id),
                Some(one) if holds(one.status, after_replayed) => return Ok(Asked::Waits(Some(one.id))),
                // It may come back: restored, dead again, or indexed only now.
                Some(Candidate { status: Status::Discarded, .. }) | None if full => over.push(*id),
                _ => {}
            }
        }
        let Some(turn) = GroupTurn::of(letter, found.as_ref(), &over, now) else {
            return Ok(Asked::Waits(before.first().copied()));
        };
        match self.letters.write_turn(turn.clone()).await {
            Ok(()) => Ok(Asked::Goes),
            // A lost answer.
            Err(WriteError::Condition(Some(there))) if *there == turn => Ok(Asked::Goes),
            Err(WriteError::Condition(_)) => Ok(Asked::Waits(None)),
            Err(WriteError::Unavailable(error)) => Err(error),
        }
    }
}
