//! Letters as the index lists them.

use std::collections::BTreeMap;

use redrive_core::ids::LetterId;
use redrive_core::message::foreign::ClaimCheck;
use redrive_core::ports::{Letters, Unavailable};
use redrive_core::replay::Candidate;
use redrive_core::time::Timestamp;
use serde_json::{Value, json};

use crate::letter_view::{IN_S3, place};
use crate::walk::Wanted;

/// A letter as the index knows it, with the letter's field names, and as `show` tells it the place of a body in S3.
pub fn document(found: &Candidate, in_s3: Option<&ClaimCheck>) -> Value {
    let mut document = json!({
        "dlq_message_id": found.id,
        "status": found.status,
        "source_topic": found.source,
        "error_type": found.error_type,
        "error_code": found.error_code,
        "error_message": found.error_message,
        "fingerprint": found.fingerprint,
        "first_failed_at": found.first_failed_at.to_rfc3339(),
        "last_failed_at": found.last_failed_at.to_rfc3339(),
        "deaths": found.deaths,
        "number": found.number,
        "function_version": found.function_version,
        "message_group_id": found.group,
        "sequence_number": found.sequence,
        "idempotency_key": found.key,
        "scope": found.scope,
    });
    if let Some(check) = in_s3 {
        document[IN_S3] = place(check);
    }
    document
}

/// Letters in the order of their first failures.
pub type Oldest = BTreeMap<(Timestamp, LetterId), Candidate>;

/// Reads the `limit` letters that failed first, of all that are wanted.
///
/// # Errors
///
/// The table's.
pub async fn gather_oldest<L: Letters>(letters: &L, wanted: &Wanted, limit: usize) -> Result<Oldest, Unavailable> {
    let keep = move |kept: &mut Oldest, found: Candidate| {
        kept.insert((found.first_failed_at, found.id), found);
        if kept.len() > limit {
            kept.pop_last();
        }
    };
    let mut all = Oldest::new();
    for shard in wanted.sums(letters, keep).await? {
        shard.into_values().for_each(|found| keep(&mut all, found));
    }
    Ok(all)
}
