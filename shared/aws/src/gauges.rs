//! Readings for a job's guard from outside the tables: the backlog of the main queue, and the state of an alarm.

use aws_sdk_cloudwatch::types::{AlarmType, StateValue};
use aws_sdk_sqs::types::QueueAttributeName;
use redrive_core::ports::{Gauges, Unavailable};
use redrive_core::replay::MESSAGE_LIMIT;
use redrive_core::replay::job::AlarmState;

use crate::failure::unavailable;

const QUEUE: &str = "main queue";
const ALARMS: &str = "CloudWatch";

/// Readings of one main queue, and of the alarms of its account and region.
#[derive(Debug, Clone)]
pub struct AwsGauges {
    sqs: aws_sdk_sqs::Client,
    url: String,
    cloudwatch: aws_sdk_cloudwatch::Client,
}

impl AwsGauges {
    /// The queue at this URL.
    #[must_use]
    pub fn new(sqs: aws_sdk_sqs::Client, url: impl Into<String>, cloudwatch: aws_sdk_cloudwatch::Client) -> Self {
        Self { sqs, url: url.into(), cloudwatch }
    }
}

impl Gauges for AwsGauges {
    async fn backlog(&self) -> Result<u64, Unavailable> {
        const ACTION: &str = "say how much waits";
        let name = QueueAttributeName::ApproximateNumberOfMessages;
        let call = self.sqs.get_queue_attributes().queue_url(&self.url).attribute_names(name.clone());
        let answer = call.send().await.map_err(|error| unavailable(QUEUE, ACTION, &error))?;
        let count = answer.attributes.as_ref().and_then(|all| all.get(&name)).and_then(|text| text.parse().ok());
        count.ok_or_else(|| Unavailable { service: QUEUE, action: ACTION, why: "no number in its answer".to_owned() })
    }

    async fn limit(&self) -> Result<usize, Unavailable> {
        const ACTION: &str = "say how large a message may be";
        let name = QueueAttributeName::MaximumMessageSize;
        let call = self.sqs.get_queue_attributes().queue_url(&self.url).attribute_names(name.clone());
        let answer = call.send().await.map_err(|error| unavailable(QUEUE, ACTION, &error))?;
        let limit = answer.attributes.as_ref().and_then(|all| all.get(&name)).and_then(|text| text.parse().ok());
        // What says nothing takes what SQS takes.
        Ok(limit.unwrap_or(MESSAGE_LIMIT).min(MESSAGE_LIMIT))
    }

    /// Metric alarms and composite ones: without being asked for both, CloudWatch tells of the first only.
    async fn alarm(&self, name: &str) -> Result<AlarmState, Unavailable> {
        let call = self
            .cloudwatch
            .describe_alarms()
            .alarm_names(name)
            .alarm_types(AlarmType::MetricAlarm)
            .alarm_types(AlarmType::CompositeAlarm);
        let answer = call.send().await.map_err(|error| unavailable(ALARMS, "describe an alarm", &error))?;
        let metric = answer.metric_alarms().iter().find_map(|alarm| alarm.state_value());
        let composite = answer.composite_alarms().iter().find_map(|alarm| alarm.state_value());
        Ok(match metric.or(composite) {
            Some(StateValue::Alarm) => AlarmState::Ringing,
            Some(_) => AlarmState::Quiet,
            None => AlarmState::Missing,
        })
    }
}
