//! Filters of the command line as the walk through the letters takes them.

use redrive_core::ids::QueueArn;
use redrive_core::replay::Filter;
use redrive_core::time::Timestamp;
use redrive_operator::written::{queue, time};

use crate::args::Filters;
use crate::completion::Error;

/// Reads the filters of a command line. A queue's name is completed by `main_queue`.
pub(crate) fn filter(given: &Filters, main_queue: Option<&QueueArn>, now: Timestamp) -> Result<Filter, Error> {
    Ok(Filter {
        error_type: given.class,
        error_code: given.code.clone(),
        fingerprint: given.cause.clone(),
        source_topic: given.queue.as_deref().map(|name| queue("--queue", name, main_queue)).transpose()?,
        since: given.since.as_deref().map(|text| time("--since", text, now)).transpose()?,
        until: given.until.as_deref().map(|text| time("--until", text, now)).transpose()?,
        min_deaths: given.min_deaths,
        max_deaths: given.max_deaths,
        function_version: given.function_version.clone(),
        text: given.text.clone(),
        ..Filter::default()
    })
}
