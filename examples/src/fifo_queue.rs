//! A FIFO queue: the movements of an account in their order, one at a time. Deployed with `QueueType=fifo`, where the
//! message group is the account.

use redrive::dynamodb::{Table, Writes};
use redrive::{Context, Error, Fault, Handler};

#[derive(serde::Deserialize)]
struct Movement {
    account: String,
    amount_minor: i64,
}

struct Bookkeeper {
    accounts: Table,
}

impl Handler for Bookkeeper {
    type Message = Movement;
    type Effects = Writes;

    async fn handle(&self, movement: &Movement, _: &Context) -> Result<Writes, Fault> {
        if movement.amount_minor == 0 {
            // Dead at once: the processor hands it over, and the rest of its group goes on.
            return Err(Fault::permanent("amount", "a movement of nothing"));
        }
        Ok(Writes::one(self.accounts.update(&movement.account).add("balance_minor", movement.amount_minor)))
    }
}

/// Runs the function until Lambda ends it.
///
/// # Errors
/// If the configuration is refused, or Lambda's runtime cannot be reached.
pub fn main() -> Result<(), Error> {
    redrive::run(|aws| Ok(Bookkeeper { accounts: aws.table("ACCOUNTS_TABLE_NAME", "account")? }))
}

#[cfg(test)]
mod tests {
    use redrive::dynamodb::sdk::config::BehaviorVersion;
    use redrive::dynamodb::sdk::{Client, Config};
    use redrive::testing::Scenario;

    use super::*;

    fn bookkeeper() -> Bookkeeper {
        let client = Client::from_conf(Config::builder().behavior_version(BehaviorVersion::latest()).build());
        Bookkeeper { accounts: Table::new(client, "accounts", "account") }
    }

    fn movement(number: u32, amount: i64) -> String {
        format!(r#"{{"id": "m-{number}", "account": "a-1", "amount_minor": {amount}}}"#)
    }

    #[test]
    fn a_group_keeps_its_order_and_goes_on_behind_a_dead_message_whatever_goes_wrong() {
        let scenario = Scenario::of(|_| bookkeeper()).key_at("/id").fifo();
        let scenario = scenario.send_to("a-1", movement(1, 500)).send_to("a-1", movement(2, 0));
        let scenario = scenario.send_to("a-1", movement(3, -200)).send_to("a-1", movement(1, 500));
        for outcome in scenario.under_every_fault() {
            assert_eq!(outcome.completed(), ["m-1", "m-3"], "{outcome}");
            let dead: Vec<_> = outcome.dead().iter().map(|dead| dead.code.as_str()).collect();
            assert!(!dead.is_empty() && dead.iter().all(|code| *code == "amount"), "{dead:?} {outcome}");
        }
    }
}
