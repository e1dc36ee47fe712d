//! Processing of one message: attempts, the ledger, and the outcome. Knows no letter.

pub mod backoff;
pub mod handler;
pub mod ledger;
pub mod mask;
pub mod outcome;
pub mod powertools;
pub mod routes;
