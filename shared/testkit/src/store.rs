//! The two tables: the ledger and the letters. Every condition is core's own, so that a model cannot be kinder than
//! the real table is asked to be.

mod causes;
mod effects;
mod jobs;
mod ledger;
mod letters;
mod summary;
#[cfg(test)]
mod tests;

pub use effects::{Countable, Effects};
pub use jobs::ModelGauges;
pub use ledger::{ModelLedger, ReadCounts};
pub use letters::ModelLetters;

const THROTTLED: &str = "throttled";
