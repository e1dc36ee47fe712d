//! The adapters on dynoxide, which is tested against recordings of DynamoDB itself: a second opinion on what
//! conditions, statements and transactions mean.

use aws_config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::Credentials;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
    ScalarAttributeType,
};
use redrive_aws::{LedgerTable, LetterTable, Table};

use crate::stores::Deployed;

/// A server of one test's own, with the three tables.
pub(crate) async fn serve() -> Deployed {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(dynoxide::server::serve_on(listener, dynoxide::Database::memory().unwrap()));
    let keys = Credentials::new("test", "test", None, None, "test");
    let config = aws_config::defaults(BehaviorVersion::latest()).endpoint_url(endpoint).credentials_provider(keys);
    let client = Client::new(&config.region(Region::new("us-east-1")).load().await);
    create(&client, "ledger", &["pk"], &[]).await;
    create(&client, "orders", &["order_id"], &[]).await;
    let indexes: [(&str, &[&str]); 3] = [
        ("by-status", &["status_shard", "due"]),
        ("by-fingerprint", &["fingerprint_shard", "first_failed_at"]),
        ("by-key", &["idempotency_key"]),
    ];
    create(&client, "letters", &["pk", "sk"], &indexes).await;
    Deployed {
        ledger: LedgerTable::new(client.clone(), "ledger"),
        letters: LetterTable::new(client.clone(), "letters"),
        orders: Table::new(client.clone(), "orders", "order_id"),
        dynamodb: client,
        letter_table: "letters".to_owned(),
        ledger_table: "ledger".to_owned(),
    }
}

async fn create(client: &Client, table: &str, keys: &[&str], indexes: &[(&str, &[&str])]) {
    let names = keys.iter().copied().chain(indexes.iter().flat_map(|(_, keys)| keys.iter().copied()));
    let attributes = names.map(|name| {
        let kind = if name == "due" { ScalarAttributeType::N } else { ScalarAttributeType::S };
        AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build().unwrap()
    });
    let create = client.create_table().table_name(table).billing_mode(BillingMode::PayPerRequest);
    let mut create = create.set_key_schema(Some(schema(keys))).set_attribute_definitions(Some(attributes.collect()));
    for (name, keys) in indexes {
        let all = Projection::builder().projection_type(ProjectionType::All).build();
        let index = GlobalSecondaryIndex::builder().index_name(*name).projection(all);
        create = create.global_secondary_indexes(index.set_key_schema(Some(schema(keys))).build().unwrap());
    }
    create.send().await.unwrap();
}

fn schema(keys: &[&str]) -> Vec<KeySchemaElement> {
    let kinds = [KeyType::Hash, KeyType::Range];
    let parts = keys.iter().zip(kinds);
    parts.map(|(key, kind)| KeySchemaElement::builder().attribute_name(*key).key_type(kind).build().unwrap()).collect()
}
