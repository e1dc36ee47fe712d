//! The SDK's configuration and clients, made once.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_sqs::config::interceptors::BeforeTransmitInterceptorContextMut;
use aws_sdk_sqs::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_sqs::error::BoxError;

use crate::http::{ATTEMPT, fresh_within};
use crate::{
    AwsEventBus, AwsGauges, LedgerTable, LetterTable, QueueAges, SqsDeadLetterQueue, SqsMainQueue, SqsOutbox, Table,
};

/// Timeout for making a connection.
const CONNECT: Duration = Duration::from_secs(1);
/// Timeout of a call with all its tries.
const CALL: Duration = Duration::from_secs(10);
/// Number of tries that a call has.
const TRIES: u32 = 3;
/// Longest idle time of a connection on which a call that is not repeated may begin. Endpoints close idle ones, after
/// some 20 seconds or later; and a frozen process hears nothing of it. A request on such a connection ends in doubt.
const FRESH: Duration = Duration::from_secs(5);

/// The clients that the adapters are made of: share one for as long as the process runs. Each is made at its first use, since a
/// client reads all root certificates.
#[derive(Debug, Clone)]
pub struct AwsClients {
    config: SdkConfig,
    trace: Option<TraceOf>,
    made: Arc<MadeClients>,
}

#[derive(Debug, Default)]
struct MadeClients {
    dynamodb: OnceLock<aws_sdk_dynamodb::Client>,
    sqs: OnceLock<aws_sdk_sqs::Client>,
    /// Client for calls that are not repeated.
    once: OnceLock<aws_sdk_sqs::Client>,
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
        Self { config: config.load().await, trace: Some(trace), made: Arc::default() }
    }

    /// Clients of a configuration that was made elsewhere.
    #[must_use]
    pub fn new(config: SdkConfig) -> Self {
        Self { config, trace: None, made: Arc::default() }
    }

    /// Returns the configuration for clients of other services.
    #[must_use]
    pub const fn config(&self) -> &SdkConfig {
        &self.config
    }

    /// Returns the client of DynamoDB.
    #[must_use]
    pub fn dynamodb(&self) -> &aws_sdk_dynamodb::Client {
        self.made.dynamodb.get_or_init(|| {
            let config = aws_sdk_dynamodb::config::Builder::from(&self.config);
            let traced = self.trace.into_iter().fold(config, |config, trace| config.interceptor(TraceHeader(trace)));
            aws_sdk_dynamodb::Client::from_conf(traced.build())
        })
    }

    /// Returns the client of SQS.
    #[must_use]
    pub fn sqs(&self) -> &aws_sdk_sqs::Client {
        self.made.sqs.get_or_init(|| aws_sdk_sqs::Client::from_conf(self.sqs_config().build()))
    }

    /// Returns the client for calls that are not repeated.
    fn once(&self) -> &aws_sdk_sqs::Client {
        self.made.once.get_or_init(|| {
            let config = self.sqs_config();
            // A configuration that was made elsewhere brings its own HTTP client.
            let fresh = self.trace.into_iter().fold(config, |config, _| config.http_client(fresh_within(FRESH)));
            aws_sdk_sqs::Client::from_conf(fresh.build())
        })
    }

    fn sqs_config(&self) -> aws_sdk_sqs::config::Builder {
        let config = aws_sdk_sqs::config::Builder::from(&self.config);
        self.trace.into_iter().fold(config, |config, trace| config.interceptor(TraceHeader(trace)))
    }

    /// The ledger in this table.
    #[must_use]
    pub fn ledger(&self, table: impl Into<String>) -> LedgerTable {
        LedgerTable::new(self.dynamodb().clone(), table)
    }

    /// The letters in this table.
    #[must_use]
    pub fn letters(&self, table: impl Into<String>) -> LetterTable {
        LetterTable::new(self.dynamodb().clone(), table)
    }

    /// A handler's own table, with the name of its partition key.
    #[must_use]
    pub fn table(&self, name: impl Into<String>, key: impl Into<String>) -> Table {
        Table::new(self.dynamodb().clone(), name, key)
    }

    /// The main queue at this URL.
    #[must_use]
    pub fn main_queue(&self, url: impl Into<String>) -> SqsMainQueue {
        SqsMainQueue::new(self.sqs().clone(), url)
    }

    /// The dead-letter queue at this URL.
    #[must_use]
    pub fn dead_letter_queue(&self, url: impl Into<String>) -> SqsDeadLetterQueue {
        SqsDeadLetterQueue::new(self.sqs().clone(), url)
    }

    /// Returns the readings for a job's guard: this queue's backlog, and the alarms.
    #[must_use]
    pub fn gauges(&self, url: impl Into<String>) -> AwsGauges {
        AwsGauges::new(self.sqs().clone(), url, aws_sdk_cloudwatch::Client::new(&self.config))
    }

    /// The bus with this name or ARN. Its client is made here: nobody else needs it.
    #[must_use]
    pub fn event_bus(&self, bus: impl Into<String>) -> AwsEventBus {
        AwsEventBus::new(aws_sdk_eventbridge::Client::new(&self.config), bus)
    }

    /// Ages of what waits in queues of this account and region.
    #[must_use]
    pub fn queue_ages(&self) -> QueueAges {
        QueueAges::new(aws_sdk_cloudwatch::Client::new(&self.config))
    }

    /// The queue at this URL, to send to.
    #[must_use]
    pub fn outbox(&self, url: impl Into<String>) -> SqsOutbox {
        SqsOutbox::new(self.once().clone(), url)
    }
}
