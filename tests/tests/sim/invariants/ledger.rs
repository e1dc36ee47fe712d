//! Changes that a ledger entry may go through.

use redrive_core::message::key::LedgerKey;
use redrive_core::processing::ledger::{Entry, State};
use redrive_testkit::Effects;

use super::edits::{is_freed, is_withdrawal};
use super::{Checker, Invariant};
use crate::cast::{ATTEMPTS, SKEW};

/// An entry remembers so many lives; one more, and the oldest that is not dead is forgotten.
const LIVES: usize = 8;

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
        if after.state == State::InProgress {
            let attempts = |life| before.map_or(0, |before| before.attempts(life));
            let life = after.lives.iter().find(|record| record.attempts > attempts(&record.life));
            self.claimed.extend(life.map(|record| (after.owner.to_string(), record.life.clone())));
        }
        match before {
            Some(before) => self.entry_changed(&name, before, after),
            None => self.must(after.state != State::Completed, Invariant::OnlyTheOwnerSettles, || {
                format!("{name} was completed by who had not claimed it")
            }),
        }
    }

    /// A person had dead lives forgotten: of a key that nobody runs, and none that an edit took back.
    fn freed(&mut self, key: &LedgerKey, before: &Entry, after: &Entry) {
        let live = before.state == State::InProgress && before.lease_until > self.at.after(SKEW);
        self.must(!live && before.state != State::Completed, Invariant::OnlyTheOwnerSettles, || {
            format!("{} was freed while it was held", key.as_str())
        });
        let forgotten = self.dead.entry(key.clone()).or_default();
        let gone: Vec<_> = forgotten.iter().filter(|life| !after.is_dead(life)).cloned().collect();
        forgotten.retain(|life| after.is_dead(life));
        self.starts.retain(|life, _| !gone.contains(life));
    }

    /// Checks that every dead life stays dead, named in full or not.
    fn dead_stay_dead(&mut self, key: &LedgerKey, after: &Entry) {
        let dead = self.dead.entry(key.clone()).or_default();
        let risen = dead.iter().find(|life| !after.is_dead(life)).cloned();
        dead.extend(after.lives.iter().filter(|record| record.dead).map(|record| record.life.clone()));
        if let Some(life) = risen {
            let what = format!("life {life} of {} was dead, and is not any more", key.as_str());
            self.broken(Invariant::DeadStaysDead, what);
        }
    }

    /// Replay marks what nobody runs, and what was dead stays so.
    fn withdrawn(&mut self, name: &str, before: &Entry) {
        let live = before.state == State::InProgress && before.lease_until > self.at.after(SKEW);
        self.must(!live && before.state != State::Completed, Invariant::OnlyTheOwnerSettles, || {
            format!("{name} was marked while it was held")
        });
    }

    fn entry_changed(&mut self, name: &str, before: &Entry, after: &Entry) {
        let own = before.owner == after.owner;
        // Whoever takes over reads his own clock.
        let live = before.state == State::InProgress && before.lease_until > self.at.after(SKEW);
        self.must(before.state != State::Completed, Invariant::OnlyTheOwnerSettles, || {
            format!("{name} was completed, and became {:?}", after.state)
        });
        match after.state {
            State::Completed => {
                self.must(own && before.state == State::InProgress, Invariant::OnlyTheOwnerSettles, || {
                    format!("{name} was completed by who did not hold it")
                })
            }
            State::Failed if own => {
                self.must(before.state == State::InProgress, Invariant::OnlyTheOwnerSettles, || {
                    format!("{name} failed though it was not in progress")
                })
            }
            State::Failed => {
                self.must(!live, Invariant::OnlyTheOwnerSettles, || format!("{name} failed by who did not hold it"))
            }
            State::InProgress => self.must(!own && !live, Invariant::OneOwner, || {
                format!("{name} was claimed while another's lease was live")
            }),
        }
        for record in before.lives.iter().filter(|record| after.lives.iter().all(|other| other.life != record.life)) {
            let evicted = before.lives.len() == LIVES && after.lives.len() == LIVES;
            let taken_back = record.attempts <= 1;
            let kept = if record.dead { after.is_dead(&record.life) } else { evicted || taken_back };
            self.must(kept, Invariant::DeadStaysDead, || format!("life {} of {name} was forgotten", record.life));
            if evicted && !record.dead {
                // Its attempts are counted from the beginning if it comes back.
                self.starts.remove(&record.life);
            }
        }
        let claims = after.state == State::InProgress;
        for record in after.lives.iter().filter(|record| claims && record.attempts > before.attempts(&record.life)) {
            self.must(!before.is_dead(&record.life), Invariant::DeadStaysDead, || {
                format!("dead life {} claimed {name}", record.life)
            });
            self.must(record.attempts <= ATTEMPTS, Invariant::DeadStaysDead, || {
                format!("life {} of {name} has begun its attempt {}", record.life, record.attempts)
            });
        }
    }
}
