//! PartiQL statements: their texts and errors.

use aws_sdk_dynamodb::types::{AttributeValue, BatchStatementErrorCodeEnum as Code};

/// Returns true if a statement may name this table. The text of a statement takes a name; an ARN is taken only by the
/// parameter `TableName` of other calls (`docs.aws.amazon.com`, "Cross-account access with resource-based policies": no
/// PartiQL).
pub(crate) fn takes(table: &str) -> bool {
    !table.starts_with("arn:")
}

/// An item that must not be there. Names are quoted, since some of them are reserved words.
pub(crate) fn insert(table: &str, attributes: Vec<(String, AttributeValue)>) -> (String, Vec<AttributeValue>) {
    let (names, parameters): (Vec<_>, Vec<_>) = attributes.into_iter().unzip();
    let fields: Vec<_> = names.iter().map(|name| format!("'{name}':?")).collect();
    (format!("INSERT INTO \"{table}\" VALUE {{{}}}", fields.join(",")), parameters)
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
    let absent = optional.iter().filter(|name| attributes.iter().all(|(present, _)| present != *name));
    let removes: String = absent.map(|name| format!(" REMOVE \"{name}\"")).collect();
    let (keys, rest): (Vec<_>, Vec<_>) = attributes.into_iter().partition(|(name, _)| key.contains(&name.as_str()));
    let (names, mut parameters): (Vec<_>, Vec<_>) = rest.into_iter().unzip();
    let sets: Vec<_> = names.iter().map(|name| format!("\"{name}\"=?")).collect();
    let wheres: String = keys.iter().map(|(name, _)| format!("\"{name}\"=? AND ")).collect();
    parameters.extend(keys.into_iter().map(|(_, value)| value));
    parameters.extend(values);
    (format!("UPDATE \"{table}\" SET {}{removes} WHERE {wheres}{condition}", sets.join(",")), parameters)
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
