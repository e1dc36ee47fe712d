//! Changes that a ledger entry may go through.

use redrive_core::message::key::LedgerKey;
use redrive_core::processing::ledger::{Entry, EntryState};
use redrive_testkit::Effects;

use super::edits::{is_freed, is_withdrawal};
use super::{Checker, Invariant};
use crate::actors::{ATTEMPTS, SKEW};

/// An entry remembers so many enqueues; one more, and the oldest that is not dead is forgotten.
const ENQUEUES: usize = 8;

impl Checker {
    pub(super) fn entry_written(
        &mut self,
        key: &LedgerKey,
        before: Option<&Entry>,
        after: &Entry,
        effects: Option<&Effects>,
    ) {
        let name = key.as_str().to_owned();
        let version = before.map_or(0, |before| before.version);
        self.must(after.version == version + 1, Invariant::Monotone, || {
            format!("{name} went from version {version} to {}", after.version)
        });
        if effects.is_some_and(|effects| !effects.adds.is_empty()) {
            let count = self.effects.entry((key.clone(), after.hash.clone())).or_default();
            *count += 1;
            let count = *count;
            self.effect_begins(after);
            self.must(count == 1, Invariant::OneEffect, || format!("the effect of {name} happened {count} times"));
        }
        let before = before.filter(|before| !before.expired(self.at));
        if let Some(before) = before.filter(|before| is_freed(before, after)) {
            self.freed(key, before, after);
        }
        self.dead_stay_dead(key, after);
        if let Some(before) = before.filter(|before| is_withdrawal(before, after)) {
            return self.withdrawn(&name, before);
        }
        if after.state == EntryState::InProgress {
            let attempts = |enqueue| before.map_or(0, |before| before.attempts(enqueue));
            let enqueue = after.enqueues.iter().find(|record| record.attempts > attempts(&record.enqueue));
            self.claimed.extend(enqueue.map(|record| (after.owner.to_string(), record.enqueue.clone())));
        }
        match before {
            Some(before) => self.entry_changed(&name, before, after),
            None => self.must(after.state != EntryState::Completed, Invariant::OnlyTheOwnerSettles, || {
                format!("{name} was completed by who had not claimed it")
            }),
        }
    }

    /// A person had dead enqueues forgotten: of a key that nobody runs, and none that an edit took back.
    fn freed(&mut self, key: &LedgerKey, before: &Entry, after: &Entry) {
        let live = before.state == EntryState::InProgress && before.lease_until > self.at.after(SKEW);
        self.must(!live && before.state != EntryState::Completed, Invariant::OnlyTheOwnerSettles, || {
            format!("{} was freed while it was held", key.as_str())
        });
        let forgotten = self.dead.entry(key.clone()).or_default();
        let gone: Vec<_> = forgotten.iter().filter(|enqueue| !after.is_dead(enqueue)).cloned().collect();
        forgotten.retain(|enqueue| after.is_dead(enqueue));
        self.starts.retain(|enqueue, _| !gone.contains(enqueue));
    }

    /// Checks that every dead enqueue stays dead, named in full or not.
    fn dead_stay_dead(&mut self, key: &LedgerKey, after: &Entry) {
        let dead = self.dead.entry(key.clone()).or_default();
        let risen = dead.iter().find(|enqueue| !after.is_dead(enqueue)).cloned();
        dead.extend(after.enqueues.iter().filter(|record| record.dead).map(|record| record.enqueue.clone()));
        if let Some(enqueue) = risen {
            let what = format!("life {enqueue} of {} was dead, and is not any more", key.as_str());
            self.broken(Invariant::DeadStaysDead, what);
        }
    }

    /// Replay marks what nobody runs, and what was dead stays so.
    fn withdrawn(&mut self, name: &str, before: &Entry) {
        let live = before.state == EntryState::InProgress && before.lease_until > self.at.after(SKEW);
        self.must(!live && before.state != EntryState::Completed, Invariant::OnlyTheOwnerSettles, || {
            format!("{name} was marked while it was held")
        });
    }

    fn entry_changed(&mut self, name: &str, before: &Entry, after: &Entry) {
        let own = before.owner == after.owner;
        // Whoever takes over reads his own clock.
        let live = before.state == EntryState::InProgress && before.lease_until > self.at.after(SKEW);
        self.must(before.state != EntryState::Completed, Invariant::OnlyTheOwnerSettles, || {
            format!("{name} was completed, and became {:?}", after.state)
        });
        match after.state {
            EntryState::Completed => {
                self.must(own && before.state == EntryState::InProgress, Invariant::OnlyTheOwnerSettles, || {
                    format!("{name} was completed by who did not hold it")
                })
            }
            EntryState::Failed if own => {
                self.must(before.state == EntryState::InProgress, Invariant::OnlyTheOwnerSettles, || {
                    format!("{name} failed though it was not in progress")
                })
            }
            EntryState::Failed => {
                self.must(!live, Invariant::OnlyTheOwnerSettles, || format!("{name} failed by who did not hold it"))
            }
            EntryState::InProgress => self.must(!own && !live, Invariant::OneOwner, || {
                format!("{name} was claimed while another's lease was live")
            }),
        }
        for record in
            before.enqueues.iter().filter(|record| after.enqueues.iter().all(|other| other.enqueue != record.enqueue))
        {
            let evicted = before.enqueues.len() == ENQUEUES && after.enqueues.len() == ENQUEUES;
            let taken_back = record.attempts <= 1;
            let kept = if record.dead { after.is_dead(&record.enqueue) } else { evicted || taken_back };
            self.must(kept, Invariant::DeadStaysDead, || format!("life {} of {name} was forgotten", record.enqueue));
            if evicted && !record.dead {
                // Its attempts are counted from the beginning if it comes back.
                self.starts.remove(&record.enqueue);
            }
        }
        let claims = after.state == EntryState::InProgress;
        for record in
            after.enqueues.iter().filter(|record| claims && record.attempts > before.attempts(&record.enqueue))
        {
            self.must(!before.is_dead(&record.enqueue), Invariant::DeadStaysDead, || {
                format!("dead life {} claimed {name}", record.enqueue)
            });
            self.must(record.attempts <= ATTEMPTS, Invariant::DeadStaysDead, || {
                format!("life {} of {name} has begun its attempt {}", record.enqueue, record.attempts)
            });
        }
    }
}
