//! The ledger's table: writes under their conditions, and what they do.

use redrive_core::processing::ledger::{EntryState as Stands, Expect};

use crate::answers::Put;
use crate::bounds::Mutant;
use crate::state::{KEYS, State, Who, broken};
use crate::tables::Ref;
use crate::world::World;

impl World {
    /// Carries out a conditional write of the ledger. `false`: its condition failed.
    pub(crate) fn write(&self, s: &mut State, put: Ref) -> bool {
        let put = self.core.puts.thing(put);
        let new = self.core.facts(put.entry).expect("a write writes something");
        if !self.holds(s, &put) {
            return false;
        }
        let settles = self.is_settlement(&put);
        if settles {
            let old = self.core.facts(s.ledger[put.cell]);
            if !old.is_some_and(|old| old.owner == new.owner && old.stands == Stands::InProgress) {
                s.broken |= broken::LATE;
            }
            if new.dead & s.dead & new.owner.who().bit() != 0 {
                s.broken |= broken::DIED_TWICE;
            }
            if new.stands == Stands::Completed && !self.core.is(Mutant::EffectBesideTheCompletion) {
                self.take_effect(s, new.owner.who());
            }
        }
        // What a full key refuses is dead only until somebody frees it.
        if put.cell < KEYS || self.core.scene.crowd == 0 {
            s.dead |= new.dead;
        }
        let late = new.stands == Stands::InProgress && s.lapsed & new.owner.bit() != 0;
        s.ledger[put.cell] = if late { self.core.lapse(put.entry) } else { put.entry };
        true
    }

    /// Returns true if a write's condition holds now.
    pub(crate) fn holds(&self, s: &State, put: &Put) -> bool {
        let found = self.core.entries.get(s.ledger[put.cell]);
        let settles = self.is_settlement(put);
        let claims = self.core.facts(put.entry).is_some_and(|facts| facts.stands == Stands::InProgress);
        match (self.core.scene.mutant, put.expect, &found) {
            (Some(Mutant::UnfencedSettle), ..) if settles => true,
            (Some(Mutant::UnconditionalClaim), ..) if claims => true,
            (Some(Mutant::VersionAlone), Expect::Unchanged { version, .. }, Some(found)) => found.version == version,
            _ => put.expect.holds(found.as_deref()),
        }
    }

    /// A settlement keeps the owner; a claim and a burial bring a new one.
    fn is_settlement(&self, put: &Put) -> bool {
        let entry = self.core.entries.thing(put.entry);
        let keeps = matches!(put.expect, Expect::Unchanged { owner, .. } if owner == entry.owner);
        keeps && put.cell < KEYS && entry.state != Stands::InProgress
    }

    /// The transactional effect of a message.
    pub(crate) fn take_effect(&self, s: &mut State, who: Who) {
        let (key, payload) = self.core.scene.messages[who.message()];
        s.effects[key][payload] = s.effects[key][payload].saturating_add(1);
        s.done |= self.core.effect(who.message());
    }
}
