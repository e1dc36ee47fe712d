//! Values as people write them: queues and times.

use std::collections::BTreeSet;
use std::time::Duration;

use redrive_core::ids::QueueArn;
use redrive_core::time::Timestamp;
use thiserror::Error;

use crate::text::queue_name;

/// Value that cannot be read, told by the flag or field that it was given for.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct UnreadableValue(String);

/// Reads a queue by its ARN, or by its name: that of a known queue, or of one that is beside all of them.
///
/// # Errors
///
/// [`UnreadableValue`] for a name that nothing completes, or that queues of several accounts or regions have.
pub fn queue(flag: &str, name: &str, known: &[QueueArn]) -> Result<QueueArn, UnreadableValue> {
    let refused = |why: &str| UnreadableValue(format!("{flag} must be an ARN: {why}"));
    if name.is_empty() {
        return Err(refused("it is empty"));
    }
    if name.starts_with("arn:") {
        return QueueArn::new(name).ok_or_else(|| refused("nothing has that name"));
    }
    let named: Vec<_> = known.iter().filter(|queue| queue_name(queue.as_str()) == name).collect();
    let places: BTreeSet<_> = match named.is_empty() {
        true => known.iter().filter_map(place).collect(),
        false => named.into_iter().filter_map(place).collect(),
    };
    match places.iter().collect::<Vec<_>>()[..] {
        [place] => QueueArn::new(format!("{place}{name}")).ok_or_else(|| refused("nothing has that name")),
        [] => Err(refused("nobody says what would complete a name")),
        _ => Err(refused("the queues are of several accounts or regions")),
    }
}

/// Account and region of a queue: its ARN up to its name.
fn place(queue: &QueueArn) -> Option<&str> {
    queue.as_str().strip_suffix(queue_name(queue.as_str()))
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

    fn arns(known: &[&str]) -> Vec<QueueArn> {
        known.iter().map(|arn| QueueArn::new(*arn).unwrap()).collect()
    }

    #[test]
    fn a_queue_is_named_or_given_as_an_arn() {
        let read = |name: &str, known: &[&str]| queue("--to", name, &arns(known)).map(|arn| arn.as_str().to_owned());
        let own = ["arn:aws:sqs:eu-west-1:1:orders"];
        assert_eq!(read("refunds", &own).unwrap(), "arn:aws:sqs:eu-west-1:1:refunds");
        assert_eq!(read("arn:aws:sqs:eu-west-1:2:x", &[]).unwrap(), "arn:aws:sqs:eu-west-1:2:x");
        for (name, known) in [("refunds", &[][..]), ("", &own[..])] {
            assert!(read(name, known).is_err_and(|why| why.to_string().starts_with("--to must be an ARN")), "{name}");
        }
    }

    #[test]
    fn of_queues_in_several_places_a_name_means_the_one_that_has_it_and_never_one_of_two() {
        let known =
            arns(&["arn:aws:sqs:eu-west-1:1:orders", "arn:aws:sqs:eu-west-1:2:mail", "arn:aws:sqs:us-east-1:1:mail"]);
        let read = |name: &str| queue("--queue", name, &known);
        assert_eq!(read("orders").unwrap(), known[0]);
        for ambiguous in ["mail", "refunds"] {
            let why = read(ambiguous).unwrap_err().to_string();
            assert!(why.contains("several accounts or regions"), "{ambiguous}: {why}");
        }
    }
}
