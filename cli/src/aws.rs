//! The stack behind the command: its tables to read, its replay function to ask, its queues to measure.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_sqs::config::http::HttpResponse;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use serde_json::{Value, json};

use crate::args::Common;
use crate::completion::Error;
use crate::out;
use crate::pairs_file::{PairsFile, Variables};
use crate::reach::{self, Service, failed};
use crate::stack::{NAME, Stack};
use invoked::{INDEXER, InvokedFunction};

/// Timeout for making a connection.
const CONNECT: Duration = Duration::from_secs(3);
/// Timeout of one try of a read.
const TRY: Duration = Duration::from_secs(10);
/// Longer than any function runs.
const INVOCATION: Duration = Duration::from_secs(16 * 60);

pub(crate) mod curves;
mod deployment;
mod invoked;
mod port;

/// Kind and text of a function's failure, or of its refusal of a request.
struct Failed {
    kind: Option<String>,
    why: String,
}

impl Failed {
    /// A refusal is the asker's matter, and anything else the function's.
    fn error(self, what: &str) -> Error {
        let Self { kind, why } = self;
        match kind.as_deref() {
            Some("RequestNotUnderstood") => Error::Usage(why),
            Some("InCustody" | "QueueNotListed" | "NotADestination" | "NotAllowedHere") => Error::NotSetUp(why),
            _ => Error::Service(format!("{what} failed: {why}")),
        }
    }
}

/// Reads a function's answer: its report, or why it refused the request or failed. A function of an earlier version failed
/// where a later one refuses.
fn answered(answer: Value, failed: bool) -> Result<Value, Failed> {
    let word = |name: &str| answer.get(name).and_then(Value::as_str).map(crate::text::shown);
    let unsaid = || "it did not say why".to_owned();
    if failed {
        return Err(Failed { kind: word("errorType"), why: word("errorMessage").unwrap_or_else(unsaid) });
    }
    match word("refusal") {
        Some(kind) => Err(Failed { kind: Some(kind), why: word("refused").unwrap_or_else(unsaid) }),
        None => Ok(answer),
    }
}

/// A stack and its clients.
#[derive(Debug)]
pub(crate) struct StackAccess {
    /// Outputs of the stack.
    pub(crate) stack: Stack,
    aws: redrive_aws::AwsClients,
    lambda: aws_sdk_lambda::Client,
    /// Queue pairs of the functions' package.
    pairs: PairsFile,
    /// True once it was said that the pairs are not known.
    has_told: AtomicBool,
}

impl StackAccess {
    /// Finds the stack and makes the clients.
    pub(crate) async fn open(common: &Common) -> Result<Self, Error> {
        let (config, stack) = found(common).await?;
        let none = "no stack is named: use --stack NAME or --outputs FILE (or REDRIVE_STACK, REDRIVE_OUTPUTS)";
        let stack = stack.ok_or_else(|| Error::Usage(none.to_owned()))?;
        Self::new(common, config, stack)
    }

    /// Finds a stack by its name alone. A file of outputs says no more than where AWS is.
    pub(crate) async fn named(common: &Common, name: &str) -> Result<Self, Error> {
        let there = common.outputs.as_deref().map(Stack::read).transpose()?.unwrap_or_default();
        let config = configured(common, there.get("endpoint"), there.get("region")).await?;
        let stack = described(&config, name).await?;
        Self::new(common, config, stack)
    }

    fn new(common: &Common, config: SdkConfig, stack: Stack) -> Result<Self, Error> {
        let (pairs, has_told) = (PairsFile::read(common.pairs.as_deref())?, AtomicBool::new(false));
        Ok(Self { stack, lambda: invoking(&config), aws: redrive_aws::AwsClients::new(config), pairs, has_told })
    }

    /// Puts the queue pairs into a function's variables, or says once that they are not known.
    fn with_pairs<V: Variables>(&self, mut variables: V) -> V {
        if !self.pairs.fill(&mut variables) && !self.has_told.swap(true, Ordering::Relaxed) {
            out::say(
                "the queue pairs stand in a file of the functions' package: name the same file by --pairs FILE (or REDRIVE_PAIRS), \
                 or their policies and queues are not known",
            );
        }
        variables
    }

    /// Adds table, region and endpoint to an error of a table.
    pub(crate) fn explained(&self, error: Error) -> Error {
        match error {
            Error::Unavailable(why) => {
                reach::table(&reach::here(self.aws.config(), Service::DynamoDb), &self.stack, &why)
            }
            other => other,
        }
    }

    fn failed<E: ProvideErrorMetadata>(&self, service: Service, what: &str, why: &SdkError<E, HttpResponse>) -> Error {
        failed(&reach::here(self.aws.config(), service), what, why)
    }

    /// Asks the replay function, or for what only administrators may do the administration function, and waits for the answer.
    pub(crate) async fn ask(&self, request: &Value) -> Result<Value, Error> {
        self.invoke(&InvokedFunction::by(request, &self.stack), request).await
    }

    /// Lets the indexer empty the dead-letter queues, and waits for its answer.
    pub(crate) async fn sweep(&self) -> Result<Value, Error> {
        self.invoke(&INDEXER, &json!({"redrive": "sweep"})).await
    }

    /// Invokes a function, and waits for its answer.
    async fn invoke(&self, invoked: &InvokedFunction, request: &Value) -> Result<Value, Error> {
        let function = self.stack.need(invoked.output)?;
        let payload = Blob::new(request.to_string());
        let call = self.lambda.invoke().function_name(function).payload(payload).send();
        let answer = call.await.map_err(|why| {
            let what = format!("{} could not be invoked", invoked.what);
            invoked.explained(function, self.failed(Service::Lambda, &what, &why))
        })?;
        let payload = answer.payload().map(Blob::as_ref).unwrap_or_default();
        let report: Value = serde_json::from_slice(payload).unwrap_or_default();
        let answered = answered(report, answer.function_error().is_some());
        answered.map_err(|failed| failed.error(invoked.what))
    }
}

/// The configuration, and the stack if one is named.
pub(crate) async fn found(common: &Common) -> Result<(SdkConfig, Option<Stack>), Error> {
    match (&common.stack, &common.outputs) {
        (Some(_), Some(_)) => {
            let both = "a stack and a file of outputs are both named (perhaps by REDRIVE_STACK and REDRIVE_OUTPUTS): \
                        name one";
            Err(Error::Usage(both.to_owned()))
        }
        (None, Some(path)) => {
            let stack = Stack::read(path)?;
            Ok((configured(common, stack.get("endpoint"), stack.get("region")).await?, Some(stack)))
        }
        (Some(name), None) => {
            let config = configured(common, None, None).await?;
            let stack = described(&config, name).await?;
            Ok((config, Some(stack)))
        }
        (None, None) => Ok((configured(common, None, None).await?, None)),
    }
}

async fn configured(common: &Common, endpoint: Option<&str>, region: Option<&str>) -> Result<SdkConfig, Error> {
    let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT).operation_attempt_timeout(TRY).build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts);
    if let Some(endpoint) = common.endpoint_url.as_deref().or(endpoint) {
        loader = loader.endpoint_url(endpoint);
    }
    if let Some(region) = common.region.as_deref().or(region) {
        loader = loader.region(Region::new(region.to_owned()));
    }
    reach::check(loader.load().await).await
}

/// An invocation is waited for as long as a function can run, and never tried twice behind the operator's back.
fn invoking(config: &SdkConfig) -> aws_sdk_lambda::Client {
    let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT).read_timeout(INVOCATION);
    let timeouts = timeouts.operation_attempt_timeout(INVOCATION).operation_timeout(INVOCATION).build();
    let config = aws_sdk_lambda::config::Builder::from(config)
        .timeout_config(timeouts)
        .retry_config(RetryConfig::disabled())
        .build();
    aws_sdk_lambda::Client::from_conf(config)
}

async fn described(config: &SdkConfig, name: &str) -> Result<Stack, Error> {
    let client = aws_sdk_cloudformation::Client::new(config);
    let call = client.describe_stacks().stack_name(name).send();
    let answer = call.await.map_err(|why| {
        failed(&reach::here(config, Service::CloudFormation), &format!("stack {name} could not be described"), &why)
    })?;
    let outputs = answer.stacks().iter().flat_map(|stack| stack.outputs());
    let outputs: HashMap<_, _> = outputs
        .filter_map(|output| Some((output.output_key()?.to_owned(), output.output_value()?.to_owned())))
        .chain(answer.stacks().iter().filter_map(|stack| Some((NAME.to_owned(), stack.stack_name()?.to_owned()))))
        .collect();
    Ok(Stack::new(outputs))
}

/// Readings from CloudWatch: the alarms of the stack, and the age of waiting messages.
mod cloudwatch {
    use std::time::Duration;

    use aws_sdk_cloudwatch::Client;
    use aws_sdk_cloudwatch::primitives::DateTime;
    use aws_sdk_cloudwatch::types::{AlarmType, Datapoint, Dimension, EvaluationState, StateValue, Statistic};
    use redrive_core::time::Timestamp;

    use super::StackAccess;
    use crate::completion::Error;
    use crate::reach::Service;
    use crate::text::queue_name;
    use redrive_operator::readings::AlarmStatus;

    /// An older number says nothing of now: the indexer runs every minute, and SQS's metrics of an idle queue come late.
    const RECENT: Duration = Duration::from_secs(15 * 60);
    /// Metrics of a minute each.
    const PERIOD: i32 = 60;

    impl StackAccess {
        /// Reads all alarms whose names begin with that of the stack, composite ones too.
        pub(crate) async fn alarms(&self, stack: &str) -> Result<Vec<AlarmStatus>, Error> {
            let call = Client::new(self.aws.config())
                .describe_alarms()
                .alarm_name_prefix(format!("{stack}-"))
                .alarm_types(AlarmType::MetricAlarm)
                .alarm_types(AlarmType::CompositeAlarm);
            let (mut all, mut pages) = (Vec::new(), call.into_paginator().send());
            while let Some(page) = pages.next().await {
                let page =
                    page.map_err(|why| self.failed(Service::CloudWatch, "the alarms could not be described", &why))?;
                // An alarm that CloudWatch cannot evaluate is not quiet; one that rings rings.
                let metric = page.metric_alarms().iter().filter_map(|alarm| {
                    let state = alarm.state_value().map(StateValue::as_str)?;
                    let evaluation = alarm.evaluation_state().map(EvaluationState::as_str);
                    Some((alarm.alarm_name()?, evaluation.filter(|_| state != "ALARM").unwrap_or(state)))
                });
                let composite = page.composite_alarms().iter();
                let composite = composite.filter_map(|one| Some((one.alarm_name()?, one.state_value()?.as_str())));
                all.extend(metric.chain(composite).map(|(name, state)| AlarmStatus::new(name, state)));
            }
            Ok(all)
        }

        /// Returns the earliest expiry among the messages that the indexer received lately and had to leave.
        pub(crate) async fn first_expiry(&self, now: Timestamp) -> Result<Option<Timestamp>, Error> {
            let (Some(function), Some(queue)) = (self.stack.get("IndexerFunctionName"), self.stack.get("MainQueueArn"))
            else {
                return Ok(None);
            };
            let dimensions = [("Function", function), ("Queue", queue_name(queue))];
            let last = self.last(("Redrive", "TimeToExpiry"), &dimensions, Statistic::Minimum, now).await?;
            Ok(last.and_then(|point| Some(measured_at(&point)?.after(seconds(point.minimum)?))))
        }

        /// Returns the age of the oldest message in a queue.
        pub(crate) async fn age(&self, url: &str, now: Timestamp) -> Result<Option<Duration>, Error> {
            let metric = ("AWS/SQS", "ApproximateAgeOfOldestMessage");
            let last = self.last(metric, &[("QueueName", queue_name(url))], Statistic::Maximum, now).await?;
            Ok(last.and_then(|point| Some(seconds(point.maximum)? + now.since(measured_at(&point)?))))
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
                    dimensions
                        .iter()
                        .map(|(name, value)| Dimension::builder().name(*name).value(*value).build())
                        .collect(),
                ))
                .start_time(instant(now.as_secs().saturating_sub(RECENT.as_secs())))
                .end_time(instant(now.as_secs()))
                .period(PERIOD)
                .statistics(statistic);
            let answer = call
                .send()
                .await
                .map_err(|why| self.failed(Service::CloudWatch, "a metric could not be read", &why))?;
            Ok(answer.datapoints.unwrap_or_default().into_iter().max_by_key(measured_at))
        }
    }

    /// Returns the time at which a metric was taken: the end of its minute at the latest.
    fn measured_at(point: &Datapoint) -> Option<Timestamp> {
        let seconds = u64::try_from(point.timestamp.as_ref()?.secs()).ok()?;
        Some(Timestamp::from_millis(seconds.saturating_mul(1_000)))
    }

    fn seconds(value: Option<f64>) -> Option<Duration> {
        Duration::try_from_secs_f64(value?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_request_is_the_askers_matter_and_a_failed_function_is_not() {
        let refused = |kind: &str| json!({"refused": "why", "refusal": kind});
        let error = |answer, failed| answered(answer, failed).unwrap_err().error("the replay function");
        assert!(matches!(error(refused("RequestNotUnderstood"), false), Error::Usage(why) if why == "why"));
        for kind in ["InCustody", "QueueNotListed", "NotADestination", "NotAllowedHere"] {
            assert!(matches!(error(refused(kind), false), Error::NotSetUp(_)), "{kind}");
        }
        let earlier = json!({"errorType": "RequestNotUnderstood", "errorMessage": "why"});
        assert!(matches!(error(earlier, true), Error::Usage(_)), "a function of an earlier version");
        let broken = json!({"errorType": "Unavailable", "errorMessage": "gone"});
        assert!(matches!(error(broken, true), Error::Service(why) if why == "the replay function failed: gone"));
        assert!(answered(json!({"refused": "job is DONE"}), false).is_ok(), "a job that refuses tells its report");
    }
}
