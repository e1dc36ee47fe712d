//! Value that is read anew behind the pages that show it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

/// Time for which a page waits for a reading: what is read fast is always shown as it is now.
const PATIENCE: Duration = Duration::from_millis(700);

/// The latest of what was read, and whether a reading goes on.
pub(crate) struct Latest<T> {
    value: Mutex<Option<T>>,
    reads: AtomicBool,
    done: Notify,
}

impl<T> Default for Latest<T> {
    fn default() -> Self {
        Self { value: Mutex::new(None), reads: AtomicBool::new(false), done: Notify::new() }
    }
}

impl<T: Clone> Latest<T> {
    /// Returns what was read last.
    pub(crate) fn peek(&self) -> Option<T> {
        self.value.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends a reading with its result.
    pub(crate) fn put(&self, value: T) {
        *self.value.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
        self.reads.store(false, Ordering::Release);
        self.done.notify_waiters();
    }

    /// Forgets what was read: something was changed from here.
    pub(crate) fn forget(&self) {
        *self.value.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Has `start` begin a reading, unless one goes on, and waits for its end for a moment. Returns what was read last then.
    pub(crate) async fn read(&self, start: impl FnOnce()) -> Option<T> {
        let done = self.done.notified();
        tokio::pin!(done);
        // Whoever is told of must listen first.
        done.as_mut().enable();
        if !self.reads.swap(true, Ordering::AcqRel) {
            start();
        }
        let _ = tokio::time::timeout(PATIENCE, done).await;
        self.peek()
    }
}
