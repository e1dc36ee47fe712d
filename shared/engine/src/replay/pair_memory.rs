//! Answers that serve for a while, of one queue pair.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redrive_core::ids::QueueArn;
use redrive_core::letters::letter::Letter;
use redrive_core::replay::{GroupLeaders, MESSAGE_LIMIT};
use redrive_core::time::Timestamp;
use tokio::time::Instant;

/// Share of the time that reading all open letters may take, to find the heads: one part in as many.
const SHARE: u32 = 5;
/// Age from which heads are read again in any case.
const OLD: Duration = Duration::from_secs(30);
/// Age from which a queue's limit is asked for again: nobody changes it twice in a minute.
const SERVES: Duration = Duration::from_secs(60);

/// Memory of a queue pair in a process.
#[derive(Debug, Default)]
pub(crate) struct PairMemory {
    pub(crate) heads: HeadMemory,
    pub(crate) limits: SizeLimits,
}

/// Heads of groups as they were read last, for as long as that is good enough.
#[derive(Debug, Default)]
pub(crate) struct HeadMemory(Mutex<Option<HeadReading>>);

/// Reading of all heads at a time.
#[derive(Debug)]
pub(crate) struct HeadReading {
    pub(crate) at: Timestamp,
    pub(crate) took: Duration,
    pub(crate) after_replayed: bool,
    pub(crate) heads: Arc<GroupLeaders>,
}

impl HeadReading {
    /// By what was read then only the head of a group may go. A letter that has no place among them is newer, and so may be
    /// what comes before it.
    fn serves(&self, letters: &[Letter], after_replayed: bool, now: Timestamp) -> bool {
        self.after_replayed == after_replayed
            && now.since(self.at) < (self.took * SHARE).min(OLD)
            && letters.iter().all(|letter| self.heads.knows(letter))
    }
}

impl HeadMemory {
    /// Heads that were read lately enough to say whose turn it is among these letters.
    pub(crate) fn recall(&self, letters: &[Letter], after_replayed: bool, now: Timestamp) -> Option<Arc<GroupLeaders>> {
        let memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let serves = memory.as_ref().filter(|reading| reading.serves(letters, after_replayed, now));
        serves.map(|reading| Arc::clone(&reading.heads))
    }

    pub(crate) fn keep(&self, reading: HeadReading) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(reading);
    }
}

/// Queue that letters go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TargetQueue {
    Main,
    Other(QueueArn),
    DeadLetters,
}

impl TargetQueue {
    /// Queue of this destination; `None`: the letters' own.
    pub(crate) fn to(to: Option<&QueueArn>) -> Self {
        to.map_or(Self::Main, |to| Self::Other(to.clone()))
    }

    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Main => "the queue",
            Self::Other(_) => "the other queue",
            Self::DeadLetters => "the dead-letter queue",
        }
    }
}

/// Largest messages that the queues take, each as it was read last.
#[derive(Debug, Default)]
pub(crate) struct SizeLimits(Mutex<Vec<(TargetQueue, Instant, usize)>>);

impl SizeLimits {
    /// Limit that was read lately.
    pub(crate) fn recall(&self, queue: &TargetQueue) -> Option<usize> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = all.iter().find(|(whose, at, _)| whose == queue && at.elapsed() < SERVES)?;
        Some(fresh.2)
    }

    pub(crate) fn keep(&self, queue: TargetQueue, limit: usize) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|(whose, ..)| *whose != queue);
        all.push((queue, Instant::now(), limit));
    }

    /// Least of all limits that are known of queues where consumers are: for what stands between a limit's being read and its
    /// use.
    pub(crate) fn least(&self) -> usize {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let consumed = all.iter().filter(|(queue, ..)| *queue != TargetQueue::DeadLetters);
        consumed.map(|(.., limit)| *limit).min().unwrap_or(MESSAGE_LIMIT)
    }
}
