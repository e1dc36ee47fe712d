//! Ages of what waits in many queues, by few calls to CloudWatch.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, Metric, MetricDataQuery, MetricDataResult, MetricStat, ScanBy, StatusCode};
use redrive_core::ids::QueueArn;
use redrive_core::ports::Unavailable;
use redrive_core::time::Timestamp;

use crate::failure::unavailable;

const SERVICE: &str = "CloudWatch";
const ACTION: &str = "say how old messages are";
const AGE: &str = "ApproximateAgeOfOldestMessage";
/// Number of queries that `GetMetricData` takes in one call.
const QUERIES: usize = 500;
/// Span in which the latest value is looked for: a queue's metrics come once a minute, and some minutes late.
const SPAN: Duration = Duration::from_secs(15 * 60);
const MINUTE: i32 = 60;

/// Ages of the oldest messages of some queues.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ages {
    /// Queue whose oldest message is the oldest of all, and its age. `None`: no queue has a message, or none could be read.
    pub oldest: Option<(QueueArn, Duration)>,
    /// Number of queues whose ages were read; an idle queue has none, and is read all the same.
    pub read: usize,
    /// Number of queues of which CloudWatch said nothing, or only that it does not say.
    pub unread: usize,
}

impl Ages {
    /// Puts those of other queues to these.
    fn add(&mut self, other: Self) {
        self.read += other.read;
        self.unread += other.unread;
        self.oldest = self.oldest.take().into_iter().chain(other.oldest).max_by_key(|(_, age)| *age);
    }

    /// Ages of these queues by the answers to their queries, whose ids are the queues' places.
    fn of(queues: &[QueueArn], results: &[MetricDataResult]) -> Self {
        // Newest first, and in several pages: the first value of a queue counts.
        let mut latest: HashMap<&str, Option<f64>> = HashMap::with_capacity(queues.len());
        for result in results {
            let Some(id) = result.id() else { continue };
            let good = matches!(result.status_code(), Some(StatusCode::Complete | StatusCode::PartialData) | None);
            if let Some(value) = result.values().first() {
                latest.entry(id).or_insert(None).get_or_insert(*value);
            } else if good {
                latest.entry(id).or_insert(None);
            }
        }
        let mut ages = Self::default();
        for (place, queue) in queues.iter().enumerate() {
            match latest.get(id_of(place).as_str()) {
                None => ages.unread += 1,
                Some(value) => {
                    let oldest = value.map(|seconds| (queue.clone(), Duration::from_secs_f64(seconds.clamp(0.0, 1e9))));
                    ages.add(Self { oldest, read: 1, unread: 0 });
                }
            }
        }
        ages
    }
}

/// Id of the query of the queue at this place: CloudWatch wants a small letter first.
fn id_of(place: usize) -> String {
    format!("q{place}")
}

/// Reads the ages of queues of this account and region.
#[derive(Debug, Clone)]
pub struct QueueAges {
    cloudwatch: aws_sdk_cloudwatch::Client,
}

impl QueueAges {
    /// A reader with this client.
    #[must_use]
    pub const fn new(cloudwatch: aws_sdk_cloudwatch::Client) -> Self {
        Self { cloudwatch }
    }

    /// Reads the latest age of each queue: one call for each five hundred of them.
    ///
    /// # Errors
    /// [`Unavailable`] if CloudWatch denies a call or does not answer.
    pub async fn read(&self, queues: &[QueueArn], now: Timestamp) -> Result<Ages, Unavailable> {
        let mut all = Ages::default();
        for few in queues.chunks(QUERIES) {
            let mut results = Vec::with_capacity(few.len());
            let mut pages = self.call(few, now).into_paginator().send();
            while let Some(page) = pages.next().await {
                let page = page.map_err(|error| unavailable(SERVICE, ACTION, &error))?;
                results.extend(page.metric_data_results.unwrap_or_default());
            }
            all.add(Ages::of(few, &results));
        }
        Ok(all)
    }

    fn call(
        &self,
        queues: &[QueueArn],
        now: Timestamp,
    ) -> aws_sdk_cloudwatch::operation::get_metric_data::builders::GetMetricDataFluentBuilder {
        let millis = |at: u64| DateTime::from_millis(i64::try_from(at).unwrap_or(i64::MAX));
        let (now, span) = (now.as_millis(), u64::try_from(SPAN.as_millis()).unwrap_or(u64::MAX));
        let queries = queues.iter().enumerate().map(|(place, queue)| query(place, queue));
        self.cloudwatch
            .get_metric_data()
            .set_metric_data_queries(Some(queries.collect()))
            .start_time(millis(now.saturating_sub(span)))
            .end_time(millis(now))
            .scan_by(ScanBy::TimestampDescending)
    }
}

fn query(place: usize, queue: &QueueArn) -> MetricDataQuery {
    let dimension = Dimension::builder().name("QueueName").value(queue.name()).build();
    let metric = Metric::builder().namespace("AWS/SQS").metric_name(AGE).dimensions(dimension).build();
    let stat = MetricStat::builder().metric(metric).period(MINUTE).stat("Maximum").build();
    MetricDataQuery::builder().id(id_of(place)).metric_stat(stat).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queues(count: usize) -> Vec<QueueArn> {
        (0..count).map(|n| QueueArn::new(format!("arn:aws:sqs:eu-west-1:123456789012:q-{n}")).unwrap()).collect()
    }

    fn result(place: usize, status: StatusCode, values: &[f64]) -> MetricDataResult {
        let builder = MetricDataResult::builder().id(id_of(place)).status_code(status);
        builder.set_values(Some(values.to_vec())).build()
    }

    #[test]
    fn the_oldest_of_all_queues_is_told_by_the_newest_value_of_each() {
        let all = queues(4);
        let told = [
            result(0, StatusCode::Complete, &[60.0, 9_000.0]),
            result(1, StatusCode::PartialData, &[300.0]),
            result(2, StatusCode::Complete, &[]),
            result(3, StatusCode::Forbidden, &[]),
            result(1, StatusCode::Complete, &[8_000.0]),
        ];
        let ages = Ages::of(&all, &told);
        assert_eq!(ages, Ages { oldest: Some((all[1].clone(), Duration::from_secs(300))), read: 3, unread: 1 });
    }

    #[test]
    fn what_cloudwatch_does_not_name_was_not_read() {
        assert_eq!(Ages::of(&queues(2), &[]), Ages { oldest: None, read: 0, unread: 2 });
        let idle = [result(0, StatusCode::Complete, &[]), result(1, StatusCode::InternalError, &[])];
        assert_eq!(Ages::of(&queues(2), &idle), Ages { oldest: None, read: 1, unread: 1 });
    }
}
