//! Cost of the calls themselves: `lambda_runtime` and the AWS SDK, 25 statements a call before and after a handler that does
//! nothing, one call after the other, with no protocol at all.

use std::collections::HashMap;

use aws_config::{BehaviorVersion, retry::RetryConfig};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, BatchStatementRequest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use lambda_runtime::{LambdaEvent, service_fn};
use serde::{Deserialize, Serialize};

type Error = Box<dyn std::error::Error + Send + Sync>;

const STATEMENTS: usize = 25;

#[derive(Deserialize)]
struct BareEvent {
    #[serde(rename = "Records")]
    records: Vec<BareRecord>,
}

#[derive(Deserialize)]
struct BareRecord {
    #[serde(rename = "messageId")]
    message_id: String,
    body: String,
}

/// Event of Kafka: the same messages in lists by partition.
#[derive(Deserialize)]
struct TopicEvent {
    records: HashMap<String, Vec<TopicRecord>>,
}

#[derive(Deserialize)]
struct TopicRecord {
    offset: i64,
    value: String,
}

impl TopicEvent {
    fn decoded(self) -> Result<Vec<BareRecord>, Error> {
        let all = self
            .records
            .into_iter()
            .flat_map(|(partition, list)| list.into_iter().map(move |one| (partition.clone(), one)));
        all.map(|(partition, TopicRecord { offset, value })| {
            let body = String::from_utf8(BASE64.decode(value)?)?;
            Ok(BareRecord { message_id: format!("{partition}@{offset}"), body })
        })
        .collect()
    }
}

#[derive(Deserialize)]
struct BareOrder {
    order_id: String,
    fail: bool,
}

#[derive(Serialize)]
struct BareAnswer {
    #[serde(rename = "batchItemFailures")]
    failures: Vec<HashMap<&'static str, String>>,
}

struct BareFunction {
    client: Client,
    insert: String,
    update: String,
}

impl BareFunction {
    async fn handle(&self, records: Vec<BareRecord>) -> Result<BareAnswer, Error> {
        let mut failures = Vec::new();
        for records in records.chunks(STATEMENTS) {
            let orders: Result<Vec<BareOrder>, _> = records.iter().map(|one| serde_json::from_str(&one.body)).collect();
            let orders = orders?;
            self.write(&self.insert, &orders, |order| vec![text(&order.order_id), text("OPEN")]).await?;
            let failing = orders.iter().zip(records).filter(|(order, _)| order.fail);
            failures.extend(failing.map(|(_, record)| HashMap::from([("itemIdentifier", record.message_id.clone())])));
            self.write(&self.update, &orders, |order| vec![text("DONE"), text(&order.order_id)]).await?;
        }
        Ok(BareAnswer { failures })
    }

    async fn write(
        &self,
        statement: &str,
        orders: &[BareOrder],
        parameters: impl Fn(&BareOrder) -> Vec<AttributeValue>,
    ) -> Result<(), Error> {
        let of = |order| {
            BatchStatementRequest::builder().statement(statement).set_parameters(Some(parameters(order))).build()
        };
        let statements: Result<Vec<_>, _> = orders.iter().map(of).collect();
        self.client.batch_execute_statement().set_statements(Some(statements?)).send().await?;
        Ok(())
    }
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn main() -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let config = aws_config::defaults(BehaviorVersion::latest()).retry_config(RetryConfig::standard()).load().await;
        let table = std::env::var("TABLE_NAME")?;
        let function = BareFunction {
            client: Client::new(&config),
            insert: format!("INSERT INTO \"{table}\" VALUE {{'pk':?,'state':?}}"),
            update: format!("UPDATE \"{table}\" SET \"state\"=? WHERE \"pk\"=?"),
        };
        let function = &function;
        if std::env::var("EVENT_SOURCE").is_ok_and(|source| source == "Kafka") {
            let of_topic = async |event: LambdaEvent<TopicEvent>| function.handle(event.payload.decoded()?).await;
            return lambda_runtime::run(service_fn(of_topic)).await;
        }
        let of_queue = async |event: LambdaEvent<BareEvent>| function.handle(event.payload.records).await;
        lambda_runtime::run(service_fn(of_queue)).await
    })
}
