//! Indexing: the dead-letter queue emptied into letters, written first and deleted second; and a dead letter topic the same, written
//! first and answered second.

mod dead;
mod indexer;
mod letter_admitter;
mod look_up;
mod record_indexer;
mod report;
mod run;
mod sources;

pub use indexer::{IndexSettings, Indexer};
pub use record_indexer::{IndexedRecords, RecordIndexer};
pub use report::{DrainReport, OfSource};
pub use sources::IndexedSource;
