//! Ages of the oldest messages in the main queues of a list: no alarm can look at several queues.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use redrive_aws::{Ages, QueueAges};
use redrive_core::ids::QueueArn;
use redrive_core::time::Timestamp;
use tracing::{info, warn};

/// Time between two readings. The schedule's minutes come some seconds early or late, so it is not quite five of them.
const EVERY: Duration = Duration::from_secs(4 * 60 + 30);

/// Main queues whose ages are read.
pub(crate) struct MainQueueAges {
    queues: Vec<QueueArn>,
    reader: QueueAges,
    last: Mutex<Option<Timestamp>>,
}

impl MainQueueAges {
    pub(crate) fn new(queues: impl IntoIterator<Item = QueueArn>, reader: QueueAges) -> Self {
        let mut queues: Vec<_> = queues.into_iter().collect();
        queues.sort();
        queues.dedup();
        Self { queues, reader, last: Mutex::new(None) }
    }

    /// Reads them, unless that was done a moment ago. A reading in vain is counted, and fails nothing else.
    pub(crate) async fn read(&self, now: Timestamp) -> Option<Ages> {
        if !is_due(&mut self.last.lock().unwrap_or_else(PoisonError::into_inner), now) {
            return None;
        }
        let ages = self.reader.read(&self.queues, now).await.unwrap_or_else(|error| {
            warn!(%error, "ages of the main queues could not be read (cloudwatch:GetMetricData)");
            Ages { unread: self.queues.len(), ..Ages::default() }
        });
        if let Some((queue, age)) = &ages.oldest {
            info!(queue = queue.name(), seconds = age.as_secs(), "oldest message that waits in a main queue");
        }
        Some(ages)
    }
}

/// Returns true if it is time for a reading, which begins then.
fn is_due(last: &mut Option<Timestamp>, now: Timestamp) -> bool {
    let due = last.is_none_or(|last| now.since(last) >= EVERY);
    if due {
        *last = Some(now);
    }
    due
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_read_every_five_minutes_of_a_schedule_of_one() {
        let start = Timestamp::from_millis(1_000_000);
        let mut last = None;
        let read = |minute: &u64| is_due(&mut last, start.after(Duration::from_secs(60 * minute)));
        let minutes: Vec<u64> = (0..12).filter(read).collect();
        assert_eq!(minutes, [0, 5, 10]);
    }
}
