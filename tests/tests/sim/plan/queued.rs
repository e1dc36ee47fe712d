//! Plans with more messages at once than there are slots.

use std::time::Duration;

use redrive_core::message::envelope::Attributes;
use redrive_testkit::CallFault;
use redrive_testkit::handlers::{Order, Play};

use super::{Plan, Posting};

impl Plan {
    /// Plans more slow orders at once than there are slots: claims wait for one, and most of them too long.
    pub(crate) fn queued(call_faults: Vec<(usize, CallFault)>) -> Self {
        let small = Self::small(call_faults);
        let id = |n: u64| format!("o-{n}");
        let posting = |n: u64| Posting {
            at: Duration::ZERO,
            body: Order::body(&id(n), 1),
            attributes: Attributes::new(),
            group: u32::try_from(n % 6).unwrap_or_default(),
        };
        let works = |n: u64| vec![Play::Work(Duration::from_millis(5_500 + n * 2_900 % 3_001))];
        let scripts = (0..10).map(|n| (id(n), works(n))).collect();
        Self { postings: (0..10).map(posting).collect(), scripts, workers: vec![0], ..small }
    }

    /// The same in the weather of a seed, and on a FIFO queue every third time.
    pub(crate) fn queued_by(seed: u64) -> Self {
        let fifo = seed.is_multiple_of(3);
        let random = Self::random(seed);
        Self { operators: 0, pointer: true, batch: 10, fifo, direct: fifo, ..random.like(Self::queued(Vec::new())) }
    }
}
