//! Trace of the work that a call belongs to.
//!
//! Lambda's trace header stands in the environment where a process has one invocation at a time; where
//! it has several, it goes with the work.

use std::future::Future;
use std::sync::Arc;

tokio::task_local! {
    static HEADER: Arc<str>;
}

/// Does `work` as a part of the trace with this header, if there is one.
pub async fn within<F: Future>(header: Option<Arc<str>>, work: F) -> F::Output {
    match header {
        Some(header) => HEADER.scope(header, work).await,
        None => work.await,
    }
}

/// The trace header of the work at hand: `None` outside of an invocation, and in work that several invocations share.
#[must_use]
pub fn current() -> Option<Arc<str>> {
    HEADER.try_with(Arc::clone).ok()
}

/// The same work in a task of its own, as a part of the trace that it is begun in.
pub(crate) fn carried<F: Future>(work: F) -> impl Future<Output = F::Output> {
    within(current(), work)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_work_has_its_own_header_and_takes_it_into_its_tasks() {
        let work = async || tokio::spawn(carried(async { current() })).await.unwrap();
        let (one, other) = (Arc::<str>::from("Root=1"), Arc::<str>::from("Root=2"));
        let of_one = within(Some(Arc::clone(&one)), work());
        let of_other = within(Some(Arc::clone(&other)), work());
        assert_eq!(tokio::join!(of_one, of_other, within(None, work())), (Some(one), Some(other), None));
    }
}
