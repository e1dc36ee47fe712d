//! The flows: the order of steps in which core's decisions are carried out over its ports. Knows tokio, and neither
//! AWS nor Lambda; the functions run it over `redrive-aws`, the simulator runs the very same over models.
//!
//! - [`Processor`] takes a batch from the main queue: claim, handle, settle, and only then acknowledge.
//! - [`Indexer`] empties the dead-letter queue into letters: write first, delete second.
//! - [`Replayer`] sends letters back: claim, send, mark; and finds out what became of those it sent.
//!
//! Every flow decides from what it read, writes under the condition that nothing changed, and decides again if
//! something did ([`ROUNDS`] times at most).

mod batches;
mod drains;
mod index;
mod latencies;
mod pending_counts;
mod places;
mod process;
mod replay;
pub mod trace;

pub use drains::{LANES, drain_all};
pub use index::{DrainReport, IndexSettings, IndexedSource, Indexer, OfSource};
pub use latencies::Latencies;
pub use pending_counts::pending_counts;
pub use process::{Counts, Nowhere, Order, Outages, ProcessReport, ProcessSettings, Processor};
pub use replay::{
    Destination, JobView, Ports as ReplayPorts, RefusedEdit, ReplayError, ReplayReport, ReplaySettings, Replayer,
    Reports, TooLarge, replay_all,
};

use redrive_core::ports::{Clock, Entropy};

/// How often a decision is made anew because what it was made from had changed. Each round loses only to somebody
/// else's success, so a handful is far more than ever happens.
pub const ROUNDS: usize = 8;

/// Time and chance, as a flow is given them.
pub trait World: Clock + Entropy {}

impl<T: Clock + Entropy> World for T {}

/// A die for jitter.
fn roll(world: &impl Entropy) -> u64 {
    #[expect(clippy::cast_possible_truncation, reason = "half of the bits are as random as all of them")]
    let low = world.bits() as u64;
    low
}
