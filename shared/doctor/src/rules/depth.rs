//! Alarms on the depth of a queue.

use crate::deployment::{Alarm, Metric, Queue};

const DEPTH: &str = "ApproximateNumberOfMessagesVisible";

fn is_depth_metric(metric: &Metric, queue: &Queue) -> bool {
    metric.name == DEPTH && metric.is_of("AWS/SQS", "QueueName", queue.name())
}

/// Returns true if an alarm reads the number of messages that wait in this queue.
pub(super) fn is_depth(alarm: &Alarm, queue: &Queue) -> bool {
    alarm.metrics.iter().any(|metric| is_depth_metric(metric, queue))
}
