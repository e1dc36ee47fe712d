//! The stores under contract.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use redrive_aws::{LedgerTable, LetterTable, Table, Writes};
use redrive_core::fault::Fault;
use redrive_core::ids::LetterId;
use redrive_core::ports::{Causes, Jobs, KeyIndex, Ledger, LedgerMarker, Letters, Summaries};
use redrive_testkit::{Effects, ModelLedger, ModelLetters};
use redrive_tests::stage::Stage;
use uuid::Uuid;

/// A ledger and its letters, and the effects that can be committed with a completion.
pub(crate) trait Store: Sync {
    type Effects: Send + Sync + 'static;
    type Ledger: Ledger<()> + Ledger<Self::Effects> + LedgerMarker;
    type Letters: Letters + Jobs + Causes + KeyIndex + Summaries;

    fn ledger(&self) -> &Self::Ledger;
    fn letters(&self) -> &Self::Letters;

    /// A part of this letter's body is lost; in memory, all of it.
    async fn lose_a_part(&self, id: LetterId);

    /// No effect at all.
    fn nothing(&self) -> Self::Effects;
    /// Makes the effect of one more charge in this row.
    fn charge(&self, row: &str) -> Self::Effects;
    /// The same, and another effect whose own condition fails.
    fn charge_and_fail(&self, row: &str, fault: Fault) -> Self::Effects;
    /// Returns the number of charges of a row.
    async fn charges(&self, row: &str) -> u64;
}

/// The stores of the testkit.
#[derive(Default)]
pub(crate) struct Memory {
    ledger: ModelLedger,
    letters: ModelLetters,
}

impl Store for Memory {
    type Effects = Effects;
    type Ledger = ModelLedger;
    type Letters = ModelLetters;

    fn ledger(&self) -> &ModelLedger {
        &self.ledger
    }

    fn letters(&self) -> &ModelLetters {
        &self.letters
    }

    async fn lose_a_part(&self, id: LetterId) {
        self.letters.lose_body(id);
    }

    fn nothing(&self) -> Effects {
        Effects::default()
    }

    fn charge(&self, row: &str) -> Effects {
        Effects::one(row)
    }

    fn charge_and_fail(&self, row: &str, fault: Fault) -> Effects {
        Effects { refusal: Some(fault), ..Effects::one(row) }
    }

    async fn charges(&self, row: &str) -> u64 {
        self.ledger.counter(row)
    }
}

/// The adapters on the stage, or on what stands in for it.
pub(crate) struct Deployed {
    pub(crate) ledger: LedgerTable,
    pub(crate) letters: LetterTable,
    pub(crate) orders: Table,
    pub(crate) dynamodb: Client,
    pub(crate) letter_table: String,
    pub(crate) ledger_table: String,
}

impl Deployed {
    /// Panics without a stage: a contract that was not tried is not kept.
    pub(crate) async fn connect() -> Self {
        let stage = Stage::connect().await;
        let orders = Table::new(stage.dynamodb.clone(), stage.output("OrdersTableName"), "order_id");
        let [letter_table, ledger_table] =
            ["DeadLetterTableName", "LedgerTableName"].map(|name| stage.output(name).to_owned());
        Self {
            ledger: stage.ledger(),
            letters: stage.letters(),
            orders,
            dynamodb: stage.dynamodb.clone(),
            letter_table,
            ledger_table,
        }
    }

    /// The same, with a ledger that is named by its ARN.
    pub(crate) async fn by_arn(self) -> Self {
        let table = self.dynamodb.describe_table().table_name(&self.ledger_table).send().await;
        let arn =
            table.expect("the table answers").table.and_then(|table| table.table_arn).expect("a table has an ARN");
        Self { ledger: LedgerTable::new(self.dynamodb.clone(), arn), ..self }
    }

    /// Every item of a letter as it is stored, by sort key.
    pub(crate) async fn items(&self, id: LetterId) -> BTreeMap<String, HashMap<String, AttributeValue>> {
        let query = self.dynamodb.query().table_name(&self.letter_table).consistent_read(true);
        let query = query.key_condition_expression("pk = :pk").expression_attribute_values(":pk", text(id));
        let mut pages = query.into_paginator().items().send();
        let mut items = BTreeMap::new();
        while let Some(item) = pages.next().await {
            let item = item.expect("the table answers");
            items.insert(item["sk"].as_s().expect("a sort key").clone(), item);
        }
        items
    }

    /// Deletes one item of a letter.
    pub(crate) async fn delete(&self, id: LetterId, sk: &str) {
        let delete = self.dynamodb.delete_item().table_name(&self.letter_table).key("pk", text(id)).key("sk", text(sk));
        delete.send().await.expect("the table answers");
    }
}

fn text(text: impl ToString) -> AttributeValue {
    AttributeValue::S(text.to_string())
}

impl Store for Deployed {
    type Effects = Writes;
    type Ledger = LedgerTable;
    type Letters = LetterTable;

    fn ledger(&self) -> &LedgerTable {
        &self.ledger
    }

    fn letters(&self) -> &LetterTable {
        &self.letters
    }

    async fn lose_a_part(&self, id: LetterId) {
        self.delete(id, "chunk#0").await;
    }

    fn nothing(&self) -> Writes {
        Writes::none()
    }

    fn charge(&self, row: &str) -> Writes {
        Writes::one(self.orders.update(row).add("charges", 1))
    }

    fn charge_and_fail(&self, row: &str, fault: Fault) -> Writes {
        let missing = self.orders.update(&Uuid::new_v4().to_string());
        self.charge(row).and(missing.add("charges", 1).must_exist().otherwise(fault))
    }

    async fn charges(&self, row: &str) -> u64 {
        let item = self.orders.get(row).await.expect("the orders table answers").unwrap_or_default();
        item.get("charges").map_or(0, |value| value.as_n().unwrap().parse().unwrap())
    }
}
