//! What CloudWatch knows of the stack: its alarms, and how old what waits is.

use std::time::Duration;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{AlarmType, Datapoint, Dimension, Statistic};
use redrive_core::time::Timestamp;

use super::{Desk, service};
use crate::ended::Error;
use crate::status::alarms::Alarm;
use crate::text::queue_name;

/// An older number says nothing of now: the indexer runs every minute, and SQS's metrics of an idle queue come late.
const RECENT: Duration = Duration::from_secs(15 * 60);
/// Metrics of a minute each.
const PERIOD: i32 = 60;

impl Desk {
    /// All alarms whose names begin with that of the stack, composite ones too.
    pub(crate) async fn alarms(&self, stack: &str) -> Result<Vec<Alarm>, Error> {
        let call = Client::new(self.aws.config())
            .describe_alarms()
            .alarm_name_prefix(format!("{stack}-"))
            .alarm_types(AlarmType::MetricAlarm)
            .alarm_types(AlarmType::CompositeAlarm);
        let (mut all, mut pages) = (Vec::new(), call.into_paginator().send());
        while let Some(page) = pages.next().await {
            let page = page.map_err(|why| service("the alarms could not be described", &why))?;
            let metric = page.metric_alarms().iter().map(|alarm| (alarm.alarm_name(), alarm.state_value()));
            let composite = page.composite_alarms().iter().map(|alarm| (alarm.alarm_name(), alarm.state_value()));
            all.extend(metric.chain(composite).filter_map(|(name, state)| Some(Alarm::new(name?, state?.as_str()))));
        }
        Ok(all)
    }

    /// When the first message expires of those that the indexer received lately and had to leave.
    pub(crate) async fn first_expiry(&self, now: Timestamp) -> Result<Option<Timestamp>, Error> {
        let (Some(function), Some(queue)) = (self.stack.get("IndexerFunctionName"), self.stack.get("MainQueueArn"))
        else {
            return Ok(None);
        };
        let dimensions = [("Function", function), ("Queue", queue_name(queue))];
        let last = self.last(("Redrive", "TimeToExpiry"), &dimensions, Statistic::Minimum, now).await?;
        Ok(last.and_then(|point| Some(seen(&point)?.after(seconds(point.minimum)?))))
    }

    /// How long the oldest message has been in a queue.
    pub(crate) async fn age(&self, url: &str, now: Timestamp) -> Result<Option<Duration>, Error> {
        let metric = ("AWS/SQS", "ApproximateAgeOfOldestMessage");
        let last = self.last(metric, &[("QueueName", queue_name(url))], Statistic::Maximum, now).await?;
        Ok(last.and_then(|point| Some(seconds(point.maximum)? + now.since(seen(&point)?))))
    }

    async fn last(
        &self,
        (namespace, metric): (&str, &str),
        dimensions: &[(&str, &str)],
        statistic: Statistic,
        now: Timestamp,
    ) -> Result<Option<Datapoint>, Error> {
        let instant = |at: u64| DateTime::from_secs(i64::try_from(at).unwrap_or(i64::MAX));
        let call = Client::new(self.aws.config())
            .get_metric_statistics()
            .namespace(namespace)
            .metric_name(metric)
            .set_dimensions(Some(
                dimensions.iter().map(|(name, value)| Dimension::builder().name(*name).value(*value).build()).collect(),
            ))
            .start_time(instant(now.as_secs().saturating_sub(RECENT.as_secs())))
            .end_time(instant(now.as_secs()))
            .period(PERIOD)
            .statistics(statistic);
        let answer = call.send().await.map_err(|why| service("a metric could not be read", &why))?;
        Ok(answer.datapoints.unwrap_or_default().into_iter().max_by_key(seen))
    }
}

/// When a metric was taken: at the end of its minute at the latest.
fn seen(point: &Datapoint) -> Option<Timestamp> {
    let seconds = u64::try_from(point.timestamp.as_ref()?.secs()).ok()?;
    Some(Timestamp::from_millis(seconds.saturating_mul(1_000)))
}

fn seconds(value: Option<f64>) -> Option<Duration> {
    Duration::try_from_secs_f64(value?).ok()
}
