//! Letters of a job that failed again, by their new reasons. Pure.

use std::collections::BTreeMap;

use redrive_core::ids::LetterId;

/// Number of letters that are named of each group.
const SAMPLES: usize = 3;

/// Reason for which a letter failed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FailureReason {
    /// Name of the cause.
    pub cause: String,
    /// Text of the error, as it came.
    pub text: String,
}

/// Failures of one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailureGroup {
    /// Reason of the first of them.
    pub reason: FailureReason,
    /// Number of letters that failed for it.
    pub count: u64,
    /// First letters of them.
    pub samples: Vec<LetterId>,
}

/// Groups failures by their causes, the largest group first.
pub fn grouped(failures: impl IntoIterator<Item = (LetterId, FailureReason)>) -> Vec<FailureGroup> {
    let mut groups: BTreeMap<String, FailureGroup> = BTreeMap::new();
    for (letter, reason) in failures {
        let group = groups.entry(reason.cause.clone());
        let group = group.or_insert_with(|| FailureGroup { reason, count: 0, samples: Vec::new() });
        group.count += 1;
        if group.samples.len() < SAMPLES {
            group.samples.push(letter);
        }
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.count));
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn failures_are_counted_by_cause_with_three_samples_and_the_largest_group_first() {
        let ids: Vec<_> = samples::many(6).map(|letter| letter.id).collect();
        let reason = |cause: &str, text: &str| FailureReason { cause: cause.to_owned(), text: text.to_owned() };
        let all = ids.iter().enumerate().map(|(n, id)| {
            (*id, if n == 0 { reason("B", "b") } else { reason("A", &format!("order {n} has no row")) })
        });
        let groups = grouped(all);
        assert_eq!(
            groups.iter().map(|group| (group.reason.cause.as_str(), group.count)).collect::<Vec<_>>(),
            [("A", 5), ("B", 1)]
        );
        assert_eq!((groups[0].samples.as_slice(), groups[0].reason.text.as_str()), (&ids[1..4], "order 1 has no row"));
    }
}
