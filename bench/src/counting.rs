//! Counts of what the SDK sends and gets, and the CPU time and memory that a process takes.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_sdk_dynamodb::config::interceptors::{
    AfterDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;

/// Counts tries of calls and their bytes: bodies, and names and values of headers.
#[derive(Debug, Clone, Default)]
pub(crate) struct CallMeter(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    calls: AtomicU64,
    sent: AtomicU64,
    received: AtomicU64,
}

/// Totals of the counts until now.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CallCounts {
    pub(crate) calls: u64,
    pub(crate) sent: u64,
    pub(crate) received: u64,
    pub(crate) cpu: Duration,
}

impl CallMeter {
    pub(crate) fn read(&self) -> CallCounts {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        CallCounts { calls: of(&self.0.calls), sent: of(&self.0.sent), received: of(&self.0.received), cpu: cpu() }
    }
}

impl Intercept for CallMeter {
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

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
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

/// Returns the CPU time of this process, in the kernel's ticks of 10 ms: measure for a second or more.
pub(crate) fn cpu() -> Duration {
    let account = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The second field, the name, may hold anything; after it come state and others, then user and system time.
    let rest = account.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = rest.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok());
    Duration::from_millis(10 * ticks.sum::<u64>())
}

/// Kind of memory that the kernel tells of a process.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Memory {
    /// Memory that it has now.
    Resident,
    /// The most that it ever had.
    Peak,
}

/// Returns the memory of a process in KB, by its id or as `self`; 0 if it has ended.
pub(crate) fn memory_kb(process: &str, kind: Memory) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let name = match kind {
        Memory::Resident => "VmRSS:",
        Memory::Peak => "VmHWM:",
    };
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
