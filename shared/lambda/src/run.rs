//! The loop around a flow: one invocation at a time in, JSON or a failure out, before Lambda's own clock runs out.

use std::fmt;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use lambda_runtime::{Diagnostic, LambdaEvent, Runtime, service_fn};
use redrive_core::ports::Clock;
use redrive_core::processing::ledger::Origin;
use redrive_core::time::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::Value;
use thiserror::Error;
use tokio::runtime::{Builder, Handle};
use tokio::time::Instant;
use tracing::{Instrument, error, info_span};

use crate::System;
use crate::config::FunctionIdentity;

/// Part of an invocation's time that is kept: a late answer does not count, and Lambda's kill answers for nothing.
const MARGIN: Duration = Duration::from_secs(1);
/// Number of handlers that may block their threads at once before any other has to wait for one.
const HANDLER_THREADS: usize = 8;
/// Memory in MB to which Lambda gives the time of one processor; to less it gives a share of one
/// (`docs.aws.amazon.com`, "Configure Lambda function memory").
const MB_A_PROCESSOR: u64 = 1_769;
/// No function runs longer than 90 minutes, 15 where it is not on Lambda Managed Instances; and no deadline lies in the years before
/// Lambda.
const LONGEST: Duration = Duration::from_secs(90 * 60);

/// Invocation of a function.
#[derive(Debug, Clone)]
pub struct Invocation<E = Value> {
    /// Payload that the function was given.
    pub payload: E,
    /// Request id, version and log stream: enough to find its log lines.
    pub origin: Origin,
    /// Instant by which it must have answered.
    pub deadline: Instant,
    /// `Lambda-Runtime-Trace-Id`: whose work it is. Where a process has several invocations at once, the environment does not say.
    pub trace: Option<Arc<str>>,
}

/// Work of a function on its invocations.
pub trait Flow: Send + Sync + 'static {
    /// Type as which an invocation's payload is read: any JSON, or its raw text where the digits of its numbers matter.
    type Event: DeserializeOwned + Send + 'static;

    /// Answers one invocation of the function.
    ///
    /// # Errors
    /// [`InvocationFailure`]: the invocation fails.
    fn invoke(
        &self,
        invocation: Invocation<Self::Event>,
    ) -> impl Future<Output = Result<Value, InvocationFailure>> + Send;
}

/// Reason for which an invocation fails. It is logged, and told to whoever invoked the function.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{text}")]
pub struct InvocationFailure {
    kind: &'static str,
    text: String,
}

impl InvocationFailure {
    /// Makes a failure of a kind that has a name, like `InputNotUnderstood`.
    #[must_use]
    pub fn new(kind: &'static str, why: impl fmt::Display) -> Self {
        Self { kind, text: why.to_string() }
    }
}

impl From<InvocationFailure> for Diagnostic {
    fn from(failure: InvocationFailure) -> Self {
        Self { error_type: failure.kind.to_owned(), error_message: failure.text }
    }
}

/// Reason for which the loop ended.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The threads could not be started.
    #[error("threads could not be started")]
    Threads(#[source] io::Error),
    /// Lambda's runtime interface did not answer, or not as it should.
    #[error("the runtime interface failed: {0}")]
    Interface(String),
}

/// Builds a flow and serves it until the process is ended.
///
/// Two runtimes: the flow, its clock and its calls run on one, and `build` is handed the other for what the user
/// brings, so that a handler which blocks its thread stops neither a deadline nor a settlement. It takes the
/// [`FunctionIdentity`] as proof that Lambda's variables were read: its library panics without them.
///
/// With the feature `managed-instances` as many invocations at once as Lambda says (`AWS_LAMBDA_MAX_CONCURRENCY`), and one after the
/// other where it says nothing; without, always one after the other.
///
/// # Errors
/// `build`'s own, or [`ServeError`].
pub fn serve<F, E, Fut>(function: &FunctionIdentity, build: impl FnOnce(Handle) -> Fut) -> Result<(), E>
where
    F: Flow,
    E: From<ServeError>,
    Fut: Future<Output = Result<F, E>>,
{
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let flows = FlowThreads::of(function.memory_mb, cores).start()?;
    let handlers = threads("handler", cores.max(HANDLER_THREADS))?;
    let ended = flows.block_on(async {
        let flow = Arc::new(build(handlers.handle().clone()).await?);
        let service = service_fn(move |event| answer(Arc::clone(&flow), event));
        let runtime = Runtime::new(service);
        #[cfg(feature = "managed-instances")]
        let ended = runtime.run_concurrent().await;
        #[cfg(not(feature = "managed-instances"))]
        let ended = runtime.run().await;
        ended.map_err(|error| E::from(ServeError::Interface(error.to_string())))
    });
    // Neither waits for a handler that blocks its thread.
    handlers.shutdown_background();
    flows.shutdown_background();
    ended
}

/// Threads that the flow runs on, beside those of the handlers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FlowThreads {
    /// The thread that waits for invocations, which wakes no other for a call and its answer.
    One,
    /// As many threads as there are processors.
    Many(usize),
}

impl FlowThreads {
    /// Decides by the memory of a function, and by the processors that it sees. Lambda shows two even where it gives the time of
    /// one.
    const fn of(memory_mb: u64, cores: usize) -> Self {
        if memory_mb <= MB_A_PROCESSOR || cores < 2 { Self::One } else { Self::Many(cores) }
    }

    fn start(self) -> Result<tokio::runtime::Runtime, ServeError> {
        match self {
            Self::One => Builder::new_current_thread().enable_all().build().map_err(ServeError::Threads),
            Self::Many(workers) => threads("flow", workers),
        }
    }
}

fn threads(name: &str, workers: usize) -> Result<tokio::runtime::Runtime, ServeError> {
    Builder::new_multi_thread()
        .worker_threads(workers)
        .thread_name(name)
        .enable_all()
        .build()
        .map_err(ServeError::Threads)
}

/// Answers in a task of its own: a panic's text, which may hold a message, goes no further than that.
async fn answer<F: Flow>(flow: Arc<F>, event: LambdaEvent<F::Event>) -> Result<Value, InvocationFailure> {
    let invocation = read(event, System.now());
    let span = info_span!("invocation", request_id = invocation.origin.request_id);
    let task = tokio::spawn(async move { flow.invoke(invocation).await }.instrument(span.clone()));
    let panicked = || InvocationFailure::new("Panicked", "the function panicked; the place is in its log");
    let answer = task.await.unwrap_or_else(|_| Err(panicked()));
    answer.inspect_err(|failure| span.in_scope(|| error!(kind = failure.kind, error = %failure, "invocation failed")))
}

fn read<E>(event: LambdaEvent<E>, now: Timestamp) -> Invocation<E> {
    let context = event.context;
    Invocation {
        payload: event.payload,
        trace: context.xray_trace_id.map(Arc::from),
        deadline: Instant::now() + budget(context.deadline, now),
        origin: Origin {
            request_id: context.request_id,
            function_version: context.env_config.version.clone(),
            log_stream: context.env_config.log_stream.clone(),
        },
    }
}

/// Returns the time for an invocation whose deadline is `deadline` milliseconds after 1970: what remains, less a second
/// and at most a fifth.
fn budget(deadline: u64, now: Timestamp) -> Duration {
    let deadline = Duration::from_millis(deadline);
    let remaining = if deadline <= LONGEST {
        // `cargo lambda watch` sends how long instead of until when.
        deadline
    } else {
        deadline.saturating_sub(Duration::from_millis(now.as_millis())).min(LONGEST)
    };
    remaining.saturating_sub(MARGIN.min(remaining / 5))
}

#[cfg(test)]
mod tests {
    use lambda_runtime::Context;
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_763_787_600_000);

    fn budget_in(millis: u64) -> u128 {
        budget(NOW.as_millis() + millis, NOW).as_millis()
    }

    #[test]
    fn the_answer_comes_a_second_before_the_deadline_and_at_least_a_fifth_of_a_short_time() {
        assert_eq!(budget_in(30_000), 29_000);
        assert_eq!(budget_in(5_000), 4_000);
        assert_eq!(budget_in(1_000), 800);
        assert_eq!(budget_in(0), 0);
        assert_eq!(budget(NOW.as_millis() - 1, NOW), Duration::ZERO);
    }

    #[test]
    fn the_flow_has_one_thread_where_the_memory_gives_the_time_of_one_processor() {
        for memory_mb in [128, 512, 1_769] {
            assert_eq!(FlowThreads::of(memory_mb, 2), FlowThreads::One, "{memory_mb} MB");
        }
        assert_eq!(FlowThreads::of(1_770, 2), FlowThreads::Many(2));
        assert_eq!(FlowThreads::of(10_240, 6), FlowThreads::Many(6));
        assert_eq!(FlowThreads::of(10_240, 1), FlowThreads::One, "there is no other processor");
    }

    #[test]
    fn what_the_flow_spawns_runs_on_each_kind_of_threads() {
        for threads in [FlowThreads::One, FlowThreads::Many(2)] {
            let runtime = threads.start().unwrap();
            let spawned = runtime.block_on(async {
                let slept = tokio::spawn(tokio::time::timeout(Duration::from_secs(60), async { 7 }));
                slept.await.unwrap()
            });
            assert_eq!(spawned, Ok(7), "{threads:?}");
        }
    }

    #[test]
    fn a_deadline_that_is_a_length_of_time_is_taken_for_one_and_none_is_endless() {
        assert_eq!(budget(600_000, NOW).as_secs(), 599);
        assert_eq!(budget(u64::MAX, NOW), LONGEST - MARGIN);
        assert_eq!(budget_in(5_400_000), 5_399_000, "on Lambda Managed Instances");
    }

    #[test]
    fn a_failure_names_its_kind_to_whoever_invoked() {
        let told = Diagnostic::from(InvocationFailure::new("InputNotUnderstood", "what is this"));
        assert_eq!((told.error_type.as_str(), told.error_message.as_str()), ("InputNotUnderstood", "what is this"));
    }

    struct Fickle;

    impl Flow for Fickle {
        type Event = Value;

        async fn invoke(&self, invocation: Invocation) -> Result<Value, InvocationFailure> {
            assert!(invocation.payload != "panic", "SECRET");
            Ok(json!(invocation.origin.request_id))
        }
    }

    #[tokio::test]
    async fn a_panic_fails_its_invocation_without_a_word_of_its_text_and_the_next_one_runs() {
        let mut context = Context::default();
        context.request_id = "r-1".to_owned();
        context.deadline = System.now().as_millis() + 10_000;
        let flow = Arc::new(Fickle);
        let panicked = LambdaEvent::new(json!("panic"), context.clone());
        let failure = answer(Arc::clone(&flow), panicked).await.unwrap_err();
        assert!(failure.to_string().contains("panicked") && !failure.to_string().contains("SECRET"));
        assert_eq!(answer(flow, LambdaEvent::new(json!({}), context)).await, Ok(json!("r-1")));
    }
}
