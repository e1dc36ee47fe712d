//! Starts of handlers: when one may run.

use redrive_core::ids::Enqueue;
use redrive_core::message::key::{Key, LedgerKey};
use redrive_testkit::journal::Actor;

use super::{Checker, Invariant, SentMessage};
use crate::actors::{ATTEMPTS, SKEW};

impl Checker {
    pub(super) fn started(&mut self, actor: &Actor, key: &Key, enqueue: &Enqueue, attempt: u32) {
        let entry = LedgerKey::owned(&self.reading.scope, key);
        let name = entry.as_str().to_owned();
        let holds = self.held.get(&(actor.clone(), entry.clone())).is_some_and(|held| held.enqueue == *enqueue);
        self.must(holds, Invariant::RunsAreGated, || format!("{actor} runs {name} without having read its claim"));
        let dead = self.entries.get(&entry).is_some_and(|entry| entry.is_dead(enqueue));
        self.must(!dead, Invariant::DeadStaysDead, || format!("{actor} runs {name} for {enqueue}, which is dead"));

        self.in_order(enqueue);
        self.begins("a run", enqueue);

        let runs = self.running.entry(entry).or_default();
        let others: Vec<_> = runs.iter().map(ToString::to_string).collect();
        runs.push(actor.clone());
        self.must(others.is_empty(), Invariant::RunsAreGated, || format!("{actor} runs {name} beside {others:?}"));

        let starts = self.starts.entry(enqueue.clone()).or_default();
        *starts += 1;
        let starts = *starts;
        self.must(starts <= ATTEMPTS && starts <= attempt, Invariant::DeadStaysDead, || {
            format!("{enqueue} runs for the {starts}. time, as attempt {attempt}")
        });
    }

    /// Checks that each message before it in its group is completed, or in the dead-letter queue.
    fn in_order(&mut self, enqueue: &Enqueue) {
        let Some(own) = self.known.get(&enqueue.message_id) else { return };
        let (Some(group), Some(place)) = (&own.seen.envelope.group, &own.seen.envelope.sequence) else { return };
        let done = |known: &SentMessage| {
            let entry = known.entry.as_ref();
            entry.is_some_and(|key| self.is_completed(key, &known.seen.hash)) || self.is_handed_over(known)
        };
        let before = |known: &&SentMessage| {
            let envelope = &known.seen.envelope;
            envelope.group.as_ref() == Some(group) && envelope.sequence.as_ref().is_some_and(|its| its < place)
        };
        let waiting = self.waits.iter().filter_map(|id| self.known.get(id)).filter(before).find(|known| !done(known));
        let Some(first) = waiting.map(|known| known.seen.envelope.message_id.clone()) else { return };
        let group = group.clone();
        self.broken(Invariant::GroupsAreInOrder, format!("{enqueue} runs before {first} of {group} is done with"));
    }

    pub(super) fn ended(&mut self, actor: &Actor, key: &Key, enqueue: &Enqueue) {
        let entry = LedgerKey::owned(&self.reading.scope, key);
        let runs = self.running.entry(entry.clone()).or_default();
        let Some(at) = runs.iter().position(|other| other == actor) else { return };
        runs.remove(at);
        let until = self.held.get(&(actor.clone(), entry.clone())).map(|held| held.until);
        // The lease is written by the worker's clock, which may go behind.
        let covered = until.is_some_and(|until| self.at <= until.after(SKEW / 2));
        self.must(covered, Invariant::LeaseCoversTheRun, || {
            format!("{actor} ran {} for {enqueue} until after its lease", entry.as_str())
        });
    }
}
