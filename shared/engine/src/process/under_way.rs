//! Count of things that are under way, which says when some of them have ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// Number of things that are under way, and a bell that rings when some of them have ended.
#[derive(Debug, Clone, Default)]
pub(super) struct UnderWay(Arc<Count>);

#[derive(Debug, Default)]
struct Count {
    under_way: AtomicUsize,
    ended: Notify,
}

/// Share of a count: its things are under way until it is dropped, however that comes.
#[derive(Debug)]
pub(super) struct Share {
    of: UnderWay,
    things: usize,
}

impl UnderWay {
    /// Number of things that are under way now.
    pub(super) fn now(&self) -> usize {
        self.0.under_way.load(Ordering::SeqCst)
    }

    /// Counts so many things as begun.
    pub(super) fn begin(&self, things: usize) -> Share {
        self.0.under_way.fetch_add(things, Ordering::SeqCst);
        Share { of: self.clone(), things }
    }

    /// Waits until something has ended since the last wait.
    pub(super) async fn ended(&self) {
        self.0.ended.notified().await;
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.of.0.under_way.fetch_sub(self.things, Ordering::SeqCst);
        self.of.0.ended.notify_one();
    }
}
