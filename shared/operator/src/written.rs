//! Values as people write them: queues and times.

use std::time::Duration;

use redrive_core::ids::QueueArn;
use redrive_core::time::Timestamp;
use thiserror::Error;

use crate::text::queue_name;

/// Value that cannot be read, told by the flag or field that it was given for.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct UnreadableValue(String);

/// Reads a queue by its ARN, or by its name if it is beside the main queue.
///
/// # Errors
///
/// [`UnreadableValue`] for a name that nothing completes.
pub fn queue(flag: &str, name: &str, main_queue: Option<&QueueArn>) -> Result<QueueArn, UnreadableValue> {
    let arn = if name.starts_with("arn:") {
        Some(name.to_owned())
    } else {
        let own = main_queue.map(QueueArn::as_str);
        own.and_then(|own| own.strip_suffix(queue_name(own))).map(|account| format!("{account}{name}"))
    };
    let refused =
        || UnreadableValue(format!("{flag} must be an ARN: the stack does not say what would complete a name"));
    arn.and_then(QueueArn::new).ok_or_else(refused)
}

/// Reads an instant of the calendar, or a span before `now`.
///
/// # Errors
///
/// [`UnreadableValue`] for any other text.
pub fn time(flag: &str, text: &str, now: Timestamp) -> Result<Timestamp, UnreadableValue> {
    let span = || {
        let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
        let seconds = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            "d" => 86_400,
            _ => return None,
        };
        let span = Duration::from_secs(number.parse::<u64>().ok()?.checked_mul(seconds)?);
        let millis = u64::try_from(span.as_millis()).ok()?;
        Some(Timestamp::from_millis(now.as_millis().saturating_sub(millis)))
    };
    // A day begins in UTC.
    let day = || Timestamp::from_rfc3339(&format!("{text}T00:00:00Z"));
    Timestamp::from_rfc3339(text).or_else(day).or_else(span).ok_or_else(|| {
        UnreadableValue(format!(
            "{flag} takes a time like 2026-11-22T13:00:00Z, a day like 2026-11-22 (UTC), or a time before now like 90m, 12h or 3d"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::NOW;

    #[test]
    fn a_time_is_one_of_the_calendar_or_a_span_before_now() {
        let hour = Timestamp::from_millis(NOW.as_millis() - 3_600_000);
        assert_eq!(time("--since", "1h", NOW).unwrap(), hour);
        assert_eq!(time("--since", "60m", NOW).unwrap(), hour);
        assert_eq!(time("--since", &hour.to_rfc3339(), NOW).unwrap(), hour);
        let day = Timestamp::from_rfc3339("2026-11-29T00:00:00Z").unwrap();
        assert_eq!(time("--since", "2026-11-29", NOW).unwrap(), day);
        for wrong in ["", "h", "1", "1w", "2026-11-31", "2026-11", "-1h", "yesterday", "ü", "99999999999999999999d"] {
            assert!(matches!(time("--since", wrong, NOW), Err(UnreadableValue(_))), "{wrong}");
        }
    }

    #[test]
    fn a_queue_is_named_or_given_as_an_arn() {
        let own = QueueArn::new("arn:aws:sqs:eu-west-1:1:orders").unwrap();
        assert_eq!(queue("--to", "refunds", Some(&own)).unwrap().as_str(), "arn:aws:sqs:eu-west-1:1:refunds");
        assert_eq!(queue("--to", "arn:aws:sqs:eu-west-1:2:x", None).unwrap().as_str(), "arn:aws:sqs:eu-west-1:2:x");
        assert!(matches!(queue("--to", "refunds", None), Err(UnreadableValue(why)) if why.starts_with("--to ")));
    }
}
