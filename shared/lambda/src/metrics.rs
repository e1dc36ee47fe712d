//! Numbers as a log line: CloudWatch's embedded metric format. One line an invocation, no call in the hot path.

use std::io::Write;

use redrive_core::ports::Clock;
use redrive_core::time::Timestamp;
use serde_json::{Map, Value, json};

use crate::System;

/// Namespace of the metrics in CloudWatch.
pub const NAMESPACE: &str = "Redrive";

/// Unit of a metric's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Number of things or events.
    Count,
    /// Time in thousandths of a second.
    Milliseconds,
    /// Time in whole seconds.
    Seconds,
}

impl Unit {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Milliseconds => "Milliseconds",
            Self::Seconds => "Seconds",
        }
    }
}

/// A number with a name.
pub type MetricValue = (&'static str, f64, Unit);

/// Values of one name, at most a hundred: CloudWatch makes percentiles of them.
pub type Distribution = (&'static str, Vec<f64>, Unit);

/// The embedded metric format's limit of values of one metric in a line.
const VALUES: usize = 100;

/// Writes one line to stdout. Dimensions are few and their values are names of resources, never a cause or an id:
/// each combination is a metric of its own, and is billed as one.
pub fn emit(namespace: &str, dimensions: &[(&str, &str)], metrics: &[MetricValue], distributions: &[Distribution]) {
    let line = line(System.now(), namespace, dimensions, metrics, distributions);
    // Whoever reads the log is gone: there is nobody to tell.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// The line. A number that JSON cannot write is left out.
#[must_use]
pub fn line(
    now: Timestamp,
    namespace: &str,
    dimensions: &[(&str, &str)],
    metrics: &[MetricValue],
    distributions: &[Distribution],
) -> String {
    let single = metrics.iter().filter(|(_, value, _)| value.is_finite());
    let single = single.map(|(name, value, unit)| (*name, number(*value), *unit));
    let many = distributions.iter().filter_map(|(name, values, unit)| {
        let values: Vec<_> =
            values.iter().filter(|value| value.is_finite()).take(VALUES).copied().map(number).collect();
        (!values.is_empty()).then_some((*name, Value::Array(values), *unit))
    });
    let values: Vec<_> = single.chain(many).collect();
    let names: Vec<&str> = dimensions.iter().map(|(name, _)| *name).collect();
    let directives: Vec<Value> =
        values.iter().map(|(name, _, unit)| json!({"Name": name, "Unit": unit.as_str()})).collect();
    let mut root = Map::new();
    root.insert(
        "_aws".to_owned(),
        json!({
            "Timestamp": now.as_millis(),
            "CloudWatchMetrics": [{"Namespace": namespace, "Dimensions": [names], "Metrics": directives}],
        }),
    );
    root.extend(dimensions.iter().map(|(name, value)| ((*name).to_owned(), json!(value))));
    root.extend(values.into_iter().map(|(name, value, _)| (name.to_owned(), value)));
    Value::Object(root).to_string()
}

/// Writes whole numbers without a point.
fn number(value: f64) -> Value {
    #[expect(clippy::cast_possible_truncation, reason = "only if nothing is lost by it")]
    let whole = value as i64;
    #[expect(clippy::cast_precision_loss, reason = "compared, to see whether anything was lost")]
    let same = (whole as f64 - value).abs() < f64::EPSILON;
    if same { json!(whole) } else { json!(value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_has_the_embedded_metric_formats_shape() {
        let line = line(
            Timestamp::from_millis(1_763_787_600_123),
            NAMESPACE,
            &[("Function", "processor"), ("Queue", "orders")],
            &[("Received", 10.0, Unit::Count), ("Age", 12.5, Unit::Milliseconds)],
            &[("HandlerTime", vec![3.0, f64::NAN, 4.5], Unit::Milliseconds), ("None", vec![], Unit::Count)],
        );
        let expected = json!({
            "_aws": {
                "Timestamp": 1_763_787_600_123_u64,
                "CloudWatchMetrics": [{
                    "Namespace": "Redrive",
                    "Dimensions": [["Function", "Queue"]],
                    "Metrics": [
                        {"Name": "Received", "Unit": "Count"},
                        {"Name": "Age", "Unit": "Milliseconds"},
                        {"Name": "HandlerTime", "Unit": "Milliseconds"},
                    ],
                }],
            },
            "Function": "processor", "Queue": "orders", "Received": 10, "Age": 12.5, "HandlerTime": [3, 4.5],
        });
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), expected);
        assert!(!line.contains('\n'));
    }

    #[test]
    fn every_declared_metric_has_a_number_and_what_is_no_number_is_not_declared() {
        let metrics = [("A", f64::NAN, Unit::Count), ("B", f64::INFINITY, Unit::Count), ("C", 0.0, Unit::Count)];
        let line = line(Timestamp::from_millis(1), NAMESPACE, &[("Queue", "\"q\"")], &metrics, &[]);
        let line: Value = serde_json::from_str(&line).unwrap();
        let declared = line["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap();
        assert_eq!(declared.len(), 1);
        assert_eq!((&line["C"], &line["Queue"]), (&json!(0), &json!("\"q\"")));
        assert!(line.get("A").is_none() && line.get("B").is_none());
    }
}
