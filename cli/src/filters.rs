//! Filters of the command line as the walk through the letters takes them.

use redrive_core::ids::QueueArn;
use redrive_core::replay::Filter;
use redrive_core::time::Timestamp;
use redrive_operator::written::{self, time};

use crate::args::Filters;
use crate::completion::Error;
use crate::stack_port::StackPort;

/// Reads a queue by its ARN, or by its name beside the queues of the stack. Those are asked for only if there is a name to complete.
pub(crate) async fn queue<S: StackPort>(flag: &str, name: &str, access: &S) -> Result<QueueArn, Error> {
    let known = if name.starts_with("arn:") { Vec::new() } else { access.sources().await };
    Ok(written::queue(flag, name, &known)?)
}

/// Reads the filters of a command line.
pub(crate) async fn filter<S: StackPort>(given: &Filters, access: &S, now: Timestamp) -> Result<Filter, Error> {
    let source_topic = match given.queue.as_deref() {
        Some(name) => Some(queue("--queue", name, access).await?),
        None => None,
    };
    Ok(Filter {
        error_type: given.class,
        error_code: given.code.clone(),
        fingerprint: given.cause.clone(),
        source_topic,
        since: given.since.as_deref().map(|text| time("--since", text, now)).transpose()?,
        until: given.until.as_deref().map(|text| time("--until", text, now)).transpose()?,
        min_deaths: given.min_deaths,
        max_deaths: given.max_deaths,
        function_version: given.function_version.clone(),
        text: given.text.clone(),
        ..Filter::default()
    })
}
