//! Policies by which a deployed replay function sends letters, as its variables have them.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use redrive_core::ids::QueueArn;
use redrive_core::letters::policy::Policy;
use redrive_core::settings::{
    LEDGER_TABLE_NAME, QUEUE_PAIRS, QUEUE_PAIRS_FILE, REPLAY_COOL_DOWN_SECONDS, REPLAY_MAX_DEATHS, REPLAY_POLICY,
};
use serde_json::Value;

/// Policies of the queues that a stack serves, as far as they can be read.
#[derive(Debug, Clone, Default)]
pub struct Policies {
    /// Policy of the only pair.
    only: Option<Policy>,
    /// Policies of several pairs, by their queues.
    by_queue: BTreeMap<String, Policy>,
}

impl Policies {
    /// Makes the policies of a stack with one queue pair.
    #[must_use]
    pub const fn only(policy: Policy) -> Self {
        Self { only: Some(policy), by_queue: BTreeMap::new() }
    }

    /// Reads the variables of the replay function. What is not understood, or stands in a file of its package, is not known.
    #[must_use]
    pub fn of_environment(variables: &HashMap<String, String>) -> Self {
        let text = |name: &str| variables.get(name).map(String::as_str).filter(|text| !text.is_empty());
        if let Some(pairs) = text(QUEUE_PAIRS.name) {
            return Self { only: None, by_queue: of_pairs(pairs).unwrap_or_default() };
        }
        if text(QUEUE_PAIRS_FILE.name).is_some() {
            return Self::default();
        }
        let number = |name: &str| text(name).and_then(|text| text.parse().ok());
        let (cool_down, max_deaths) = (number(REPLAY_COOL_DOWN_SECONDS.name), number(REPLAY_MAX_DEATHS.name));
        let keeps_ledger = text(LEDGER_TABLE_NAME.name).is_some();
        Self { only: policy(cool_down, max_deaths, text(REPLAY_POLICY.name), keeps_ledger), by_queue: BTreeMap::new() }
    }

    /// Returns the policy for letters of a queue, if it is known.
    #[must_use]
    pub fn of(&self, source: &QueueArn) -> Option<&Policy> {
        self.by_queue.get(source.as_str()).or(self.only.as_ref())
    }
}

fn of_pairs(text: &str) -> Option<BTreeMap<String, Policy>> {
    let all: Value = serde_json::from_str(text).ok()?;
    let mut found = BTreeMap::new();
    for pair in all.get("pairs")?.as_array()? {
        let number = |name: &str| pair.pointer(name).and_then(Value::as_u64);
        let rules = pair.pointer("/policy/rules").map(Value::to_string);
        let keeps_ledger = pair.get("scope").is_some_and(|scope| !scope.is_null());
        let read =
            policy(number("/policy/cool_down_seconds"), number("/policy/max_deaths"), rules.as_deref(), keeps_ledger);
        if let (Some(source), Some(policy)) = (pair.get("source_arn").and_then(Value::as_str), read) {
            found.insert(source.to_owned(), policy);
        }
    }
    Some(found)
}

/// The parts of a policy that say who sends a letter, and when. Its retentions say nothing of that.
fn policy(cool_down: Option<u64>, max_deaths: Option<u64>, rules: Option<&str>, keeps_ledger: bool) -> Option<Policy> {
    let policy = Policy {
        rules: Vec::new(),
        cool_down: Duration::from_secs(cool_down.or(REPLAY_COOL_DOWN_SECONDS.default)?),
        max_deaths: u32::try_from(max_deaths.or(REPLAY_MAX_DEATHS.default)?).ok()?,
        resolved_retention: Duration::ZERO,
        body_retention: Duration::ZERO,
        outcome_after: Duration::ZERO,
    };
    let policy = match rules {
        Some(rules) => policy.with_rules(rules).ok()?,
        None => policy,
    };
    Some(if keeps_ledger { policy } else { policy.asking() })
}

#[cfg(test)]
mod tests {
    use redrive_core::letters::policy::Verdict;

    use super::*;
    use crate::samples;

    fn variables(all: &[(&str, &str)]) -> HashMap<String, String> {
        all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_stack_with_one_pair_says_its_policy_in_variables() {
        let letter = samples::letters().swap_remove(0);
        let told = [
            ("REPLAY_MAX_DEATHS", "2"),
            ("LEDGER_TABLE_NAME", "ledger"),
            ("REPLAY_POLICY", r#"[{"match": {"error_type": "PERMANENT"}, "replay": "auto"}]"#),
        ];
        let policies = Policies::of_environment(&variables(&told));
        let verdict = policies.of(&letter.source).unwrap().verdict(&letter.reason);
        assert_eq!(verdict, Verdict::Auto { cool_down: Duration::from_secs(300), max_deaths: 2 });
        let none = Policies::of_environment(&variables(&told[..1]));
        let verdict = none.of(&letter.source).unwrap().verdict(&letter.reason);
        assert_eq!(verdict, Verdict::Ask, "without a ledger only a person replays");
        let wrong = [told[1], ("REPLAY_POLICY", "nonsense")];
        assert!(Policies::of_environment(&variables(&wrong)).of(&letter.source).is_none());
    }

    #[test]
    fn each_of_several_pairs_has_its_own_and_what_stands_in_a_file_is_not_known() {
        let letter = samples::letters().swap_remove(0);
        let pairs = format!(
            r#"{{"pairs": [{{"source_arn": "{}", "scope": "main", "policy": {{"max_deaths": 7}}}}]}}"#,
            letter.source
        );
        let policies = Policies::of_environment(&variables(&[("QUEUE_PAIRS", &pairs)]));
        assert_eq!(policies.of(&letter.source).unwrap().max_deaths, 7);
        assert!(policies.of(&QueueArn::new(samples::REFUNDS).unwrap()).is_none());
        let file = Policies::of_environment(&variables(&[("QUEUE_PAIRS_FILE", "/opt/pairs.json")]));
        assert!(file.of(&letter.source).is_none());
    }
}
