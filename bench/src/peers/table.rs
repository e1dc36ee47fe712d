//! PeerTables of the endpoint: items by one key, writes under their conditions, units as DynamoDB reckons them.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::expression::{Bindings, StoredItem, Words};

/// Refusal of a call or of a statement.
pub(crate) struct Refused {
    pub(crate) code: &'static str,
    pub(crate) why: String,
    /// Item that is there, for a condition that did not hold.
    pub(crate) found: Option<StoredItem>,
}

impl From<String> for Refused {
    fn from(why: String) -> Self {
        Self { code: "ValidationException", why, found: None }
    }
}

type Answer = Result<Value, Refused>;

#[derive(Default)]
struct Items {
    key: String,
    items: HashMap<String, StoredItem>,
}

/// All tables, and the units that were consumed.
#[derive(Default)]
pub(crate) struct PeerTables {
    tables: HashMap<String, Items>,
    /// Write units, as DynamoDB reckons them: up to 1 KB each, refused writes too.
    pub(crate) write_units: f64,
    /// Read units: up to 4 KB each, consistent.
    pub(crate) read_units: f64,
}

impl PeerTables {
    pub(crate) fn create(&mut self, name: &str, key: &str) {
        self.tables.insert(name.to_owned(), Items { key: key.to_owned(), items: HashMap::new() });
    }

    /// Answers one call of DynamoDB's.
    pub(crate) fn call(&mut self, action: &str, request: &Value) -> Answer {
        match action {
            "PutItem" => self.put(request),
            "UpdateItem" => self.update(request),
            "DeleteItem" => self.delete(request),
            "GetItem" => {
                let found = self.get(request["TableName"].as_str().unwrap_or_default(), &request["Key"])?;
                Ok(found.map_or(json!({}), |item| json!({"Item": item})))
            }
            "BatchGetItem" => self.batch_get(request),
            "BatchExecuteStatement" => {
                let statements = request["Statements"].as_array().cloned().unwrap_or_default();
                if statements.is_empty() || statements.len() > 25 {
                    return Err(format!("{} statements", statements.len()).into());
                }
                let answers: Vec<_> =
                    statements.iter().map(|one| self.statement(one).unwrap_or_else(|e| e.answer())).collect();
                Ok(json!({"Responses": answers}))
            }
            _ => Err(format!("{action} is not played here").into()),
        }
    }

    fn table(&mut self, name: &str) -> Result<&mut Items, Refused> {
        let missing = || Refused { code: "ResourceNotFoundException", why: name.to_owned(), found: None };
        self.tables.get_mut(name).ok_or_else(missing)
    }

    fn get(&mut self, table: &str, key: &Value) -> Result<Option<StoredItem>, Refused> {
        let items = self.table(table)?;
        let found = items.items.get(&text(&key[&items.key])).cloned();
        self.read_units += found.as_ref().map_or(1.0, |item| (size(item) / 4096.0).ceil());
        Ok(found)
    }

    fn put(&mut self, request: &Value) -> Answer {
        let item = request["Item"].as_object().cloned().unwrap_or_default();
        self.change(request, &request["Item"], |_, _| Ok(Some(item)))
    }

    fn update(&mut self, request: &Value) -> Answer {
        let expression = request["UpdateExpression"].as_str().unwrap_or_default();
        self.change(request, &request["Key"], |found, words| {
            let mut item = found.or_else(|| request["Key"].as_object().cloned()).unwrap_or_default();
            let mut words = Words::of(expression, words);
            set(&mut item, &mut words)?;
            Ok(Some(item))
        })
    }

    fn delete(&mut self, request: &Value) -> Answer {
        self.change(request, &request["Key"], |_, _| Ok(None))
    }

    /// Changes the item of a key, if the call's condition holds.
    fn change(
        &mut self,
        request: &Value,
        key: &Value,
        next: impl FnOnce(Option<StoredItem>, &Bindings<'_>) -> Result<Option<StoredItem>, String>,
    ) -> Answer {
        let (names, values) = (&request["ExpressionAttributeNames"], &request["ExpressionAttributeValues"]);
        let bindings = Bindings { names, values, parameters: &[] };
        let items = self.table(request["TableName"].as_str().unwrap_or_default())?;
        let key = text(&key[&items.key]);
        let found = items.items.get(&key);
        let condition = request["ConditionExpression"].as_str();
        if let Some(condition) = condition
            && !Words::of(condition, &bindings).holds(found)?
        {
            let (found, why) = (found.cloned(), "the condition does not hold".to_owned());
            self.write_units += 1.0;
            return Err(Refused { code: "ConditionalCheckFailedException", why, found });
        }
        let next = next(found.cloned(), &bindings)?;
        self.write_units += next.as_ref().map_or(1.0, |item| (size(item) / 1024.0).ceil());
        let items = self.table(request["TableName"].as_str().unwrap_or_default())?;
        match next {
            Some(item) => items.items.insert(key, item),
            None => items.items.remove(&key),
        };
        Ok(json!({}))
    }

    fn batch_get(&mut self, request: &Value) -> Answer {
        let mut responses = serde_json::Map::new();
        for (table, of) in request["RequestItems"].as_object().into_iter().flatten() {
            let keys = of["Keys"].as_array().cloned().unwrap_or_default();
            let items: Result<Vec<_>, _> = keys.iter().map(|key| self.get(table, key)).collect();
            responses.insert(table.clone(), items?.into_iter().flatten().collect());
        }
        Ok(json!({"Responses": responses, "UnprocessedKeys": {}}))
    }

    fn statement(&mut self, request: &Value) -> Answer {
        let (none, parameters) = (Value::Null, request["Parameters"].as_array().cloned().unwrap_or_default());
        let bindings = Bindings { names: &none, values: &none, parameters: &parameters };
        let mut words = Words::of(request["Statement"].as_str().unwrap_or_default(), &bindings);
        if words.takes("INSERT") {
            words.expect("INTO")?;
            let table = words.name()?;
            words.expect("VALUE")?;
            return self.insert(&table, item_of(&mut words)?);
        }
        words.expect("UPDATE")?;
        let table = words.name()?;
        self.update_where(&table, words)
    }

    fn insert(&mut self, table: &str, item: StoredItem) -> Answer {
        self.write_units += (size(&item) / 1024.0).ceil();
        let items = self.table(table)?;
        let key = text(&item[&items.key]);
        if items.items.contains_key(&key) {
            return Err(Refused { code: "DuplicateItem", why: "there is an item of this key".to_owned(), found: None });
        }
        items.items.insert(key, item);
        Ok(json!({"TableName": table}))
    }

    /// Reads what is to be set, then the item that the condition names by its key, and changes that if all of it holds.
    fn update_where(&mut self, table: &str, mut words: Words<'_>) -> Answer {
        let mut changed = StoredItem::new();
        let mut removed = Vec::new();
        while !words.takes("WHERE") {
            if words.takes("REMOVE") {
                removed.push(words.name()?);
            } else {
                set(&mut changed, &mut words)?;
            }
        }
        let items = self.table(table)?;
        let key_name = items.key.clone();
        words.expect(&format!("\"{key_name}\""))?;
        words.expect("=")?;
        let key = text(&words.value()?);
        let found = items.items.get(&key);
        let holds = found.is_some() && (!words.takes("AND") || words.holds(found)?);
        let mut item = found.cloned().unwrap_or_default();
        self.write_units += (size(&item) / 1024.0).ceil().max(1.0);
        if !holds {
            let why = "the condition does not hold".to_owned();
            return Err(Refused { code: "ConditionalCheckFailed", why, found: Some(item) });
        }
        item.extend(changed);
        item.retain(|name, _| !removed.contains(name));
        self.table(table)?.items.insert(key, item);
        Ok(json!({"TableName": table}))
    }
}

impl Refused {
    /// Returns the answer of a statement of several.
    fn answer(self) -> Value {
        let mut error = json!({"Code": self.code.trim_end_matches("Exception"), "Message": self.why});
        if let Some(found) = self.found {
            error["Item"] = found.into();
        }
        json!({"Error": error})
    }
}

/// Reads `SET a = ?, b = ?` into an item.
fn set(item: &mut StoredItem, words: &mut Words<'_>) -> Result<(), String> {
    words.expect("SET")?;
    loop {
        let name = words.name()?;
        words.expect("=")?;
        item.insert(name, words.value()?);
        if !words.takes(",") {
            return Ok(());
        }
    }
}

/// Reads an item of PartiQL, `{'a':?,'b':?}`.
fn item_of(words: &mut Words<'_>) -> Result<StoredItem, String> {
    let mut item = StoredItem::new();
    words.expect("{")?;
    loop {
        let name = words.name()?;
        words.expect(":")?;
        item.insert(name, words.value()?);
        if !words.takes(",") {
            return words.expect("}").map(|()| item);
        }
    }
}

fn text(value: &Value) -> String {
    value["S"].as_str().unwrap_or_default().to_owned()
}

/// Size of an item in bytes, near enough: names and values, without the types.
#[allow(clippy::cast_precision_loss, reason = "units for people")]
fn size(item: &StoredItem) -> f64 {
    item.iter().map(|(name, value)| name.len() + value.to_string().len().saturating_sub(9)).sum::<usize>() as f64
}
