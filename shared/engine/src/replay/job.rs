//! Jobs: which goes next, what became of its letters, what it sends next, and what persons do to it. Sends through
//! [`transfer`](super::transfer), and knows no SQS.

mod advance;
mod await_alongside;
mod blocked;
mod control;
mod drive;
mod entries;
mod guard;
mod next_batch;
mod observe;
mod owner;
mod rotation;
mod write;

pub(crate) use control::{JobAnswer, add_to_list, create, list, open_jobs, show, steer};
pub(crate) use owner::{owner, sources};
pub(crate) use rotation::{Rotation, TurnReport};
