//! What a person must know of letters before they are sent, and what keeps none of them back.

use redrive_core::letters::letter::Letter;
use redrive_core::message::foreign::{ClaimCheck, Task};
use redrive_core::time::Timestamp;

use super::ReplayReport;

impl ReplayReport {
    /// Counts a letter that would be sent, or is, if its consumer may not do with it what is expected.
    pub(super) fn warn_of(&mut self, letter: &Letter, now: Timestamp) {
        let body = letter.payload_now();
        self.in_s3 += usize::from(ClaimCheck::of(body, &letter.attributes).is_some());
        let dropped = Task::of(body, &letter.attributes).is_some_and(|task| task.is_dropped(now));
        self.expired_tasks += usize::from(dropped);
    }
}
