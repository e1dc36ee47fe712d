//! Times of one invocation that must fit into each other: handler, function, visibility.

use redrive_core::settings::{FUNCTION_TIMEOUT_SECONDS, HANDLER_ENDS_FIRST, SIX_TIMEOUTS};

use super::Reader;

/// Time of one invocation, in seconds; `None` where a template does not hand it over. Lambda tells it to nobody before the first
/// invocation.
pub(super) fn function_timeout(reader: &mut Reader<'_>) -> Option<u64> {
    reader.text(FUNCTION_TIMEOUT_SECONDS.name)?;
    reader.number(&FUNCTION_TIMEOUT_SECONDS)
}

/// A handler that may work for as long as its function is killed with it, and with every other message of the batch.
pub(super) fn handler_ends_first(reader: &mut Reader<'_>, handler: Option<u64>, function: Option<u64>) {
    let (Some(handler), Some(function)) = (handler, function) else { return };
    if !HANDLER_ENDS_FIRST.holds(function, handler) {
        reader.refuse(
            "HANDLER_TIMEOUT_SECONDS",
            format!("is {handler}, and Lambda ends the function after {function} s"),
            format!(
                "less than {function}, or a longer timeout of the function (and {})",
                FUNCTION_TIMEOUT_SECONDS.name
            ),
        );
    }
}

/// Below six function timeouts throttles use up receives of messages that nothing was wrong with.
pub(super) fn visible_after_six_timeouts(reader: &mut Reader<'_>, visibility: Option<u64>, function: Option<u64>) {
    let (Some(visibility), Some(function)) = (visibility, function) else { return };
    let least = SIX_TIMEOUTS.least(function);
    if visibility < least {
        reader.refuse(
            "QUEUE_VISIBILITY_TIMEOUT_SECONDS",
            format!("is {visibility}, and the function's timeout is {function} s"),
            format!(
                "at least {least}, as in the queue's attributes: {} timeouts, or a shorter one",
                SIX_TIMEOUTS.times
            ),
        );
    }
}
