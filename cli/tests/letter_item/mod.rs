//! A letter as DynamoDB shows it to the command.

use serde_json::{Value, json};

/// Identity of the letter.
pub(crate) const ID: &str = "6bea7702-6220-5620-b58f-1434b1d4f216";

/// A letter as both indexes show it.
pub(crate) fn candidate() -> Value {
    json!({
        "pk": {"S": ID}, "sk": {"S": "head"}, "status": {"S": "PENDING"}, "due": {"N": "1"},
        "error_type": {"S": "PERMANENT"}, "error_code": {"S": "currency"}, "error_message": {"S": "CHF"},
        "fingerprint": {"S": "PERMANENT/currency"},
        "source_topic": {"S": "arn:aws:sqs:eu-west-1:123456789012:orders"},
        "first_failed_at": {"S": "2026-11-22T12:16:00.000Z"}, "last_failed_at": {"S": "2026-11-22T12:16:00.000Z"},
        "deaths": {"N": "1"}, "number": {"N": "0"}, "scope": {"S": "main"},
    })
}
