//! Names of the variables that describe one queue pair.

/// Variables that say something of one pair; none may be set where there is a list.
pub(super) const VARIABLES: [&str; 21] = [
    "MAIN_QUEUE_URL",
    "MAIN_QUEUE_ARN",
    "DEAD_LETTER_QUEUE_URL",
    "LEDGER_SCOPE",
    "IDEMPOTENCY_KEY_POINTER",
    "IDEMPOTENCY_KEY_FROM",
    "DUPLICATE_NAMES",
    "BODY_WRAPPING",
    "PAYLOAD_HASH",
    "ERROR_MASKS",
    "MESSAGE_TYPE_AT",
    "MESSAGE_TYPES",
    "MAIN_RETENTION_DAYS",
    "RESOLVED_RETENTION_DAYS",
    "BODY_RETENTION_DAYS",
    "REPLAY_COOL_DOWN_SECONDS",
    "REPLAY_MAX_DEATHS",
    "REPLAY_POLICY",
    "DLQ_RETENTION_DAYS",
    "CUSTODY",
    "REPLAY_DESTINATIONS",
];
