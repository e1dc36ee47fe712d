//! Readings over time, and the texts of alarms: for the console's overview.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{AlarmType, Dimension, Statistic};
use redrive_core::time::Timestamp;

use super::StackAccess;
use crate::completion::Error;
use crate::reach::Service;
use crate::text::queue_name;

/// Time that a curve covers.
const WINDOW: Duration = Duration::from_secs(3 * 3_600);
/// Time of one point in seconds.
const POINT: i32 = 300;

/// Returns the region that is asked.
pub(crate) fn region(access: &StackAccess) -> String {
    access.aws.config().region().map_or_else(String::new, |region| region.to_string())
}

/// Returns the descriptions of the alarms whose names begin with that of the stack: each names the next step.
pub(crate) async fn alarm_steps(access: &StackAccess, stack: &str) -> Result<HashMap<String, String>, Error> {
    let call = Client::new(access.aws.config())
        .describe_alarms()
        .alarm_name_prefix(format!("{stack}-"))
        .alarm_types(AlarmType::MetricAlarm)
        .alarm_types(AlarmType::CompositeAlarm);
    let (mut all, mut pages) = (HashMap::new(), call.into_paginator().send());
    while let Some(page) = pages.next().await {
        let page = page.map_err(|why| access.failed(Service::CloudWatch, "the alarms could not be described", &why))?;
        let metric = page.metric_alarms().iter().map(|alarm| (alarm.alarm_name(), alarm.alarm_description()));
        let composite = page.composite_alarms().iter().map(|alarm| (alarm.alarm_name(), alarm.alarm_description()));
        let named = metric.chain(composite).filter_map(|(name, step)| Some((name?.to_owned(), step?.to_owned())));
        all.extend(named);
    }
    Ok(all)
}

/// Returns how many messages of a queue could be received, over the last hours, as far as CloudWatch has it.
pub(crate) async fn depth_curve(
    access: &StackAccess,
    url: &str,
    now: Timestamp,
) -> Result<Vec<(Timestamp, u64)>, Error> {
    let instant = |at: u64| DateTime::from_secs(i64::try_from(at).unwrap_or(i64::MAX));
    let call = Client::new(access.aws.config())
        .get_metric_statistics()
        .namespace("AWS/SQS")
        .metric_name("ApproximateNumberOfMessagesVisible")
        .dimensions(Dimension::builder().name("QueueName").value(queue_name(url)).build())
        .start_time(instant(now.as_secs().saturating_sub(WINDOW.as_secs())))
        .end_time(instant(now.as_secs()))
        .period(POINT)
        .statistics(Statistic::Maximum);
    let answer =
        call.send().await.map_err(|why| access.failed(Service::CloudWatch, "a metric could not be read", &why))?;
    let point = |point: aws_sdk_cloudwatch::types::Datapoint| {
        let at = u64::try_from(point.timestamp?.secs()).ok()?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of messages")]
        let depth = point.maximum? as u64;
        Some((Timestamp::from_millis(at.saturating_mul(1_000)), depth))
    };
    let mut points: Vec<_> = answer.datapoints.unwrap_or_default().into_iter().filter_map(point).collect();
    points.sort_unstable();
    Ok(points)
}
