//! Tests of every rule both ways: a healthy deployment is told nothing, and what breaks one rule is told by that rule
//! alone.

mod healthy;
mod mutants;

use std::collections::BTreeSet;

use super::deployment::{Deployment, Fact, Function, Queue, Unread};
use super::{Diagnosis, RULES, Rule};
pub(super) use healthy::{foreign, ours};
use mutants::MUTANTS;

fn diagnosis(deployment: &Deployment) -> Diagnosis {
    Diagnosis::of(deployment, &RULES)
}

fn broken(diagnosis: &Diagnosis) -> BTreeSet<&'static str> {
    diagnosis.findings.iter().map(|finding| finding.rule.id).collect()
}

#[test]
fn a_healthy_deployment_is_told_nothing() {
    for (name, deployment) in
        [("ours", ours()), ("foreign", foreign()), ("fifo", healthy::fifo()), ("listed", healthy::listed())]
    {
        let told = diagnosis(&deployment);
        assert!(told.findings.is_empty(), "{name}: {:?}", told.findings);
        assert!(told.not_checked.is_empty(), "{name}: {:?}", told.not_checked);
    }
}

#[test]
fn what_breaks_a_rule_is_told_by_that_rule_alone_and_with_its_mend() {
    for mutant in MUTANTS {
        let told = diagnosis(&mutant.deployment());
        assert_eq!(broken(&told), BTreeSet::from([mutant.rule]), "{}: {:?}", mutant.what, told.findings);
        for finding in &told.findings {
            assert!(!finding.what.is_empty() && !finding.subject.is_empty(), "{finding:?}");
            assert!(!finding.mend.template.is_empty(), "{finding:?}");
        }
    }
}

#[test]
fn every_rule_has_a_mutant_a_name_of_its_own_a_reason_a_source_and_a_mend() {
    let tried: BTreeSet<_> = MUTANTS.iter().map(|mutant| mutant.rule).collect();
    let names: BTreeSet<_> = RULES.iter().map(|rule| rule.id).collect();
    assert_eq!(tried, names);
    assert_eq!(names.len(), RULES.len(), "two rules have one name");
    for rule in RULES {
        assert!(rule.id.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{}", rule.id);
        assert!(rule.reason.ends_with('.') && rule.mend.ends_with('.') && !rule.says.ends_with('.'), "{}", rule.id);
        let known = ["https://docs.aws.amazon.com/", "Redrive, "];
        assert!(known.iter().any(|start| rule.source.starts_with(start)), "{}: {}", rule.id, rule.source);
        let link = rule.source.starts_with("https://");
        assert!(!link || !rule.source.contains(' '), "{}", rule.source);
        assert!(![rule.says, rule.reason, rule.mend].iter().any(|text| text.contains("- ")), "{}", rule.id);
        assert!(Rule::named(rule.id).is_some_and(|named| std::ptr::eq(named, rule)));
    }
    assert!(Rule::named("no-such-rule").is_none());
}

#[test]
fn what_cannot_be_read_is_not_checked_and_never_healthy() {
    for (name, deployment) in
        [("ours", ours()), ("foreign", foreign()), ("fifo", healthy::fifo()), ("listed", healthy::listed())]
    {
        let (sighted, blind) = (deployment.clone(), blinded(deployment));
        let told = diagnosis(&blind);
        assert!(told.findings.is_empty(), "{name}: {:?}", told.findings);
        let not_checked: BTreeSet<_> = told.not_checked.iter().map(|one| one.rule.id).collect();
        // Whether there are topics, mappings and installations is known; a rule of nothing that is there says nothing.
        let needs_nothing = |rule: &&Rule| {
            let of_ours = [
                "dead-letter-queue-shared",
                "dead-letter-visibility-short",
                "indexer-stuck",
                "two-dead-letter-consumers",
                "move-task-in-custody",
                "doorbell-refused",
                "no-failure-destination",
                "failed-invocations",
            ];
            sighted.installation.is_none() && of_ours.contains(&rule.id)
        };
        for rule in RULES.iter().copied().filter(|rule| !needs_nothing(rule)) {
            assert!(not_checked.contains(rule.id), "{name}: {} was taken for healthy", rule.id);
        }
    }
}

#[test]
fn whatever_single_fact_is_denied_the_rest_is_still_judged() {
    for mutant in MUTANTS {
        let mut deployment = mutant.deployment();
        deployment.pairs[0].source.oldest = denied();
        deployment.pairs[0].dead_consumers = denied();
        let told = diagnosis(&deployment);
        let hidden = ["messages-will-expire", "two-dead-letter-consumers"].contains(&mutant.rule);
        assert_eq!(broken(&told).contains(mutant.rule), !hidden, "{}", mutant.what);
        assert!(told.not_checked.iter().any(|one| one.rule.id == "messages-will-expire"), "{}", mutant.what);
    }
}

#[test]
fn only_the_rules_that_were_asked_for_are_checked_and_the_worst_comes_first() {
    let mut deployment = ours();
    let attributes = deployment.pairs[0].source.attributes.as_mut().unwrap();
    attributes.policy = None;
    attributes.encryption = super::Encryption::None;
    let told = diagnosis(&deployment);
    let order: Vec<_> = told.findings.iter().map(|finding| finding.rule.id).collect();
    assert_eq!(order, ["not-encrypted", "tls-not-required"]);
    let told = Diagnosis::of(&deployment, &[Rule::named("tls-not-required").unwrap()]);
    assert_eq!(broken(&told), BTreeSet::from(["tls-not-required"]));
}

#[test]
fn a_dead_letter_queue_of_two_sources_is_told_of_once() {
    let mut deployment = ours();
    let mut second = deployment.pairs[0].clone();
    second.source.arn = second.source.arn.replace("orders", "refunds");
    let dead = deployment.pairs[0].dead.as_mut().unwrap();
    dead.attributes.as_mut().unwrap().encryption = super::Encryption::None;
    second.dead = deployment.pairs[0].dead.clone();
    deployment.pairs.push(second);
    let told = Diagnosis::of(&deployment, &[Rule::named("not-encrypted").unwrap()]);
    assert_eq!(told.findings.len(), 1, "{:?}", told.findings);
}

#[test]
fn an_alarm_is_heard_through_a_composite_one_whichever_way_that_names_it() {
    for (rule, heard) in [
        ("ALARM(\"orders-dead-ApproximateNumberOfMessagesVisible\") OR ALARM(other)", true),
        ("ALARM('orders-dead-ApproximateNumberOfMessagesVisible')", true),
        ("ALARM(orders-dead-ApproximateNumberOfMessagesVisible)", true),
        ("ALARM(\"arn:aws:cloudwatch:r:1:alarm:orders-dead-ApproximateNumberOfMessagesVisible\")", true),
        ("ALARM(\"re-orders-dead-ApproximateNumberOfMessagesVisible\")", false),
    ] {
        let mut deployment = foreign();
        let page = "arn:aws:sns:eu-central-1:123456789012:page".to_owned();
        let alarms = deployment.alarms.as_mut().unwrap();
        alarms.metric[0].actions.clear();
        let arn = "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:incident".to_owned();
        let composite = super::Composite {
            arn: arn.clone(),
            rule: rule.to_owned(),
            actions_enabled: true,
            actions: vec![page.clone()],
        };
        alarms.composite.push(composite);
        assert_eq!(diagnosis(&deployment).findings.is_empty(), heard, "{rule}");
        let topics = deployment.topics_of_alarms();
        assert_eq!(topics.get(&page), heard.then(|| BTreeSet::from([arn])).as_ref(), "{rule}");
        assert_eq!(topics[healthy::TOPIC].len(), 2, "those of the alarms on errors and on age");
    }
}

fn denied<T>() -> Fact<T> {
    Err(Unread::Because("AccessDenied".to_owned()))
}

fn blind_queue(queue: &mut Queue) {
    queue.attributes = denied();
    queue.oldest = denied();
}

fn blind_function(function: &mut Function) {
    function.settings = denied();
    function.reserved = denied();
    function.errors = denied();
    function.throttles = denied();
    function.dropped = denied();
    function.failure_destination = denied();
    function.permissions = denied();
}

/// The same, with nothing of it read.
fn blinded(mut deployment: Deployment) -> Deployment {
    for pair in &mut deployment.pairs {
        blind_queue(&mut pair.source);
        // Its name is not known either.
        pair.dead = if deployment.installation.is_some() { pair.dead.take() } else { None };
        pair.dead.iter_mut().for_each(blind_queue);
        pair.consumers = denied();
        pair.dead_consumers = denied();
        pair.dead_sources = denied();
        pair.moves = denied();
    }
    deployment.alarms = denied();
    deployment.topics.clear();
    if let Some(ours) = &mut deployment.installation {
        blind_function(&mut ours.indexer);
        blind_function(&mut ours.replay);
        ours.doorbell.iter_mut().for_each(|bell| bell.policy = denied());
        ours.failed_invocations.iter_mut().for_each(|(_, waiting)| *waiting = denied());
    }
    deployment
}
