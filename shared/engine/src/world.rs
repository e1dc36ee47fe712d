//! Time and chance, as a flow is given them.

use redrive_core::ports::{Clock, Entropy};

/// Time and chance, as a flow is given them.
pub trait World: Clock + Entropy {}

impl<T: Clock + Entropy> World for T {}

/// Rolls a die for jitter.
pub(crate) fn roll(world: &impl Entropy) -> u64 {
    #[expect(clippy::cast_possible_truncation, reason = "half of the bits are as random as all of them")]
    let low = world.bits() as u64;
    low
}
