//! Requests to replay, carried out: which letters are meant, of which queue pair each is, and what is told of them.

mod acts;
mod error;
mod job_requests;
mod lane;
mod pair_states;
mod pass;
mod permitted;
mod queue_pairs;
mod replayer;
mod reports;
mod run;
mod summaries;
mod task;

pub use error::ReplayError;
pub use replayer::Replayer;
pub use reports::Reports;
