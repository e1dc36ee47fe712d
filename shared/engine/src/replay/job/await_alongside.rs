//! A future that is waited for while others go on.

use std::future::Future;

use futures_util::StreamExt;
use futures_util::future::{Either, select};
use futures_util::stream::FuturesUnordered;

/// Waits for one future, while others go on. Returns its output, and those of the others that have ended meanwhile.
pub(super) async fn await_alongside<T, F: Future>(
    one: impl Future<Output = T>,
    others: &mut FuturesUnordered<F>,
) -> (T, Vec<F::Output>) {
    let (mut one, mut ended) = (std::pin::pin!(one), Vec::new());
    loop {
        if others.is_empty() {
            return (one.await, ended);
        }
        match select(one.as_mut(), others.next()).await {
            Either::Left((output, _)) => return (output, ended),
            Either::Right((other, _)) => ended.extend(other),
        }
    }
}
