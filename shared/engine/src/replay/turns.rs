//! The turns of a FIFO queue's groups: what the index cannot tell in time.

use redrive_core::ids::LetterId;
use redrive_core::letters::letter::{Letter, Status};
use redrive_core::ports::{Clock, Jobs, Letters, Unavailable, WriteError};
use redrive_core::replay::job::JobEntry;
use redrive_core::replay::{Candidate, GroupTurn, has_rested, is_fifo};
use tracing::warn;

use super::groups::holds;
use super::{Ports, ReplayReport, Replayer, Sending};

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
        let mut over = Vec::new();
        for (id, one) in before.iter().zip(self.letters.read(&before).await?) {
            let gone = |one: &Letter| one.status == Status::Replayed && one.destination().is_some();
            let holding = one.filter(|one| holds(one.status, after_replayed) && !gone(one));
            if let Some(one) = holding.filter(|one| !self.is_over(&Candidate::of(one))) {
                return Ok(Asked::Waits(Some(one.id)));
            }
            over.push(*id);
        }
        // Who went before it, and is only not waited for, is remembered.
        if after_replayed {
            over.clear();
        }
        let Some(turn) = GroupTurn::of(letter, found.as_ref(), &over, now) else { return Ok(Asked::Goes) };
        match self.letters.write_turn(turn.clone()).await {
            Ok(()) => Ok(Asked::Goes),
            // A lost answer.
            Err(WriteError::Condition(Some(there))) if *there == turn => Ok(Asked::Goes),
            Err(WriteError::Condition(_)) => Ok(Asked::Waits(None)),
            Err(WriteError::Unavailable(error)) => Err(error),
        }
    }
}
