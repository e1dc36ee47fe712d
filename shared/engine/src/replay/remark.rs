//! Requests of persons that send nothing: discard, restore, note, erase, and free keys.

mod edges;
mod erase;
mod free;

pub(crate) use edges::{RemarkKind, RemarkRequest, remark};
pub(crate) use free::free;
