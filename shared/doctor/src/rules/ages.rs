//! Alarms on the age of what waits in a source.

use super::judging::{Judgement, look, wrong};
use super::wording::time;
use crate::Mend;
use crate::deployment::{Alarm, Alarms, Comparison, Metric, Queue};

const AGE: &str = "ApproximateAgeOfOldestMessage";

/// Metric of the highest age of several queues, which our replay emits, and its namespace.
const HIGHEST: (&str, &str) = ("Redrive", "MainQueueOldestAge");

fn looks_at_age(alarm: &Alarm, queue: &Queue) -> bool {
    let (namespace, highest) = HIGHEST;
    let among_others = |metric: &Metric| {
        let by = queue.aged_by.as_deref();
        by.is_some_and(|function| metric.name == highest && metric.is_of(namespace, "Function", function))
    };
    let alone = |metric: &Metric| metric.name == AGE && metric.is_of("AWS/SQS", "QueueName", queue.name());
    alarm.metrics.iter().any(|metric| alone(metric) || among_others(metric))
}

fn age_alarm(queue: &Queue) -> Mend {
    Mend::words(format!(
        "AWS::CloudWatch::Alarm: Namespace: AWS/SQS, MetricName: {AGE}, Dimensions: [{{Name: QueueName, Value: {}}}], \
         Statistic: Maximum, Threshold: 3600, ComparisonOperator: GreaterThanThreshold, TreatMissingData: notBreaching",
        queue.name()
    ))
}

pub(super) fn missing(source: &Queue, alarms: &Alarms) -> Judgement {
    wrong(
        !alarms.metric.iter().any(|alarm| looks_at_age(alarm, source)),
        || "no alarm rings when no consumer receives its messages".to_owned(),
        || age_alarm(source),
    )
}

pub(super) fn late(source: &Queue, alarms: &Alarms) -> Judgement {
    let ages: Vec<_> = alarms.metric.iter().filter(|alarm| looks_at_age(alarm, source)).collect();
    if ages.is_empty() {
        return Ok(None);
    }
    let retention = look(&source.attributes)?.retention;
    let half = f64::from(u32::try_from(retention).unwrap_or(u32::MAX)) / 2.0;
    // Metrics put together are somebody's own sum.
    let is_early = |alarm: &&Alarm| alarm.comparison.is_none_or(|comparison| comparison.rings_at(half));
    if ages.iter().any(is_early) {
        return Ok(None);
    }
    let threshold = match ages[0].comparison {
        Some(Comparison::Above(threshold) | Comparison::AtLeast(threshold)) => format!("{threshold} s"),
        _ => "a low age".to_owned(),
    };
    wrong(
        true,
        || {
            format!(
                "the alarm {} rings at {threshold}, and its messages are kept for {}",
                ages[0].name,
                time(retention)
            )
        },
        || Mend::words(format!("Threshold: half of the retention at most, {}", retention / 2)),
    )
}
