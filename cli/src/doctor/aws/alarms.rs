//! Alarms and metrics, as CloudWatch tells of them.

use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_sdk_cloudwatch::error::SdkError;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{
    AlarmMuteRuleStatus, AlarmType, ComparisonOperator, CompositeAlarm, Dimension, Metric as Named, MetricAlarm,
    MetricDataQuery, MetricStat, ScanBy, StateValue, WarmUpConfiguration,
};
use redrive_doctor::{Alarm, Alarms, Comparison, Composite, Fact, Metric, Mute};

use super::unread;

const MINUTE: i32 = 60;
/// A queue's metrics come once a minute, and some minutes late.
const RECENT: Duration = Duration::from_secs(15 * 60);
const HOUR: Duration = Duration::from_secs(3_600);

/// Reader of alarms and metrics.
#[derive(Debug, Clone)]
pub(super) struct AlarmReader {
    cloudwatch: aws_sdk_cloudwatch::Client,
    now: SystemTime,
}

impl AlarmReader {
    pub(super) fn new(config: &SdkConfig, now: SystemTime) -> Self {
        Self { cloudwatch: aws_sdk_cloudwatch::Client::new(config), now }
    }

    /// Reads all alarms of the account and region.
    pub(super) async fn alarms(&self) -> Fact<Alarms> {
        let call = self.cloudwatch.describe_alarms();
        let call = call.alarm_types(AlarmType::MetricAlarm).alarm_types(AlarmType::CompositeAlarm);
        let pages = call.into_paginator().send().collect::<Result<Vec<_>, SdkError<_, _>>>().await;
        let mut alarms = Alarms { mutes: self.mutes().await, ..Alarms::default() };
        for page in pages.map_err(|error| unread("cloudwatch:DescribeAlarms", &error))? {
            alarms
                .metric
                .extend(page.metric_alarms.unwrap_or_default().iter().map(|alarm| metric_alarm(alarm, self.now)));
            alarms.composite.extend(page.composite_alarms.unwrap_or_default().iter().map(composite_alarm));
        }
        Ok(alarms)
    }

    /// The rules that mute alarms now, or will.
    async fn mutes(&self) -> Fact<Vec<Mute>> {
        let call = self.cloudwatch.list_alarm_mute_rules();
        let call = call.statuses(AlarmMuteRuleStatus::Active).statuses(AlarmMuteRuleStatus::Scheduled);
        let pages = call.into_paginator().send().collect::<Result<Vec<_>, SdkError<_, _>>>().await;
        let mut mutes = Vec::new();
        for page in pages.map_err(|error| unread("cloudwatch:ListAlarmMuteRules", &error))? {
            for rule in page.alarm_mute_rule_summaries() {
                let name = rule.alarm_mute_rule_arn().and_then(|arn| arn.rsplit(':').next()).unwrap_or_default();
                let call = self.cloudwatch.get_alarm_mute_rule().alarm_mute_rule_name(name).send().await;
                let whole = call.map_err(|error| unread("cloudwatch:GetAlarmMuteRule", &error))?;
                let schedule = whole.rule().and_then(|rule| rule.schedule());
                mutes.push(Mute {
                    name: name.to_owned(),
                    active: rule.status() == Some(&AlarmMuteRuleStatus::Active),
                    when: schedule.and_then(|schedule| schedule.expression()).unwrap_or_default().to_owned(),
                    alarms: whole.mute_targets().map(|targets| targets.alarm_names().to_vec()).unwrap_or_default(),
                });
            }
        }
        Ok(mutes)
    }

    /// The latest age of a queue's oldest message, in seconds.
    pub(super) async fn oldest(&self, queue: &str) -> Fact<Option<u64>> {
        let dimension = ("QueueName", queue);
        let values = self.metric("AWS/SQS", "ApproximateAgeOfOldestMessage", dimension, ("Maximum", RECENT)).await?;
        Ok(values.first().copied().map(whole))
    }

    /// The sum of a function's metric over the last hour.
    pub(super) async fn last_hour(&self, metric: &str, function: &str) -> Fact<u64> {
        let values = self.metric("AWS/Lambda", metric, ("FunctionName", function), ("Sum", HOUR)).await?;
        Ok(whole(values.iter().sum()))
    }

    /// A metric minute by minute, the latest first.
    async fn metric(
        &self,
        namespace: &str,
        name: &str,
        (dimension, value): (&str, &str),
        (statistic, span): (&str, Duration),
    ) -> Fact<Vec<f64>> {
        let dimension = Dimension::builder().name(dimension).value(value).build();
        let metric = Named::builder().namespace(namespace).metric_name(name).dimensions(dimension).build();
        let statistic = MetricStat::builder().metric(metric).period(MINUTE).stat(statistic).build();
        let query = MetricDataQuery::builder().id("seen").metric_stat(statistic).build();
        let call = self.cloudwatch.get_metric_data().metric_data_queries(query).scan_by(ScanBy::TimestampDescending);
        let call = call.start_time(DateTime::from(self.now - span)).end_time(DateTime::from(self.now));
        let answer = call.send().await.map_err(|error| unread("cloudwatch:GetMetricData", &error))?;
        Ok(answer.metric_data_results().iter().flat_map(|result| result.values()).copied().collect())
    }
}

/// Counts and seconds, which CloudWatch tells as floating numbers.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts and seconds are small")]
fn whole(value: f64) -> u64 {
    value.max(0.0).round() as u64
}

fn dimensions(all: &[Dimension]) -> Vec<(String, String)> {
    let pair =
        |one: &Dimension| (one.name().unwrap_or_default().to_owned(), one.value().unwrap_or_default().to_owned());
    all.iter().map(pair).collect()
}

/// Returns true during an alarm's warm-up: it has no state yet, and was changed less than the warm-up ago.
fn warming_up(alarm: &MetricAlarm, now: SystemTime) -> bool {
    let minutes = alarm.warm_up_configuration().and_then(WarmUpConfiguration::warm_up_period_duration_in_minutes);
    let changed = alarm.alarm_configuration_updated_timestamp().and_then(|at| SystemTime::try_from(*at).ok());
    let (Some(minutes), Some(changed)) = (minutes, changed) else { return false };
    let warm_up = Duration::from_secs(60 * u64::try_from(minutes).unwrap_or(0));
    alarm.state_value() == Some(&StateValue::InsufficientData) && now < changed + warm_up
}

fn metric_alarm(alarm: &MetricAlarm, now: SystemTime) -> Alarm {
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    let own = alarm.metric_name().map(|name| Metric {
        namespace: text(alarm.namespace()),
        name: name.to_owned(),
        dimensions: dimensions(alarm.dimensions()),
    });
    let parts = alarm.metrics().iter().filter_map(|query| query.metric_stat()?.metric()).map(|metric| Metric {
        namespace: text(metric.namespace()),
        name: text(metric.metric_name()),
        dimensions: dimensions(metric.dimensions()),
    });
    let threshold = alarm.threshold().unwrap_or_default();
    let comparison = own.is_some().then(|| match alarm.comparison_operator() {
        Some(ComparisonOperator::GreaterThanThreshold) => Comparison::Above(threshold),
        Some(ComparisonOperator::GreaterThanOrEqualToThreshold) => Comparison::AtLeast(threshold),
        _ => Comparison::Other,
    });
    Alarm {
        name: text(alarm.alarm_name()),
        arn: text(alarm.alarm_arn()),
        metrics: own.into_iter().chain(parts).collect(),
        comparison,
        missing_data: alarm.treat_missing_data().unwrap_or("missing").to_owned(),
        evaluation: alarm.evaluation_state().map(|state| state.as_str().to_owned()),
        warming_up: warming_up(alarm, now),
        actions_enabled: alarm.actions_enabled().unwrap_or(true),
        actions: alarm.alarm_actions().to_vec(),
    }
}

fn composite_alarm(alarm: &CompositeAlarm) -> Composite {
    Composite {
        arn: alarm.alarm_arn().unwrap_or_default().to_owned(),
        rule: alarm.alarm_rule().unwrap_or_default().to_owned(),
        actions_enabled: alarm.actions_enabled().unwrap_or(true),
        actions: alarm.alarm_actions().to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudwatch::types::EvaluationState;

    use super::*;

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    #[test]
    fn an_alarm_on_one_metric_has_a_comparison_and_one_on_several_has_their_parts() {
        let dimension = Dimension::builder().name("QueueName").value("orders-dead").build();
        let metric = Metric {
            namespace: "AWS/SQS".to_owned(),
            name: "NumberOfMessagesSent".to_owned(),
            dimensions: vec![("QueueName".to_owned(), "orders-dead".to_owned())],
        };
        let simple = MetricAlarm::builder().namespace("AWS/SQS").metric_name("NumberOfMessagesSent");
        let simple = simple.dimensions(dimension.clone()).threshold(3.0);
        let simple =
            metric_alarm(&simple.comparison_operator(ComparisonOperator::GreaterThanOrEqualToThreshold).build(), NOW);
        assert_eq!(
            (simple.metrics.as_slice(), simple.comparison),
            (&[metric.clone()][..], Some(Comparison::AtLeast(3.0)))
        );
        assert_eq!((simple.missing_data.as_str(), simple.actions_enabled), ("missing", true));
        let part =
            Named::builder().namespace("AWS/SQS").metric_name("NumberOfMessagesSent").dimensions(dimension).build();
        let part = MetricDataQuery::builder().metric_stat(MetricStat::builder().metric(part).build()).build();
        let math = MetricDataQuery::builder().expression("m1 + m2").build();
        let summed = metric_alarm(&MetricAlarm::builder().metrics(part).metrics(math).build(), NOW);
        assert_eq!((summed.metrics.as_slice(), summed.comparison), (&[metric][..], None));
    }

    #[test]
    fn an_alarm_warms_up_until_its_time_is_over_or_it_has_a_state() {
        let told = |state: StateValue, ago: u64| {
            let warm_up = WarmUpConfiguration::builder().warm_up_period_duration_in_minutes(120).build();
            let alarm = MetricAlarm::builder().warm_up_configuration(warm_up).state_value(state);
            let changed = DateTime::from(NOW + Duration::from_secs(86_400 - ago));
            let alarm =
                alarm.alarm_configuration_updated_timestamp(changed).evaluation_state(EvaluationState::PartialData);
            let alarm = metric_alarm(&alarm.build(), NOW + Duration::from_secs(86_400));
            assert_eq!(alarm.evaluation.as_deref(), Some("PARTIAL_DATA"));
            alarm.warming_up
        };
        assert!(told(StateValue::InsufficientData, 7_199));
        assert!(!told(StateValue::InsufficientData, 7_200), "it is over");
        assert!(!told(StateValue::Ok, 60), "data came");
    }

    #[test]
    fn numbers_are_rounded_and_never_below_zero() {
        assert_eq!([whole(-1.0), whole(1.6), whole(345_600.0)], [0, 2, 345_600]);
    }
}
