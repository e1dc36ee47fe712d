//! Memory of a process: outages between its invocations, and of enqueues that it knows to be dead.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redrive_core::ids::Enqueue;
use redrive_core::processing::ledger::LastFault;
use redrive_core::processing::outcome::{Lasting, Outage};
use redrive_core::time::Timestamp;

/// Number of dead enqueues that are remembered: a few minutes' worth of those that wait for their move.
const DEAD: usize = 1_024;

/// The memory of one process. Clones share it, and so do all invocations of the process.
#[derive(Debug, Clone, Default)]
pub struct Outages(Arc<Mutex<OutageMemory>>);

#[derive(Debug, Default)]
struct OutageMemory {
    /// Of the ledger: from its first call without an answer on.
    ledger: Option<Lasting>,
    /// Of whatever the handler needs: from the first batch on that shows it.
    handler: Option<Lasting>,
    dead: VecDeque<(Enqueue, LastFault)>,
}

impl Outages {
    fn memory(&self) -> MutexGuard<'_, OutageMemory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The ledger has answered.
    pub(super) fn ledger_answered(&self) {
        self.memory().ledger = None;
    }

    /// The ledger has not answered.
    pub(super) fn ledger_is_out(&self, now: Timestamp) {
        let mut memory = self.memory();
        memory.ledger = Some(Lasting::continued(memory.ledger, now));
    }

    /// For how long the ledger has been out of reach, as far as this process knows.
    pub(super) fn ledger_out_for(&self) -> Duration {
        self.memory().ledger.map(|outage| outage.lasted()).unwrap_or_default()
    }

    /// Returns true if what the handler needs has been out of reach until now, as far as this process knows.
    pub(super) fn handler_is_out(&self, now: Timestamp) -> bool {
        self.memory().handler.is_some_and(|outage| outage.is_one_with(&Lasting::continued(Some(outage), now)))
    }

    /// A batch has ended. For how long the outage has lasted that it shows, if messages are to be hidden for longer than by their
    /// own schedules: one batch of transient faults may be a coincidence, the next one in a row is none.
    pub(super) fn ended(&self, outage: Option<Outage>, succeeded: bool, now: Timestamp) -> Option<Duration> {
        let mut memory = self.memory();
        if succeeded {
            memory.handler = None;
        }
        match outage {
            None => None,
            Some(Outage::Ledger) => memory.ledger.map(|outage| outage.lasted()),
            Some(Outage::Handler) => {
                let before = memory.handler;
                let outage = Lasting::continued(before, now);
                memory.handler = Some(outage);
                before.filter(|before| before.is_one_with(&outage)).map(|_| outage.lasted())
            }
        }
    }

    /// An enqueue is dead, by the ledger's own word.
    pub(super) fn died(&self, enqueue: Enqueue, fault: LastFault) {
        let mut memory = self.memory();
        if memory.dead.iter().any(|(dead, _)| *dead == enqueue) {
            return;
        }
        if memory.dead.len() >= DEAD {
            memory.dead.pop_front();
        }
        memory.dead.push_back((enqueue, fault));
    }

    /// Reason why an enqueue is dead, if it is known to be: while the ledger cannot be asked, that needs no asking.
    pub(super) fn death_of(&self, enqueue: &Enqueue) -> Option<LastFault> {
        self.memory().dead.iter().find(|(dead, _)| dead == enqueue).map(|(_, fault)| fault.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u64) -> Timestamp {
        Timestamp::from_millis(second * 1_000)
    }

    #[test]
    fn the_second_batch_in_a_row_brakes_for_as_long_as_it_lasts_and_a_success_ends_it() {
        let outages = Outages::default();
        let handler = Some(Outage::Handler);
        assert_eq!(outages.ended(handler, false, at(0)), None, "one may be a coincidence");
        assert!(outages.handler_is_out(at(1)) && !outages.handler_is_out(at(4_200)));
        assert_eq!(outages.ended(handler, false, at(1)), Some(Duration::from_secs(1)));
        assert_eq!(outages.ended(None, false, at(20)), None);
        assert_eq!(outages.ended(handler, false, at(40)), Some(Duration::from_secs(40)));
        assert_eq!(outages.ended(None, true, at(41)), None);
        assert_eq!(outages.ended(handler, false, at(42)), None);
        assert_eq!(outages.ended(handler, false, at(4_200)), None, "a frozen process has seen nothing");
    }

    #[test]
    fn the_ledgers_outage_is_counted_by_time_and_not_by_calls() {
        let outages = Outages::default();
        (0..100).for_each(|_| outages.ledger_is_out(at(7)));
        assert_eq!(outages.ledger_out_for(), Duration::ZERO);
        outages.ledger_is_out(at(40));
        assert_eq!(outages.ended(Some(Outage::Ledger), false, at(40)), Some(Duration::from_secs(33)));
        outages.ledger_answered();
        assert_eq!(outages.ledger_out_for(), Duration::ZERO);
    }
}
