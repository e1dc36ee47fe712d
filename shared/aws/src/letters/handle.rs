//! Handle of the dead-letter table: what every reader and writer of its items needs.

use aws_sdk_dynamodb::Client;

/// Client of DynamoDB, with the name of the dead-letter table.
#[derive(Debug, Clone)]
pub(super) struct TableHandle {
    pub(super) client: Client,
    pub(super) name: String,
}
