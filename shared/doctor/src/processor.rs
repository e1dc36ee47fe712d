//! Settings of a processor of ours that must agree with the queue as it is.

use std::collections::BTreeMap;

use redrive_core::processing::backoff::Schedule;
use redrive_core::settings::{
    FUNCTION_TIMEOUT_SECONDS, HANDLER_TIMEOUT_SECONDS, LEDGER_RETENTION_DAYS, LEDGER_TABLE_NAME, MAIN_QUEUE_URL,
    MAX_RECEIVE_COUNT, NumberSetting, ON_DEAD, QUEUE_VISIBILITY_TIMEOUT_SECONDS, RETRY_SCHEDULE,
};

/// Variables that together no other function has.
const OURS: [&str; 3] = [MAIN_QUEUE_URL.name, LEDGER_TABLE_NAME.name, QUEUE_VISIBILITY_TIMEOUT_SECONDS.name];

/// The settings of a processor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessorSettings {
    /// The attempts of its retry schedule.
    pub attempts: u32,
    /// Time of one attempt, in seconds.
    pub handler_timeout: u64,
    /// The timeout of the function that it reckons with, in seconds; `None` where its template does not hand it over.
    pub function_timeout: Option<u64>,
    /// The visibility timeout that it reckons with, in seconds.
    pub visibility: u64,
    /// The receive limit that it reckons with.
    pub receives: u32,
    /// Retention of its ledger, in days.
    pub ledger_days: u64,
    /// True if it sends dead messages to the dead-letter queue itself.
    pub direct: bool,
}

impl ProcessorSettings {
    /// Reads a function's environment; `None` if it is no processor of ours, or would not start with these values.
    #[must_use]
    pub fn read(variables: &BTreeMap<String, String>) -> Option<Self> {
        let value_of = |name: &str| variables.get(name).map(|value| value.trim()).filter(|value| !value.is_empty());
        let whole = |one: NumberSetting| value_of(one.name).map_or(one.default, |value| value.parse().ok());
        if OURS.iter().any(|name| value_of(name).is_none()) {
            return None;
        }
        let fifo = value_of(MAIN_QUEUE_URL.name).is_some_and(|url| url.ends_with(".fifo"));
        Some(Self {
            attempts: Schedule::parse(value_of(RETRY_SCHEDULE.name).or(RETRY_SCHEDULE.default)?).ok()?.attempts(),
            handler_timeout: whole(HANDLER_TIMEOUT_SECONDS)?,
            function_timeout: value_of(FUNCTION_TIMEOUT_SECONDS.name).and_then(|value| value.parse().ok()),
            visibility: whole(QUEUE_VISIBILITY_TIMEOUT_SECONDS)?,
            receives: value_of(MAX_RECEIVE_COUNT.name)?.parse().ok()?,
            ledger_days: whole(LEDGER_RETENTION_DAYS)?,
            direct: value_of(ON_DEAD.name).map_or(fifo, |how| how == "direct"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(more: &[(&str, &str)]) -> BTreeMap<String, String> {
        let ours = [
            ("MAIN_QUEUE_URL", "https://sqs.eu-central-1.amazonaws.com/123456789012/orders"),
            ("LEDGER_TABLE_NAME", "ledger"),
            ("QUEUE_VISIBILITY_TIMEOUT_SECONDS", "180"),
            ("MAX_RECEIVE_COUNT", "11"),
        ];
        ours.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_processor_is_known_by_its_variables_and_has_the_defaults_of_its_configuration() {
        let read = ProcessorSettings::read(&environment(&[])).unwrap();
        let expected = ProcessorSettings {
            attempts: 6,
            handler_timeout: 20,
            function_timeout: None,
            visibility: 180,
            receives: 11,
            ledger_days: 30,
            direct: false,
        };
        assert_eq!(read, expected);
        let told = [("RETRY_SCHEDULE", "1s,2s"), ("HANDLER_TIMEOUT_SECONDS", "5"), ("FUNCTION_TIMEOUT_SECONDS", "30")];
        let read = ProcessorSettings::read(&environment(&[&told[..], &[("ON_DEAD", "direct")]].concat())).unwrap();
        assert_eq!((read.attempts, read.handler_timeout, read.function_timeout), (3, 5, Some(30)));
        assert!(read.direct);
    }

    #[test]
    fn on_a_fifo_queue_it_hands_the_dead_over_by_default() {
        let url = "https://sqs.eu-central-1.amazonaws.com/123456789012/orders.fifo";
        assert!(ProcessorSettings::read(&environment(&[("MAIN_QUEUE_URL", url)])).unwrap().direct);
    }

    #[test]
    fn any_other_function_is_none() {
        assert_eq!(ProcessorSettings::read(&BTreeMap::new()), None);
        for name in OURS.iter().chain(&["MAX_RECEIVE_COUNT"]) {
            assert_eq!(ProcessorSettings::read(&environment(&[(name, " ")])), None, "{name}");
        }
        assert_eq!(ProcessorSettings::read(&environment(&[("RETRY_SCHEDULE", "soon")])), None);
    }
}
