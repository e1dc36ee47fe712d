//! A handle for the table that a handler works on.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem, Update};
use redrive_core::fault::Fault;
use thiserror::Error;

use crate::failure::Failure;
use crate::item::{Item, number, text};
use crate::writes::Write;

/// A table whose partition key is one string and that has no sort key: enough for most handlers. For anything else
/// there is the SDK itself; what it builds becomes a [`Write`] as well.
#[derive(Debug, Clone)]
pub struct Table {
    client: Client,
    name: String,
    key: String,
}

/// A table did not answer, or with an error.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("table {table} did not {action}: {why}")]
pub struct TableError {
    table: String,
    action: &'static str,
    why: String,
}

impl Table {
    /// The table `name` with the partition key `key`. Which attribute that is the handler knows anyway, since it
    /// knows what it reads: asking the table would cost a call and a permission.
    #[must_use]
    pub fn new(client: Client, name: impl Into<String>, key: impl Into<String>) -> Self {
        Self { client, name: name.into(), key: key.into() }
    }

    /// Returns the name of the table.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Reads an item, consistently; `None` if there is none.
    ///
    /// # Errors
    /// [`TableError`] if DynamoDB did not answer, or with an error.
    pub async fn get(&self, id: &str) -> Result<Option<Item>, TableError> {
        let get = self.client.get_item().table_name(&self.name).key(&self.key, text(id)).consistent_read(true);
        match get.send().await {
            Ok(answer) => Ok(answer.item.filter(|item| !item.is_empty())),
            Err(error) => {
                let why = Failure::of(&error).to_string();
                Err(TableError { table: self.name.clone(), action: "read an item", why })
            }
        }
    }

    /// An update of the item `id`, to be handed over with [`Writes`](crate::Writes).
    pub fn update(&self, id: &str) -> ItemUpdate {
        ItemUpdate {
            table: self.name.clone(),
            key: (self.key.clone(), text(id)),
            clauses: BTreeMap::new(),
            names: Vec::new(),
            values: Vec::new(),
            must_exist: false,
        }
    }
}

/// An update of one item. It makes the item if there is none, as DynamoDB's updates do, unless it
/// [must exist](ItemUpdate::must_exist).
#[must_use = "an update happens only if the handler returns it among its writes"]
pub struct ItemUpdate {
    table: String,
    key: (String, AttributeValue),
    clauses: BTreeMap<&'static str, Vec<String>>,
    names: Vec<String>,
    values: Vec<AttributeValue>,
    must_exist: bool,
}

impl ItemUpdate {
    /// Adds to a number; an attribute that is not there counts as 0.
    pub fn add(mut self, attribute: &str, amount: impl Into<i64>) -> Self {
        let (name, value) = (self.named(attribute), self.valued(number(amount.into())));
        self.clause("ADD", format!("{name} {value}"))
    }

    /// Sets an attribute to a value.
    pub fn set(mut self, attribute: &str, value: AttributeValue) -> Self {
        let (name, value) = (self.named(attribute), self.valued(value));
        self.clause("SET", format!("{name} = {value}"))
    }

    /// Removes an attribute from the item.
    pub fn remove(mut self, attribute: &str) -> Self {
        let name = self.named(attribute);
        self.clause("REMOVE", name)
    }

    /// Requires that the item exists. Otherwise the message fails, with [`Write::otherwise`]'s fault or
    /// `effect-condition`.
    pub fn must_exist(self) -> Self {
        Self { must_exist: true, ..self }
    }

    /// Says which fault it is if the item must exist and does not.
    pub fn otherwise(self, fault: impl Into<Fault>) -> Write {
        Write::from(self).otherwise(fault)
    }

    fn named(&mut self, attribute: &str) -> String {
        self.names.push(attribute.to_owned());
        format!("#a{}", self.names.len())
    }

    fn valued(&mut self, value: AttributeValue) -> String {
        self.values.push(value);
        format!(":v{}", self.values.len())
    }

    fn clause(mut self, verb: &'static str, clause: String) -> Self {
        self.clauses.entry(verb).or_default().push(clause);
        self
    }

    fn expression(&self) -> String {
        let parts = self.clauses.iter().map(|(verb, clauses)| format!("{verb} {}", clauses.join(", ")));
        parts.collect::<Vec<_>>().join(" ")
    }
}

impl From<ItemUpdate> for Write {
    fn from(update: ItemUpdate) -> Self {
        let expression = update.expression();
        let mut built = Update::builder().table_name(update.table).update_expression(expression);
        for (place, name) in update.names.into_iter().enumerate() {
            built = built.expression_attribute_names(format!("#a{}", place + 1), name);
        }
        for (place, value) in update.values.into_iter().enumerate() {
            built = built.expression_attribute_values(format!(":v{}", place + 1), value);
        }
        let (key, id) = update.key;
        if update.must_exist {
            built = built.condition_expression("attribute_exists(#key)").expression_attribute_names("#key", &key);
        }
        // Table, key and expression are given, so it builds; if it did not, DynamoDB would refuse the empty write.
        TransactWriteItem::builder().set_update(built.key(key, id).build().ok()).build().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Writes;
    use aws_sdk_dynamodb::config::{BehaviorVersion, Config};

    fn table() -> Table {
        let client = Client::from_conf(Config::builder().behavior_version(BehaviorVersion::latest()).build());
        Table::new(client, "orders", "order_id")
    }

    fn built(writes: &Writes) -> Update {
        writes.items().next().unwrap().update.clone().unwrap()
    }

    #[test]
    fn the_commonest_write_reads_like_what_it_does() {
        let update = built(&Writes::one(table().update("o-1").add("charges", 1)));
        assert_eq!((update.table_name.as_str(), update.update_expression.as_str()), ("orders", "ADD #a1 :v1"));
        assert_eq!(update.key["order_id"], text("o-1"));
        assert_eq!(update.expression_attribute_values.unwrap()[":v1"], number(1));
        assert_eq!(update.condition_expression, None);
    }

    #[test]
    fn clauses_of_one_kind_are_joined_and_names_may_be_reserved_words() {
        let update = table().update("o").set("status", text("x")).remove("a").set("b", number(2)).must_exist();
        let writes = Writes::one(update.otherwise(Fault::transient("no-row", "order has no row yet")));
        let update = built(&writes);
        assert_eq!(update.update_expression, "REMOVE #a2 SET #a1 = :v1, #a3 = :v2");
        assert_eq!(update.condition_expression.as_deref(), Some("attribute_exists(#key)"));
        assert_eq!(update.expression_attribute_names.unwrap()["#key"], "order_id");
        assert_eq!(writes.refusal(0).unwrap().code, "no-row");
    }
}
