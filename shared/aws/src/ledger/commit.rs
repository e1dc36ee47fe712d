//! Meaning of a cancelled transaction: pure, over the reasons' codes.

use redrive_core::fault::Fault;
use redrive_core::ports::CommitError;

use crate::failure::Failure;
use crate::writes::Writes;

/// DynamoDB's limit of items in one transaction, the ledger's own apart.
pub(super) const EFFECTS: usize = 99;

/// Reason for which a transaction did not happen. Its first item is the ledger's entry, the others are the effects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cancelled {
    /// The entry is not what was read.
    Entry,
    /// The transaction met another one, or lacked capacity: nothing happened, and the next try may succeed.
    InTheWay,
    /// The condition of this effect failed.
    Condition(usize),
    /// The effect at this index is not valid.
    Invalid(usize, String),
    /// The reason is none that is known.
    Unknown,
}

/// Reads the reasons' codes, in the order of the items. The entry's condition comes first: if it failed, nothing
/// else counts. A conflict comes before an effect's condition, which may have failed for what the other transaction
/// is about to do.
pub(crate) fn cancelled(codes: &[&str]) -> Cancelled {
    const AGAIN: [&str; 4] =
        ["TransactionConflict", "ProvisionedThroughputExceeded", "ThrottlingError", "ReplicatedWriteConflict"];
    const INVALID: [&str; 2] = ["ValidationError", "ItemCollectionSizeLimitExceeded"];
    let Some((entry, effects)) = codes.split_first() else { return Cancelled::Unknown };
    if *entry == "ConditionalCheckFailed" {
        return Cancelled::Entry;
    }
    if codes.iter().any(|code| AGAIN.contains(code)) {
        return Cancelled::InTheWay;
    }
    if let Some(at) = effects.iter().position(|code| INVALID.contains(code)) {
        return Cancelled::Invalid(at, effects[at].to_owned());
    }
    match effects.iter().position(|code| *code == "ConditionalCheckFailed") {
        Some(at) => Cancelled::Condition(at),
        None => Cancelled::Unknown,
    }
}

/// The refusal of an effect whose own condition failed: what its write says, else PERMANENT.
pub(super) fn condition_failed(effects: &Writes, at: usize) -> CommitError {
    let fault = effects.refusal(at).unwrap_or_else(|| {
        let text = format_args!("the condition of effect {} of {} failed", at + 1, effects.len());
        Fault::permanent("effect-condition", text)
    });
    CommitError::Refused(fault)
}

/// The refusal of effects that can never be written as they are. DynamoDB's own words may quote the data.
pub(super) fn invalid(effects: &Writes, at: usize, code: &str) -> CommitError {
    let text = format_args!("DynamoDB refused effect {} of {} as invalid: {code}", at + 1, effects.len());
    CommitError::Refused(Fault::permanent("effect-invalid", text))
}

/// The refusal of more effects than a transaction holds.
pub(super) fn too_many(effects: &Writes) -> CommitError {
    let text = format_args!("{} effects, and one transaction holds at most {EFFECTS}", effects.len());
    CommitError::Refused(Fault::permanent("too-many-writes", text))
}

/// Explains the failure of a transaction as a whole.
pub(super) fn failed(effects: &Writes, failure: &Failure, service: &'static str) -> CommitError {
    if failure.is_conflict() {
        return CommitError::Conflict;
    }
    if failure.is_invalid() {
        let text = format_args!("DynamoDB refused the transaction of {} effects as invalid", effects.len());
        return CommitError::Refused(Fault::permanent("effect-invalid", text));
    }
    CommitError::Unavailable(failure.unavailable(service, "commit a completion with its effects"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use redrive_core::fault::Class;

    const NONE: &str = "None";
    const FAILED: &str = "ConditionalCheckFailed";
    const CONFLICT: &str = "TransactionConflict";

    #[test]
    fn the_entrys_own_condition_decides_before_anything_else() {
        for codes in [[FAILED, NONE], [FAILED, FAILED], [FAILED, CONFLICT], [FAILED, "ValidationError"]] {
            assert_eq!(cancelled(&codes), Cancelled::Entry, "{codes:?}");
        }
    }

    #[test]
    fn a_conflict_or_a_throttle_anywhere_is_tried_again_before_an_effect_is_blamed() {
        for codes in [
            [CONFLICT, FAILED],
            [NONE, CONFLICT],
            [NONE, "ProvisionedThroughputExceeded"],
            ["ThrottlingError", "ValidationError"],
        ] {
            assert_eq!(cancelled(&codes), Cancelled::InTheWay, "{codes:?}");
        }
    }

    #[test]
    fn an_effect_is_blamed_by_its_own_place() {
        assert_eq!(cancelled(&[NONE, NONE, FAILED]), Cancelled::Condition(1));
        assert_eq!(cancelled(&[NONE, FAILED, "ValidationError"]), Cancelled::Invalid(1, "ValidationError".to_owned()));
    }

    #[test]
    fn codes_that_blame_nobody_are_unknown() {
        for codes in [&[][..], &[NONE][..], &[NONE, NONE][..], &["ValidationError", NONE][..], &[NONE, "New"][..]] {
            assert_eq!(cancelled(codes), Cancelled::Unknown, "{codes:?}");
        }
    }

    #[test]
    fn a_whole_failure_is_a_conflict_a_refusal_or_no_answer() {
        let whole = |code: &str, status| {
            let failure = Failure::Refused { code: code.to_owned(), status, request: "r".to_owned() };
            failed(&Writes::none(), &failure, "ledger table")
        };
        assert_eq!(whole("TransactionConflictException", 400), CommitError::Conflict);
        assert!(matches!(
            whole("ValidationException", 400),
            CommitError::Refused(fault) if fault.class == Class::Permanent && fault.code == "effect-invalid"
        ));
        for code in ["TransactionInProgressException", "AccessDeniedException", "ResourceNotFoundException"] {
            assert!(matches!(whole(code, 400), CommitError::Unavailable(_)), "{code}");
        }
        assert!(matches!(whole("InternalServerError", 500), CommitError::Unavailable(_)));
    }
}
