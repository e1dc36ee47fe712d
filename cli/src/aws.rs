//! The stack behind the command: its tables to read, its replay function to ask, its queues to measure.

use std::collections::HashMap;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_cloudformation::error::{DisplayErrorContext, ProvideErrorMetadata};
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use aws_sdk_sqs::types::QueueAttributeName;
use redrive_aws::{AwsGauges, LedgerTable, LetterTable};
use serde_json::Value;

use crate::args::Common;
use crate::ended::Error;
use crate::stack::Stack;
use crate::status::Depths;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(3);
/// How long one try of a read may take.
const TRY: Duration = Duration::from_secs(10);
/// Longer than any function runs.
const INVOCATION: Duration = Duration::from_secs(16 * 60);

/// A stack and its clients.
#[derive(Debug)]
pub(crate) struct Desk {
    /// Its outputs.
    pub(crate) stack: Stack,
    aws: redrive_aws::Aws,
    lambda: aws_sdk_lambda::Client,
}

impl Desk {
    /// Finds the stack.
    pub(crate) async fn open(common: &Common) -> Result<Self, Error> {
        let (config, stack) = found(common).await?;
        let none = "no stack is named: use --stack NAME or --outputs FILE (or REDRIVE_STACK, REDRIVE_OUTPUTS)";
        let stack = stack.ok_or_else(|| Error::Usage(none.to_owned()))?;
        Ok(Self { stack, lambda: invoking(&config), aws: redrive_aws::Aws::new(config) })
    }

    /// The dead-letter table.
    pub(crate) fn letters(&self) -> Result<LetterTable, Error> {
        Ok(self.aws.letters(self.stack.need("DeadLetterTableName")?))
    }

    /// The ledger, if the stack keeps one.
    pub(crate) fn ledger(&self) -> Option<LedgerTable> {
        self.stack.get("LedgerTableName").map(|table| self.aws.ledger(table))
    }

    /// The alarms of the stack's account and region.
    pub(crate) fn gauges(&self) -> Result<AwsGauges, Error> {
        Ok(self.aws.gauges(self.stack.need("MainQueueUrl")?))
    }

    /// Asks the replay function, and waits for its answer.
    pub(crate) async fn ask(&self, request: &Value) -> Result<Value, Error> {
        let function = self.stack.need("ReplayFunctionName")?;
        let payload = Blob::new(request.to_string());
        let call = self.lambda.invoke().function_name(function).payload(payload).send();
        let answer = call.await.map_err(|why| service("the replay function could not be invoked", &why))?;
        let payload = answer.payload().map(Blob::as_ref).unwrap_or_default();
        let told: Value = serde_json::from_slice(payload).unwrap_or_default();
        if answer.function_error().is_none() {
            return Ok(told);
        }
        let word = |name: &str| told.get(name).and_then(Value::as_str).map(crate::text::shown);
        let why = word("errorMessage").unwrap_or_else(|| "it did not say why".to_owned());
        match word("errorType").as_deref() {
            Some("RequestNotUnderstood") => Err(Error::Usage(why)),
            _ => Err(Error::Service(format!("the replay function failed: {why}"))),
        }
    }

    /// Lets the replay function work on the open jobs now, without waiting: its schedule would do it a little later.
    pub(crate) async fn wake(&self) -> Result<(), Error> {
        let function = self.stack.need("ReplayFunctionName")?;
        let payload = Blob::new(r#"{"redrive":"work"}"#);
        let call = self.lambda.invoke().function_name(function).invocation_type(InvocationType::Event).payload(payload);
        call.send().await.map_err(|why| service("the replay function could not be woken", &why))?;
        Ok(())
    }

    /// About how many messages a queue has.
    pub(crate) async fn depths(&self, url: &str) -> Result<Depths, Error> {
        use QueueAttributeName as Name;
        let names = [
            Name::ApproximateNumberOfMessages,
            Name::ApproximateNumberOfMessagesNotVisible,
            Name::ApproximateNumberOfMessagesDelayed,
        ];
        let call = self.aws.sqs().get_queue_attributes().queue_url(url).set_attribute_names(Some(names.to_vec()));
        let answer = call.send().await.map_err(|why| service("a queue did not say how deep it is", &why))?;
        let all = answer.attributes.unwrap_or_default();
        let [visible, in_flight, delayed] = names.map(|name| all.get(&name).and_then(|text| text.parse().ok()));
        Ok(Depths { visible, in_flight, delayed })
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
            Ok((configured(common, stack.get("endpoint"), stack.get("region")).await, Some(stack)))
        }
        (Some(name), None) => {
            let config = configured(common, None, None).await;
            let stack = described(&config, name).await?;
            Ok((config, Some(stack)))
        }
        (None, None) => Ok((configured(common, None, None).await, None)),
    }
}

async fn configured(common: &Common, endpoint: Option<&str>, region: Option<&str>) -> SdkConfig {
    let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT).operation_attempt_timeout(TRY).build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts);
    if let Some(endpoint) = common.endpoint_url.as_deref().or(endpoint) {
        loader = loader.endpoint_url(endpoint);
    }
    if let Some(region) = common.region.as_deref().or(region) {
        loader = loader.region(Region::new(region.to_owned()));
    }
    loader.load().await
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
    let answer = call.await.map_err(|why| service("the stack could not be described", &why))?;
    let outputs = answer.stacks().iter().flat_map(|stack| stack.outputs());
    let outputs: HashMap<_, _> = outputs
        .filter_map(|output| Some((output.output_key()?.to_owned(), output.output_value()?.to_owned())))
        .collect();
    Ok(Stack::new(outputs))
}

/// What a service said: its own words, which hold nothing of a message here, or why there was no answer.
fn service<E, R>(what: &str, why: &aws_sdk_cloudformation::error::SdkError<E, R>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug,
{
    let told = match why.as_service_error().map(|error| (error.code(), error.message())) {
        Some((Some(code), message)) => format!("{code}: {}", message.unwrap_or("without a word")),
        _ => DisplayErrorContext(why).to_string(),
    };
    Error::Service(crate::text::shown(&format!("{what}: {told}")))
}
