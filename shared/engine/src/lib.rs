//! The flows: the order of steps in which core's decisions are carried out over its ports. Knows tokio, and neither
//! AWS nor Lambda; the functions run it over `redrive-aws`, the simulator runs the very same over models.
//!
//! - [`Processor`] takes a batch from the main queue: claim, handle, settle, and only then acknowledge.
//! - [`Indexer`] empties the dead-letter queue into letters: write first, delete second. [`RecordIndexer`] does the same with the
//!   batches of a dead letter topic: write first, answer second.
//! - [`Replayer`] sends letters back: claim, send, mark; and finds out what became of those it sent.
//!
//! Every flow decides from what it read, writes under the condition that nothing changed, and decides again if
//! something did ([`ROUNDS`] times at most).

mod announced;
mod announcer;
mod batches;
mod drains;
mod group_places;
mod index;
mod latencies;
mod process;
mod replay;
mod rounds;
pub mod trace;
mod world;

pub use announced::Announced;
pub use announcer::{Announcer, EventCounts};
pub use drains::{LANES, drain_all};
pub use index::{DrainReport, IndexSettings, IndexedRecords, IndexedSource, Indexer, OfSource, RecordIndexer};
pub use latencies::Latencies;
pub use process::{Counts, Nowhere, Order, Outages, ProcessPorts, ProcessReport, ProcessSettings, Processor};
pub use replay::{
    Destination, JobView, QueuePair, RefusedEdit, ReplayError, ReplayPorts, ReplayReport, ReplaySettings, Replayer,
    Reports, TooLarge, pending_counts,
};
pub use rounds::ROUNDS;
pub use world::World;
