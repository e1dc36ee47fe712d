//! The example: charges orders. Replace this file with your own message and your own work.

#[cfg(test)]
mod tests;

use redrive::dynamodb::{Table, Writes};
use redrive::{Aws, Class, Classify, Context, Error, Fault, Handler, ResultExt};

#[derive(serde::Deserialize)]
pub(crate) struct Charge {
    order_id: String,
    #[expect(dead_code, reason = "every order names its customer, and charging does not ask who it is")]
    customer_id: String,
    amount_minor: i64,
    currency: String,
}

/// Text for whoever is on call: the order's id, and nothing else of the body.
#[derive(Debug, thiserror::Error)]
enum ChargeError {
    #[error("order {0} has no row yet")]
    NoRow(String),
    #[error("order {0} asks for an amount of zero or less")]
    Amount(String),
    #[error("order {0} is in a currency that is not supported")]
    Currency(String),
}

impl Classify for ChargeError {
    fn class(&self) -> Class {
        // The row may still come; nothing else changes by itself.
        if matches!(self, Self::NoRow(_)) { Class::Transient } else { Class::Permanent }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NoRow(_) => "no-row",
            Self::Amount(_) => "amount",
            Self::Currency(_) => "currency",
        }
    }
}

pub(crate) struct Charger {
    orders: Table,
    currencies: String,
}

impl Charger {
    pub(crate) fn new(aws: &Aws) -> Result<Self, Error> {
        let currencies = aws.setting("SUPPORTED_CURRENCIES", "EUR,USD,GBP", str::parse)?;
        Ok(Self { orders: aws.table("ORDERS_TABLE_NAME", "order_id")?, currencies })
    }
}

impl Handler for Charger {
    type Message = Charge;
    type Effects = Writes;

    async fn handle(&self, charge: &Charge, _: &Context) -> Result<Writes, Fault> {
        let order = charge.order_id.clone();
        if charge.amount_minor <= 0 {
            return Err(ChargeError::Amount(order).into());
        }
        if !self.currencies.split(',').any(|known| known == charge.currency) {
            return Err(ChargeError::Currency(order).into());
        }
        self.orders.get(&order).await.transient("orders-read")?.ok_or_else(|| ChargeError::NoRow(order.clone()))?;
        // Committed with the message's completion: once, however often it comes.
        Ok(Writes::one(self.orders.update(&order).add("charges", 1)))
    }
}
