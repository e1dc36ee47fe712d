//! A set of letters, transferred once: eligible, edited, claimed, sent, marked. Knows no job: a job's id is only the name in
//! which letters are claimed.

mod claim;
mod edit;
mod eject;
mod eligible;
pub(crate) mod fifo;
mod lapsed;
mod machine;
mod mark;
mod preview;
pub(crate) mod request;
mod send;
mod size_limit;
mod withdraw;

pub(crate) use machine::{Transferred, transfer};
pub(crate) use preview::preview;
