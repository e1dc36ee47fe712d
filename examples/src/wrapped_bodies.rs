//! Bodies that came through SNS or EventBridge: the handler sees what the producer wrote. Deployed with `BodyWrapping=sns`
//! or `BodyWrapping=eventbridge`; the key's pointer is one into what the producer wrote, too.

use redrive::dynamodb::{Table, Writes};
use redrive::{Context, Error, Fault, Handler};

#[derive(serde::Deserialize)]
struct Shipped {
    order_id: String,
}

struct Shipper {
    orders: Table,
}

impl Handler for Shipper {
    type Message = Shipped;
    type Effects = Writes;

    async fn handle(&self, shipped: &Shipped, _: &Context) -> Result<Writes, Fault> {
        Ok(Writes::one(self.orders.update(&shipped.order_id).add("shipments", 1)))
    }
}

/// Runs the function until Lambda ends it.
///
/// # Errors
/// If the configuration is refused, or Lambda's runtime cannot be reached.
pub fn main() -> Result<(), Error> {
    redrive::run(|aws| Ok(Shipper { orders: aws.table("ORDERS_TABLE_NAME", "order_id")? }))
}

#[cfg(test)]
mod tests {
    use redrive::dynamodb::sdk::config::BehaviorVersion;
    use redrive::dynamodb::sdk::{Client, Config};
    use redrive::testing::{Scenario, Wrapping};
    use serde_json::{Value, json};

    use super::*;

    fn scenario(wrapping: Wrapping) -> Scenario<Shipper> {
        let client = Client::from_conf(Config::builder().behavior_version(BehaviorVersion::latest()).build());
        let orders = Table::new(client, "orders", "order_id");
        Scenario::of(move |_| Shipper { orders: orders.clone() }).key_at("/order_id").wrapped(wrapping)
    }

    /// A notification as SNS delivers it without raw message delivery; its id is new with each delivery.
    fn notification(id: &str, message: &Value) -> String {
        json!({
            "Type": "Notification",
            "MessageId": id,
            "TopicArn": "arn:aws:sns:eu-west-1:123456789012:shipments",
            "Message": message.to_string(),
            "Timestamp": "2026-01-01T00:00:00.000Z",
        })
        .to_string()
    }

    /// An event as a rule of EventBridge delivers it.
    fn event(id: &str, detail: &Value) -> String {
        json!({
            "version": "0",
            "id": id,
            "detail-type": "Order Shipped",
            "source": "shop.shipping",
            "account": "123456789012",
            "time": "2026-01-01T00:00:00Z",
            "region": "eu-west-1",
            "resources": [],
            "detail": detail,
        })
        .to_string()
    }

    #[test]
    fn an_order_that_is_delivered_in_two_envelopes_is_shipped_once() {
        let order = json!({"order_id": "o-1"});
        let sns = [notification("n-1", &order), notification("n-2", &order)];
        let eventbridge = [event("e-1", &order), event("e-2", &order)];
        for (wrapping, [first, second]) in [(Wrapping::Sns, sns), (Wrapping::EventBridge, eventbridge)] {
            for outcome in scenario(wrapping).send(first).send(second).under_every_fault() {
                assert_eq!(outcome.effects_of("o-1").len(), 1, "{wrapping:?} {outcome}");
                assert!(outcome.dead().is_empty(), "{wrapping:?} {outcome}");
            }
        }
    }

    #[test]
    fn a_body_without_its_envelope_is_dead_with_a_reason() {
        let outcome = scenario(Wrapping::Sns).send(r#"{"order_id": "o-1"}"#).run();
        assert_eq!(outcome.dead()[0].code, "wrapping", "{outcome}");
    }
}
