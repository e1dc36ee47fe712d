//! The deployed stack, as a producer and an operator see it: its outputs, and clients for its endpoint.
//!
//! Tests that need it are `#[ignore]`d; `make test` brings a stage up and runs them.

use std::collections::HashMap;
use std::future::Future;
use std::time::Duration;

use aws_config::{BehaviorVersion, Region};
use redrive_aws::{LedgerTable, LetterTable};
use redrive_core::ids::{LetterId, MessageId, QueueArn, Scope};
use redrive_core::letters::letter::Letter;
use redrive_core::message::key::{Key, LedgerKey};
use redrive_core::ports::{LedgerReader, Letters};
use redrive_core::processing::ledger::Entry;
use redrive_core::replay::Request;

/// Longest wait for anything on the stage, schedules apart.
const PATIENCE: Duration = Duration::from_secs(90);
/// Interval between two looks.
const LOOK: Duration = Duration::from_millis(200);

/// A stack and its clients.
pub struct Stage {
    outputs: HashMap<String, String>,
    /// SQS at the stage's endpoint.
    pub sqs: aws_sdk_sqs::Client,
    /// DynamoDB at the stage's endpoint.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// EventBridge at the stage's endpoint.
    pub events: aws_sdk_eventbridge::Client,
    /// Lambda at the stage's endpoint.
    pub lambda: aws_sdk_lambda::Client,
}

impl Stage {
    /// Reads the file that `STAGE_OUTPUTS` names.
    ///
    /// # Panics
    /// Without that file: a test that needs the stage and has none must not pass.
    pub async fn connect() -> Self {
        Self::connect_to("STAGE_OUTPUTS").await
    }

    /// The stack with FIFO queues: the file that `STAGE_OUTPUTS_FIFO` names.
    ///
    /// # Panics
    /// Without that file.
    pub async fn connect_to_fifo() -> Self {
        Self::connect_to("STAGE_OUTPUTS_FIFO").await
    }

    /// The stack attached to somebody else's queues: the file that `STAGE_OUTPUTS_ATTACH` names.
    ///
    /// # Panics
    /// Without that file.
    pub async fn connect_to_attached() -> Self {
        Self::connect_to("STAGE_OUTPUTS_ATTACH").await
    }

    async fn connect_to(variable: &str) -> Self {
        let path = std::env::var(variable)
            .unwrap_or_else(|_| panic!("{variable} names a stack's outputs on the stage; run `make test`"));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let outputs: HashMap<String, String> = serde_json::from_str(&text).expect("the outputs are a JSON object");
        let config = aws_config::defaults(BehaviorVersion::latest())
            .endpoint_url(&outputs["endpoint"])
            .region(Region::new(outputs.get("region").cloned().unwrap_or_else(|| "us-east-1".to_owned())))
            .load()
            .await;
        Self {
            sqs: aws_sdk_sqs::Client::new(&config),
            dynamodb: aws_sdk_dynamodb::Client::new(&config),
            events: aws_sdk_eventbridge::Client::new(&config),
            lambda: aws_sdk_lambda::Client::new(&config),
            outputs,
        }
    }

    /// Returns an output of the stack.
    ///
    /// # Panics
    ///
    /// If there is no such output.
    #[must_use]
    pub fn output(&self, name: &str) -> &str {
        self.outputs.get(name).unwrap_or_else(|| panic!("the stack has no output {name}"))
    }

    /// Returns the store of the ledger.
    #[must_use]
    pub fn ledger(&self) -> LedgerTable {
        LedgerTable::new(self.dynamodb.clone(), self.output("LedgerTableName"))
    }

    /// Returns the store of the letters.
    #[must_use]
    pub fn letters(&self) -> LetterTable {
        LetterTable::new(self.dynamodb.clone(), self.output("DeadLetterTableName"))
    }

    /// Sends one body to the main queue.
    pub async fn send(&self, body: &str) -> MessageId {
        let sent = self.sqs.send_message().queue_url(self.output("MainQueueUrl")).message_body(body).send().await;
        let id = sent.expect("SQS takes the message").message_id;
        id.and_then(MessageId::new).expect("SQS gives it an id")
    }

    /// Sends one body to a group of a FIFO main queue.
    pub async fn send_to(&self, group: &str, body: &str) -> MessageId {
        let send = self.sqs.send_message().queue_url(self.output("MainQueueUrl")).message_body(body);
        let once = uuid::Uuid::new_v4().to_string();
        let sent = send.message_group_id(group).message_deduplication_id(once).send().await;
        let id = sent.expect("SQS takes the message").message_id;
        id.and_then(MessageId::new).expect("SQS gives it an id")
    }

    /// Gives an order its row.
    pub async fn put_order(&self, order_id: &str) {
        let key = aws_sdk_dynamodb::types::AttributeValue::S(order_id.to_owned());
        let put = self.dynamodb.put_item().table_name(self.output("OrdersTableName")).item("order_id", key);
        put.send().await.expect("the orders table takes a row");
    }

    /// Returns the number of an order's charges; `None` if it has no row.
    pub async fn charges(&self, order_id: &str) -> Option<u32> {
        let key = aws_sdk_dynamodb::types::AttributeValue::S(order_id.to_owned());
        let table = self.output("OrdersTableName");
        let get = self.dynamodb.get_item().table_name(table).key("order_id", key).consistent_read(true);
        let item = get.send().await.expect("the orders table answers").item?;
        Some(item.get("charges").and_then(|n| n.as_n().ok()).map_or(0, |n| n.parse().expect("charges is a number")))
    }

    /// The ledger's entry of an order.
    pub async fn entry(&self, order_id: &str) -> Option<Entry> {
        let key = LedgerKey::owned(&Scope::new("main").unwrap(), &Key::new(order_id).unwrap());
        self.ledger().read(&[key]).await.expect("the ledger answers").pop().flatten()
    }

    /// The letter of a message that was sent to the main queue.
    #[must_use]
    pub fn letter_id(&self, message: &MessageId) -> LetterId {
        LetterId::derive(&QueueArn::new(self.output("MainQueueArn")).unwrap(), message)
    }

    /// Returns the letter of a message, if it exists.
    pub async fn letter(&self, message: &MessageId) -> Option<Letter> {
        let id = self.letter_id(message);
        self.letters().read(&[id]).await.expect("the dead-letter table answers").pop().flatten()
    }

    /// Waits until a message has a letter that fits.
    pub async fn letter_that(&self, message: &MessageId, what: &str, fits: impl Fn(&Letter) -> bool) -> Letter {
        until(what, async || self.letter(message).await.filter(|letter| fits(letter))).await
    }

    /// Invokes a function and returns its answer, or its error.
    ///
    /// # Errors
    /// What the function answered, if it failed.
    ///
    /// # Panics
    /// If the function could not be invoked.
    pub async fn invoke(&self, function: &str, input: serde_json::Value) -> Result<serde_json::Value, String> {
        let payload = aws_sdk_lambda::primitives::Blob::new(input.to_string());
        let answer = self.lambda.invoke().function_name(self.output(function)).payload(payload).send().await;
        let answer = answer.expect("Lambda invokes the function");
        let text = String::from_utf8(answer.payload.unwrap_or_default().into_inner()).expect("the answer is text");
        match answer.function_error {
            None => Ok(serde_json::from_str(&text).unwrap_or(serde_json::Value::Null)),
            Some(_) => Err(text),
        }
    }

    /// Asks the replay function, or for what only administrators may do the administration function, and returns the answer.
    ///
    /// # Panics
    /// If the function could not be invoked, or failed.
    pub async fn ask(&self, request: serde_json::Value) -> serde_json::Value {
        let administration = Request::parse(&request).is_ok_and(|request| request.administration().is_some());
        let function = if administration { "AdministrationFunctionName" } else { "ReplayFunctionName" };
        self.invoke(function, request).await.expect("replay answers")
    }
}

/// Looks until there is something to see.
///
/// # Panics
/// If there is nothing after `PATIENCE`.
pub async fn until<T, F>(what: &str, look: impl Fn() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    until_for(PATIENCE, what, look).await
}

/// Looks until there is something to see.
///
/// # Panics
/// If there is nothing after `patience`.
pub async fn until_for<T, F>(patience: Duration, what: &str, look: impl Fn() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let started = std::time::Instant::now();
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(started.elapsed() < patience, "waited {} s in vain: {what}", patience.as_secs());
        tokio::time::sleep(LOOK).await;
    }
}
