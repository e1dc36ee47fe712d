//! An effect that happens once: a write to the user's own table, committed in one transaction with the message's completion.

use redrive::dynamodb::{Table, Writes};
use redrive::{Context, Fault, Handler};

#[derive(serde::Deserialize)]
struct Charge {
    order_id: String,
    amount_minor: i64,
}

struct Charger {
    orders: Table,
}

impl Handler for Charger {
    type Message = Charge;
    type Effects = Writes;

    async fn handle(&self, charge: &Charge, _: &Context) -> Result<Writes, Fault> {
        let order = self.orders.update(&charge.order_id).add("charged_minor", charge.amount_minor);
        // If the order is not there, nothing is written, and the message is tried again.
        Ok(Writes::one(order.must_exist().otherwise(Fault::transient("no-row", "order has no row yet"))))
    }
}

/// Runs the function until Lambda ends it.
///
/// # Errors
/// If the configuration is refused, or Lambda's runtime cannot be reached.
pub fn main() -> Result<(), redrive::Error> {
    redrive::run(|aws| Ok(Charger { orders: aws.table("ORDERS_TABLE_NAME", "order_id")? }))
}

#[cfg(test)]
mod tests {
    use redrive::dynamodb::sdk::config::BehaviorVersion;
    use redrive::dynamodb::sdk::{Client, Config};
    use redrive::testing::Scenario;

    use super::*;

    /// A handler whose table is never asked: what it returns is written by the processor.
    fn charger() -> Charger {
        let client = Client::from_conf(Config::builder().behavior_version(BehaviorVersion::latest()).build());
        Charger { orders: Table::new(client, "orders", "order_id") }
    }

    #[test]
    fn an_order_is_charged_once_however_often_it_comes_and_whatever_goes_wrong() {
        let order = r#"{"order_id": "o-1", "amount_minor": 1999}"#;
        let scenario = Scenario::of(|_| charger()).key_at("/order_id").send(order).send(order);
        for outcome in scenario.under_every_fault() {
            let effects = outcome.effects_of("o-1");
            assert_eq!(effects.iter().map(|writes| writes.len()).collect::<Vec<_>>(), [1], "{outcome}");
            assert!(outcome.dead().is_empty(), "{outcome}");
        }
    }
}
