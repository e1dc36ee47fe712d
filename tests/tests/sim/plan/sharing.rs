//! Messages that are sent to a queue that no pair lists, and that shares the pair's dead-letter queue.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use redrive_core::message::envelope::Attributes;
use redrive_testkit::handlers::Order;

use super::{Plan, Posting, QUEUE, forged};

impl Plan {
    /// Random plan with another queue that no pair lists, and that shares the dead-letter queue. Its messages are orders of its own,
    /// or look like those of the pair: body and key are theirs, and some name a letter of the pair.
    pub(crate) fn shared(seed: u64) -> Self {
        let mut plan = match seed % 4 {
            0 => Self::redriven(seed),
            1 => Self::fifo(seed),
            2 => Self::edited(seed),
            _ => Self::random(seed),
        };
        let random = &mut StdRng::seed_from_u64(seed ^ 0x5AED);
        for n in 0..random.random_range(1..=4) {
            let alike = random.random_range(0..plan.postings.len());
            let posting = &plan.postings[alike];
            let origin = format!("{QUEUE}-{}", alike + 1);
            let order: Option<Order> = serde_json::from_str(&posting.body).ok();
            let key = order.filter(|_| plan.pointer).map_or_else(|| origin.clone(), |order| order.order_id);
            let (body, attributes) = match random.random_range(0..3) {
                0 => (Order::body(&format!("unlisted-{n}"), 1), Attributes::new()),
                1 => (posting.body.clone(), posting.attributes.clone()),
                _ => (posting.body.clone(), forged(&origin, &key)),
            };
            let at = Duration::from_millis(random.random_range(0..300_000));
            plan.unlisted.push(Posting { at, body, attributes, group: random.random_range(0..3) });
        }
        plan
    }
}
