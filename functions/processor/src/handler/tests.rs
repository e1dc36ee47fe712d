//! The handler by itself: which orders it refuses, by which class and code, and what it hands over to be written. Its table
//! is a server on loopback that answers as the test says. Everything around a handler has tests of its own.

use redrive::Dispatch;
use redrive::dynamodb::sdk::config::retry::RetryConfig;
use redrive::dynamodb::sdk::config::{BehaviorVersion, Credentials, Region};
use redrive::dynamodb::sdk::{Client, Config};
use redrive::testing::Scenario;
use redrive_testkit::handlers::first_attempt;
use redrive_testkit::loopback::{JsonAnswer, JsonServer};
use serde_json::json;

use super::*;

/// A handler whose table is the server.
fn charger(orders: &JsonServer) -> Charger {
    charger_at(orders.endpoint())
}

fn charger_at(endpoint: String) -> Charger {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .endpoint_url(endpoint);
    Charger {
        orders: Table::new(Client::from_conf(config.build()), "orders", "order_id"),
        currencies: "EUR,USD".to_owned(),
    }
}

/// Hands the handler an order as the processor does, and returns the number of writes, or the fault.
async fn handled(amount: i64, currency: &str, orders: &JsonServer) -> Result<usize, Fault> {
    let charger = charger(orders);
    let body = json!({"order_id": "o-1", "customer_id": "c-1", "amount_minor": amount, "currency": currency});
    let charge = charger.decode(None, &body.to_string())?;
    charger.handle(&charge, &first_attempt("o-1")).await.map(|writes| writes.len())
}

fn row() -> JsonAnswer {
    JsonAnswer::json(200, &json!({"Item": {"order_id": {"S": "o-1"}}}))
}

#[tokio::test]
async fn an_order_with_a_row_is_charged_by_one_write() {
    let orders = JsonServer::answering(row());
    assert_eq!(handled(1_999, "EUR", &orders).await, Ok(1));
    assert_eq!(orders.requests(), 1);
}

#[test]
fn an_order_that_comes_twice_is_charged_once_whatever_goes_wrong() {
    let order = json!({"order_id": "o-1", "customer_id": "c-1", "amount_minor": 1_999, "currency": "EUR"}).to_string();
    let scenario =
        Scenario::of(|world| charger_at(world.server("orders", |_| row()))).key_at("/order_id").with_sockets();
    let outcomes = scenario.send(&order).send(&order).under_every_fault();
    for outcome in &outcomes {
        assert_eq!(outcome.effects_of("o-1").len(), 1, "{outcome}");
        assert!(outcome.dead().is_empty(), "{outcome}");
    }
    // `cargo test -- --nocapture` shows the story of the last one.
    outcomes.last().iter().for_each(|outcome| eprintln!("{outcome}"));
}

#[tokio::test]
async fn an_order_that_can_never_be_charged_is_refused_for_good_and_its_row_is_not_read() {
    for (amount, currency, code) in [(0, "EUR", "amount"), (-1, "EUR", "amount"), (1_999, "DOGE", "currency")] {
        let orders = JsonServer::answering(row());
        let fault = handled(amount, currency, &orders).await.unwrap_err();
        assert_eq!((fault.class, &*fault.code), (Class::Permanent, code), "{amount} {currency}");
        assert_eq!(orders.requests(), 0, "{amount} {currency}");
    }
}

#[tokio::test]
async fn an_order_whose_row_is_not_there_yet_or_cannot_be_read_is_tried_again() {
    for (answer, code) in
        [(JsonAnswer::json(200, &json!({})), "no-row"), (JsonAnswer::json(500, &json!({})), "orders-read")]
    {
        let fault = handled(1_999, "EUR", &JsonServer::answering(answer)).await.unwrap_err();
        assert_eq!((fault.class, &*fault.code), (Class::Transient, code));
    }
}

#[tokio::test]
async fn a_message_of_another_form_never_reaches_the_handler() {
    let charger = charger(&JsonServer::answering(row()));
    let fault = charger.decode(None, r#"{"order_id": "o-1", "amount_minor": "many"}"#).map(drop).unwrap_err();
    assert_eq!(fault.class, Class::Schema);
}
