//! Times of one invocation that must fit into each other: handler, function, visibility.

use super::Reader;

/// Visibility timeouts for one function timeout, by Lambda's own advice for SQS: throttled batches are tried again within it.
const VISIBILITY_PER_TIMEOUT: u64 = 6;
/// SQS's limit of a visibility timeout, in seconds.
const LONGEST_VISIBILITY: u64 = 43_200;
/// The longest timeout of any function, in seconds: that of Lambda Managed Instances.
const LONGEST_TIMEOUT: u64 = 5_400;
const FUNCTION: &str = "FUNCTION_TIMEOUT_SECONDS";

/// Time of one invocation, in seconds; `None` where a template does not hand it over. Lambda tells it to nobody before the first
/// invocation.
pub(super) fn function_timeout(reader: &mut Reader<'_>) -> Option<u64> {
    reader.text(FUNCTION)?;
    reader.whole(FUNCTION, None, 1..=LONGEST_TIMEOUT)
}

/// A handler that may work for as long as its function is killed with it, and with every other message of the batch.
pub(super) fn handler_ends_first(reader: &mut Reader<'_>, handler: Option<u64>, function: Option<u64>) {
    let (Some(handler), Some(function)) = (handler, function) else { return };
    if handler >= function {
        reader.refuse(
            "HANDLER_TIMEOUT_SECONDS",
            format!("is {handler}, and Lambda ends the function after {function} s"),
            format!("less than {function}, or a longer timeout of the function (and {FUNCTION})"),
        );
    }
}

/// Below six function timeouts throttles use up receives of messages that nothing was wrong with.
pub(super) fn visible_after_six_timeouts(reader: &mut Reader<'_>, visibility: Option<u64>, function: Option<u64>) {
    let (Some(visibility), Some(function)) = (visibility, function) else { return };
    let least = (VISIBILITY_PER_TIMEOUT * function).min(LONGEST_VISIBILITY);
    if visibility < least {
        reader.refuse(
            "QUEUE_VISIBILITY_TIMEOUT_SECONDS",
            format!("is {visibility}, and the function's timeout is {function} s"),
            format!(
                "at least {least}, as in the queue's attributes: {VISIBILITY_PER_TIMEOUT} timeouts, or a shorter one"
            ),
        );
    }
}
