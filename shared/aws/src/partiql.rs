//! PartiQL statements: their texts and errors.

use aws_sdk_dynamodb::types::{AttributeValue, BatchStatementErrorCodeEnum as Code};

/// Room for the text of a usual statement, in bytes.
const USUAL: usize = 256;

/// Returns true if a statement may name this table. The text of a statement takes a name; an ARN is taken only by the
/// parameter `TableName` of other calls (`docs.aws.amazon.com`, "Cross-account access with resource-based policies": no
/// PartiQL).
pub(crate) fn takes(table: &str) -> bool {
    !table.starts_with("arn:")
}

/// An item that must not be there. Names are quoted, since some of them are reserved words.
pub(crate) fn insert(table: &str, attributes: Vec<(String, AttributeValue)>) -> (String, Vec<AttributeValue>) {
    let (mut statement, mut parameters) = (String::with_capacity(USUAL), Vec::with_capacity(attributes.len()));
    statement.extend(["INSERT INTO \"", table, "\" VALUE "]);
    for (n, (name, value)) in attributes.into_iter().enumerate() {
        statement.extend([if n == 0 { "{'" } else { ",'" }, &name, "':?"]);
        parameters.push(value);
    }
    statement.push('}');
    (statement, parameters)
}

/// Sets what an item has, and removes what it may have and has not: afterwards it is what a put would have left. `key` names the
/// attributes of its key; `condition`, in the statement's own words, is under what else it is changed, with its values.
pub(crate) fn update(
    table: &str,
    attributes: Vec<(String, AttributeValue)>,
    optional: &[&str],
    key: &[&str],
    (condition, values): (&str, Vec<AttributeValue>),
) -> (String, Vec<AttributeValue>) {
    let absent: Vec<_> =
        optional.iter().filter(|name| attributes.iter().all(|(present, _)| present != *name)).collect();
    let (keys, rest): (Vec<_>, Vec<_>) = attributes.into_iter().partition(|(name, _)| key.contains(&name.as_str()));
    let mut parameters = Vec::with_capacity(keys.len() + rest.len() + values.len());
    let mut statement = String::with_capacity(USUAL);
    statement.extend(["UPDATE \"", table, "\" SET "]);
    for (n, (name, value)) in rest.into_iter().enumerate() {
        statement.extend([if n == 0 { "\"" } else { ",\"" }, &name, "\"=?"]);
        parameters.push(value);
    }
    absent.into_iter().for_each(|name| statement.extend([" REMOVE \"", name, "\""]));
    statement.push_str(" WHERE ");
    for (name, value) in keys {
        statement.extend(["\"", &name, "\"=? AND "]);
        parameters.push(value);
    }
    statement.push_str(condition);
    parameters.extend(values);
    (statement, parameters)
}

/// Returns true if a statement found no capacity just now. The SDK repeats a whole call that was throttled, but not a
/// statement of one that was answered.
pub(crate) const fn found_no_room(code: &Code) -> bool {
    matches!(
        code,
        Code::ThrottlingError
            | Code::ProvisionedThroughputExceeded
            | Code::RequestLimitExceeded
            | Code::InternalServerError
    )
}
