//! Indexing: the dead-letter queue emptied into letters, written first and deleted second.

mod dead;
mod indexer;
mod look_up;
mod report;
mod run;
mod sources;

pub use indexer::{IndexSettings, Indexer};
pub use report::{DrainReport, OfSource};
pub use sources::IndexedSource;
