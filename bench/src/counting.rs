//! What the SDK sends and gets, counted on its way; and the CPU time that this process takes.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_sdk_dynamodb::config::interceptors::{
    BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;

/// Counts tries of calls and their bytes: bodies, and names and values of headers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Meter(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    calls: AtomicU64,
    sent: AtomicU64,
    received: AtomicU64,
}

/// So much until now.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    pub(crate) calls: u64,
    pub(crate) sent: u64,
    pub(crate) received: u64,
    pub(crate) cpu: Duration,
}

impl Meter {
    pub(crate) fn read(&self) -> Reading {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Reading { calls: of(&self.0.calls), sent: of(&self.0.sent), received: of(&self.0.received), cpu: cpu() }
    }
}

#[aws_sdk_dynamodb::config::dyn_dispatch_hint]
impl Intercept for Meter {
    fn name(&self) -> &'static str {
        "Meter"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request();
        let headers: usize = request.headers().iter().map(|(name, value)| name.len() + value.len() + 4).sum();
        let body = request.body().bytes().map_or(0, <[u8]>::len);
        self.0.calls.fetch_add(1, Ordering::Relaxed);
        self.0.sent.fetch_add((headers + body) as u64, Ordering::Relaxed);
        Ok(())
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        let headers: usize = response.headers().iter().map(|(name, value)| name.len() + value.len() + 4).sum();
        let body = response.body().bytes().map_or(0, <[u8]>::len);
        self.0.received.fetch_add((headers + body) as u64, Ordering::Relaxed);
        Ok(())
    }
}

/// What all threads of this process have used, in nanoseconds of the scheduler's account.
fn cpu() -> Duration {
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let spent = tasks.filter_map(|task| {
        let account = fs::read_to_string(task.path().join("schedstat")).ok()?;
        account.split_whitespace().next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(spent.sum())
}
