//! Letters that a request means: the walk through an index that finds them. Knows no queue.

pub(crate) mod backlog;
pub(crate) mod job_cursor;
pub(crate) mod lanes;
pub(crate) mod letter_reads;
pub(crate) mod selected_letters;
