//! What every call of many statements has in common.

use aws_sdk_dynamodb::types::{AttributeValue, BatchStatementErrorCodeEnum as Code};

/// How many statements a call takes.
pub(crate) const STATEMENTS: usize = 25;

/// An item that must not be there. Names are quoted, since some of them are reserved words.
pub(crate) fn insert(table: &str, attributes: Vec<(String, AttributeValue)>) -> (String, Vec<AttributeValue>) {
    let (names, parameters): (Vec<_>, Vec<_>) = attributes.into_iter().unzip();
    let fields: Vec<_> = names.iter().map(|name| format!("'{name}':?")).collect();
    (format!("INSERT INTO \"{table}\" VALUE {{{}}}", fields.join(",")), parameters)
}

/// Whether a statement found no capacity just now. The SDK repeats a whole call that was throttled, but not a statement of
/// one that was answered.
pub(crate) const fn found_no_room(code: &Code) -> bool {
    matches!(
        code,
        Code::ThrottlingError
            | Code::ProvisionedThroughputExceeded
            | Code::RequestLimitExceeded
            | Code::InternalServerError
    )
}
