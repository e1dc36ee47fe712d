//! The SDK's configuration and clients, made once.

use std::sync::Arc;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_sqs::config::interceptors::BeforeTransmitInterceptorContextMut;
use aws_sdk_sqs::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_sqs::error::BoxError;

use crate::http::{ATTEMPT, fresh_within};
use crate::{AwsGauges, LedgerTable, LetterTable, QueueAges, SqsDeadLetterQueue, SqsMainQueue, SqsOutbox, Table};

/// Timeout for making a connection.
const CONNECT: Duration = Duration::from_secs(1);
/// Timeout of a call with all its tries.
const CALL: Duration = Duration::from_secs(10);
/// Number of tries that a call has.
const TRIES: u32 = 3;
/// Longest idle time of a connection on which a call that is not repeated may begin. Endpoints close idle ones, after
/// some 20 seconds or later; and a frozen process hears nothing of it. A request on such a connection ends in doubt.
const FRESH: Duration = Duration::from_secs(5);

/// The clients that the adapters are made of: share one for as long as the process runs.
#[derive(Debug, Clone)]
pub struct AwsClients {
    config: SdkConfig,
    dynamodb: aws_sdk_dynamodb::Client,
    sqs: aws_sdk_sqs::Client,
    /// Client for calls that are not repeated.
    once: aws_sdk_sqs::Client,
}

/// Function that returns the trace header of the work for which a call is made.
pub type TraceOf = fn() -> Option<Arc<str>>;

/// Lambda's trace header on every call, as the work at hand has it. The SDK reads it from the environment, where it stands only if a
/// process has one invocation at a time.
#[derive(Debug)]
struct TraceHeader(TraceOf);

impl Intercept for TraceHeader {
    fn name(&self) -> &'static str {
        "redrive's trace header"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(trace) = (self.0)() {
            context.request_mut().headers_mut().try_insert("x-amzn-trace-id", trace.to_string())?;
        }
        Ok(())
    }
}

impl AwsClients {
    /// Reads region, credentials and endpoint from where the SDK finds them (`AWS_ENDPOINT_URL` among them), and
    /// sets time limits that fit a Lambda function: a call ends long before its message's lease does. `trace` says whose work a call
    /// is made for: AWS's recursion detection and X-Ray follow that header.
    pub async fn load(trace: TraceOf) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT)
            .operation_attempt_timeout(ATTEMPT)
            .operation_timeout(CALL)
            .build();
        let retries = RetryConfig::standard()
            .with_max_attempts(TRIES)
            .with_initial_backoff(Duration::from_millis(50))
            .with_max_backoff(Duration::from_secs(1));
        let config = aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts).retry_config(retries);
        let config = config.load().await;
        let dynamodb = aws_sdk_dynamodb::config::Builder::from(&config).interceptor(TraceHeader(trace)).build();
        let sqs = aws_sdk_sqs::config::Builder::from(&config).interceptor(TraceHeader(trace)).build();
        let once = sqs.to_builder().http_client(fresh_within(FRESH)).build();
        Self {
            config,
            dynamodb: aws_sdk_dynamodb::Client::from_conf(dynamodb),
            sqs: aws_sdk_sqs::Client::from_conf(sqs),
            once: aws_sdk_sqs::Client::from_conf(once),
        }
    }

    /// Clients of a configuration that was made elsewhere.
    #[must_use]
    pub fn new(config: SdkConfig) -> Self {
        let (dynamodb, sqs) = (aws_sdk_dynamodb::Client::new(&config), aws_sdk_sqs::Client::new(&config));
        Self { config, dynamodb, once: sqs.clone(), sqs }
    }

    /// Returns the configuration for clients of other services.
    #[must_use]
    pub const fn config(&self) -> &SdkConfig {
        &self.config
    }

    /// Returns the client of DynamoDB.
    #[must_use]
    pub const fn dynamodb(&self) -> &aws_sdk_dynamodb::Client {
        &self.dynamodb
    }

    /// Returns the client of SQS.
    #[must_use]
    pub const fn sqs(&self) -> &aws_sdk_sqs::Client {
        &self.sqs
    }

    /// The ledger in this table.
    #[must_use]
    pub fn ledger(&self, table: impl Into<String>) -> LedgerTable {
        LedgerTable::new(self.dynamodb.clone(), table)
    }

    /// The letters in this table.
    #[must_use]
    pub fn letters(&self, table: impl Into<String>) -> LetterTable {
        LetterTable::new(self.dynamodb.clone(), table)
    }

    /// A handler's own table, with the name of its partition key.
    #[must_use]
    pub fn table(&self, name: impl Into<String>, key: impl Into<String>) -> Table {
        Table::new(self.dynamodb.clone(), name, key)
    }

    /// The main queue at this URL.
    #[must_use]
    pub fn main_queue(&self, url: impl Into<String>) -> SqsMainQueue {
        SqsMainQueue::new(self.sqs.clone(), url)
    }

    /// The dead-letter queue at this URL.
    #[must_use]
    pub fn dead_letter_queue(&self, url: impl Into<String>) -> SqsDeadLetterQueue {
        SqsDeadLetterQueue::new(self.sqs.clone(), url)
    }

    /// Returns the readings for a job's guard: this queue's backlog, and the alarms.
    #[must_use]
    pub fn gauges(&self, url: impl Into<String>) -> AwsGauges {
        AwsGauges::new(self.sqs.clone(), url, aws_sdk_cloudwatch::Client::new(&self.config))
    }

    /// Ages of what waits in queues of this account and region.
    #[must_use]
    pub fn queue_ages(&self) -> QueueAges {
        QueueAges::new(aws_sdk_cloudwatch::Client::new(&self.config))
    }

    /// The queue at this URL, to send to.
    #[must_use]
    pub fn outbox(&self, url: impl Into<String>) -> SqsOutbox {
        SqsOutbox::new(self.once.clone(), url)
    }
}
