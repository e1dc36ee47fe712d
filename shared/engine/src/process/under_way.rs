use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// Number of things that are under way, and a bell that rings when some of them have ended.
#[derive(Debug, Clone, Default)]
pub(super) struct Gauge(Arc<Count>);

#[derive(Debug, Default)]
struct Count {
    under_way: AtomicUsize,
    ended: Notify,
}

/// Share of a gauge: what it counts is under way until it is dropped, however that comes.
#[derive(Debug)]
pub(super) struct Share {
    gauge: Gauge,
    things: usize,
}

impl Gauge {
    /// Number of things that are under way now.
    pub(super) fn now(&self) -> usize {
        self.0.under_way.load(Ordering::SeqCst)
    }

    /// Counts so many things as begun.
    pub(super) fn begin(&self, things: usize) -> Share {
        self.0.under_way.fetch_add(things, Ordering::SeqCst);
        Share { gauge: self.clone(), things }
    }

    /// Waits until something has ended since the last wait.
    pub(super) async fn ended(&self) {
        self.0.ended.notified().await;
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.gauge.0.under_way.fetch_sub(self.things, Ordering::SeqCst);
        self.gauge.0.ended.notify_one();
    }
}
