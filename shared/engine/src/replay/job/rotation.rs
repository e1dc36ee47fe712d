//! Jobs in rotation: one turn of each after the other, until nothing is left to do or the time is over.

use std::collections::VecDeque;
use std::time::Duration;

use redrive_core::ids::JobId;
use tokio::time::{Instant, sleep_until, timeout_at};
use tracing::warn;

use super::drive::{Drive, POLL, Pace};
use super::write::Halt;
use crate::replay::context::PairContext;
use crate::replay::letter_update::LetterUpdate;
use crate::replay::ports::ReplayPorts;
use crate::replay::report::JobView;
use crate::world::roll;

/// Number of troubles with its jobs that a run bears before those that have more wait for the next run.
const TROUBLES: usize = 5;

/// Outcome of one turn.
#[derive(Debug, Default)]
pub(crate) struct TurnReport {
    pub(crate) letters: Vec<LetterUpdate>,
    /// The job as it stands after a turn that came to its end.
    pub(crate) job: Option<JobView>,
    /// True if a table or queue did not answer.
    pub(crate) unavailable: bool,
    /// True if time ran out, and no turn follows.
    pub(crate) out_of_time: bool,
}

/// Jobs of one queue, and whose turn it is.
pub(crate) struct Rotation<'a, P: ReplayPorts> {
    context: PairContext<'a, P>,
    /// Jobs that have a turn in this round.
    round: VecDeque<JobId>,
    /// Jobs that have another turn in the next round.
    next_round: VecDeque<JobId>,
    /// True if any job has moved in this round.
    moved: bool,
    /// Time after which the next round begins, if none has.
    wait: Duration,
    troubles: usize,
}

impl<'a, P: ReplayPorts> Rotation<'a, P> {
    /// Rotation of these jobs, which begins with any of them.
    pub(crate) fn new(context: PairContext<'a, P>, jobs: Vec<JobId>) -> Self {
        let mut round = VecDeque::from(jobs);
        let first = usize::try_from(roll(context.world)).unwrap_or(0) % round.len().max(1);
        round.rotate_left(first);
        Self { context, round, next_round: VecDeque::new(), moved: false, wait: POLL, troubles: 0 }
    }

    /// Takes the next turn; `None` if nothing is left to do.
    pub(crate) async fn next(&mut self) -> Option<TurnReport> {
        if self.round.is_empty() && !self.begin_round().await? {
            return Some(self.out_of_time(TurnReport::default()));
        }
        let id = self.round.pop_front()?;
        if !self.context.time_left() {
            return Some(self.out_of_time(TurnReport::default()));
        }
        Some(self.turn(id).await)
    }

    /// Begins the next round: at once if a job has moved, and after a while otherwise. Whether there is time for it; `None` if no
    /// job has anything left to do.
    async fn begin_round(&mut self) -> Option<bool> {
        if self.next_round.is_empty() {
            return None;
        }
        if !self.moved {
            let wake = Instant::now() + self.wait;
            if !self.context.time_left() || wake + self.context.settings.reserve > self.context.deadline {
                return Some(false);
            }
            sleep_until(wake).await;
        }
        self.round = std::mem::take(&mut self.next_round);
        (self.moved, self.wait) = (false, POLL);
        Some(true)
    }

    async fn turn(&mut self, id: JobId) -> TurnReport {
        let deadline = self.context.deadline;
        let mut drive = match timeout_at(deadline, Drive::read(self.context, id)).await {
            Ok(Ok(Some(drive))) => drive,
            Ok(Ok(None)) => return TurnReport::default(),
            Ok(Err(halt)) => return self.halted(id, halt, TurnReport::default()),
            Err(_) => return self.out_of_time(TurnReport::default()),
        };
        let ended = timeout_at(deadline, drive.turn()).await;
        let (letters, job) = drive.report();
        let report = TurnReport { letters, job, ..TurnReport::default() };
        match ended {
            Ok(Ok(Pace::Rests)) => return report,
            Ok(Ok(Pace::Moved)) => self.moved = true,
            Ok(Ok(Pace::Waits(time))) => self.wait = self.wait.min(time),
            Ok(Err(halt)) => return self.halted(id, halt, report),
            Err(_) => return self.out_of_time(report),
        }
        self.next_round.push_back(id);
        report
    }

    fn halted(&mut self, id: JobId, halt: Halt, report: TurnReport) -> TurnReport {
        match halt {
            Halt::OutOfTime => self.out_of_time(report),
            Halt::ReadAnew => {
                self.moved = true;
                self.next_round.push_back(id);
                report
            }
            Halt::Unavailable(error) => {
                warn!(job_id = %id, %error, "job could not be worked on");
                self.troubles += 1;
                if self.troubles <= TROUBLES {
                    self.next_round.push_back(id);
                }
                TurnReport { unavailable: true, ..report }
            }
        }
    }

    /// Ends the rotation: what is left is the next run's.
    fn out_of_time(&mut self, report: TurnReport) -> TurnReport {
        self.round.clear();
        self.next_round.clear();
        TurnReport { out_of_time: true, ..report }
    }
}
