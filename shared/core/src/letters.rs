//! Dead messages as letters: how one is indexed, why it died, and what its cause and its policy are.

pub mod admission;
pub mod candidate;
pub mod cause;
pub mod dead_message;
pub mod dead_record;
pub mod edges;
pub mod exact_message;
pub mod exact_record;
pub mod fingerprint;
pub mod letter;
pub mod listing;
mod place_note;
pub mod policy;
pub mod reason;
pub mod schema;
pub mod spread;
pub mod stated_death;
pub mod summary;
pub mod waiting;
