//! Name of redrive's own attribute, which an id of RabbitMQ looks at, too.

/// Name of the message attribute, or of the header, that says which letter a replay is of.
pub const REDRIVE: &str = "redrive";
