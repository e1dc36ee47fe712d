//! Several types of messages in one queue, each with a handler and with keys of its own. Deployed with
//! `MessageTypeAt=attribute:type` and `MessageTypes=charge,refund`.

use redrive::dynamodb::{Table, Writes};
use redrive::{Context, Error, Fault, Handler, Routes};

#[derive(serde::Deserialize)]
struct Charge {
    order_id: String,
    amount_minor: i64,
}

#[derive(serde::Deserialize)]
struct Refund {
    order_id: String,
    reason: String,
}

struct Charger(Table);
struct Refunder(Table);

impl Handler for Charger {
    type Message = Charge;
    type Effects = Writes;

    async fn handle(&self, charge: &Charge, _: &Context) -> Result<Writes, Fault> {
        Ok(Writes::one(self.0.update(&charge.order_id).add("charged_minor", charge.amount_minor)))
    }
}

impl Handler for Refunder {
    type Message = Refund;
    type Effects = Writes;

    async fn handle(&self, refund: &Refund, _: &Context) -> Result<Writes, Fault> {
        if refund.reason.is_empty() {
            return Err(Fault::permanent("no-reason", "a refund names its reason"));
        }
        Ok(Writes::one(self.0.update(&refund.order_id).add("refunds", 1)))
    }
}

fn routes(orders: &Table) -> Routes<Writes> {
    Routes::new().on("charge", Charger(orders.clone())).on("refund", Refunder(orders.clone()))
}

/// Runs the function until Lambda ends it.
///
/// # Errors
/// If the configuration is refused, or Lambda's runtime cannot be reached.
pub fn main() -> Result<(), Error> {
    redrive::run(|aws| Ok(routes(&aws.table("ORDERS_TABLE_NAME", "order_id")?)))
}

#[cfg(test)]
mod tests {
    use redrive::dynamodb::sdk::config::BehaviorVersion;
    use redrive::dynamodb::sdk::{Client, Config};
    use redrive::testing::Scenario;

    use super::*;

    fn scenario() -> Scenario<Routes<Writes>> {
        let client = Client::from_conf(Config::builder().behavior_version(BehaviorVersion::latest()).build());
        let orders = Table::new(client, "orders", "order_id");
        Scenario::of(move |_| routes(&orders)).key_at("/order_id").types("attribute:type", &["charge", "refund"])
    }

    #[test]
    fn a_refund_is_not_swallowed_by_the_charge_of_its_order_whatever_goes_wrong() {
        let scenario = scenario()
            .send_with(r#"{"order_id": "o-1", "amount_minor": 1999}"#, &[("type", "charge")])
            .send_with(r#"{"order_id": "o-1", "reason": "damaged"}"#, &[("type", "refund")])
            .send_with(r#"{"order_id": "o-1", "reason": "damaged"}"#, &[("type", "refund")]);
        for outcome in scenario.under_every_fault() {
            assert_eq!(outcome.effects_of("o-1").len(), 2, "{outcome}");
            assert!(outcome.dead().is_empty(), "{outcome}");
        }
    }

    #[test]
    fn a_message_of_no_known_type_or_of_another_form_is_dead_and_runs_nowhere() {
        let outcome = scenario()
            .send_with(r#"{"order_id": "o-1"}"#, &[("type", "gift")])
            .send_with(r#"{"order_id": "o-2"}"#, &[("type", "charge")])
            .run();
        let codes: Vec<_> = outcome.dead().iter().map(|dead| dead.code.as_str()).collect();
        assert_eq!((codes, outcome.attempts_of("o-2")), (vec!["unknown-type", "decode"], 0), "{outcome}");
    }
}
