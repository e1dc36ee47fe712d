//! Deployments that each break a rule: at least one for each rule.

use serde_json::json;

use super::healthy::{alarm, document, foreign, listed, ours};
use crate::{
    Alarm, Alarms, Allow, Comparison, Composite, Consumer, DeadSource, Deployment, Encryption, Function, MoveTask,
    Mute, Permission, ProcessorSettings, Queue, QueueAttributes, RedrivePolicy, Settings, TopicAttributes, TopicKey,
    Unread,
};

const DAY: u64 = 24 * 3_600;

/// Change to a healthy deployment, and the rule that must report it.
pub(super) struct Mutant {
    pub(super) rule: &'static str,
    pub(super) what: &'static str,
    start: fn() -> Deployment,
    change: fn(&mut Deployment),
}

impl Mutant {
    pub(super) fn deployment(&self) -> Deployment {
        let mut deployment = (self.start)();
        (self.change)(&mut deployment);
        deployment
    }
}

const fn of_ours(rule: &'static str, what: &'static str, change: fn(&mut Deployment)) -> Mutant {
    Mutant { rule, what, start: ours, change }
}

const fn of_list(rule: &'static str, what: &'static str, change: fn(&mut Deployment)) -> Mutant {
    Mutant { rule, what, start: listed, change }
}

const fn of_any(rule: &'static str, what: &'static str, change: fn(&mut Deployment)) -> Mutant {
    Mutant { rule, what, start: foreign, change }
}

fn source(d: &mut Deployment) -> &mut QueueAttributes {
    d.pairs[0].source.attributes.as_mut().unwrap()
}

fn dead_queue(d: &mut Deployment) -> &mut Queue {
    d.pairs[0].dead.as_mut().unwrap()
}

fn dead(d: &mut Deployment) -> &mut QueueAttributes {
    dead_queue(d).attributes.as_mut().unwrap()
}

fn consumer(d: &mut Deployment) -> &mut Consumer {
    &mut d.pairs[0].consumers.as_mut().unwrap()[0]
}

fn function(d: &mut Deployment) -> &mut Function {
    &mut consumer(d).function
}

fn settings(d: &mut Deployment) -> &mut Settings {
    function(d).settings.as_mut().unwrap()
}

fn processor(d: &mut Deployment) -> &mut ProcessorSettings {
    settings(d).processor.as_mut().unwrap().as_mut().unwrap()
}

fn alarms(d: &mut Deployment) -> &mut Alarms {
    d.alarms.as_mut().unwrap()
}

fn depth(d: &mut Deployment) -> &mut Alarm {
    &mut alarms(d).metric[0]
}

fn mute(d: &mut Deployment, place: usize, active: bool) {
    let (name, when) = ("nights".to_owned(), "cron(0 2 * * *)".to_owned());
    let muted = vec![alarms(d).metric[place].name.clone()];
    alarms(d).mutes.as_mut().unwrap().push(Mute { name, active, when, alarms: muted });
}

fn topic(d: &mut Deployment) -> &mut TopicAttributes {
    d.topics[0].attributes.as_mut().unwrap()
}

fn key_for(actions: serde_json::Value) -> TopicKey {
    let principal = json!({"Service": "cloudwatch.amazonaws.com"});
    let policy = document(json!({"Effect": "Allow", "Principal": principal, "Action": actions}));
    TopicKey::Customer { id: "1234abcd".to_owned(), policy: Ok(policy) }
}

pub(super) const MUTANTS: &[Mutant] = &[
    of_any("no-dead-letter-queue", "no redrive policy", |d| {
        source(d).redrive = None;
        d.pairs[0].dead = None;
    }),
    of_any("dead-letter-queue-missing", "the dead-letter queue was deleted", |d| {
        dead_queue(d).attributes = Err(Unread::Absent);
    }),
    of_any("fifo-mismatch", "a FIFO queue's dead go to a standard one", |d| {
        let arn = d.pairs[0].source.arn.clone() + ".fifo";
        alarms(d).metric[3].metrics[0].dimensions[0].1.push_str(".fifo");
        dead(d).allow = Allow::Queues(vec![arn.clone()]);
        d.pairs[0].source.arn = arn;
    }),
    of_any("dead-letter-retention-short", "the same retention on both", |d| dead(d).retention = 4 * DAY),
    of_any("dead-letter-queue-takes-less", "a quarter of the source's size", |d| dead(d).largest = Some(1 << 18)),
    of_any("redrive-allow-policy-open", "no allow policy", |d| dead(d).allow = Allow::All),
    of_any("redrive-allow-policy-refuses", "an allow policy for another queue", |d| {
        dead(d).allow = Allow::Queues(vec!["arn:aws:sqs:eu-central-1:123456789012:refunds".to_owned()]);
    }),
    of_ours("dead-letter-queue-shared", "another queue's dead come there, too", |d| {
        let arn = "arn:aws:sqs:eu-central-1:123456789012:refunds".to_owned();
        d.pairs[0].dead_sources.as_mut().unwrap().push(DeadSource { arn, custody: false });
    }),
    of_any("redrive-allow-policy-refuses", "an allow policy for nobody", |d| dead(d).allow = Allow::Nobody),
    of_any("receive-limit-below-five", "three receives", |d| source(d).redrive.as_mut().unwrap().receives = 3),
    of_any("dead-letter-queue-redrives", "dead letters are moved on", |d| {
        let target = "arn:aws:sqs:eu-central-1:123456789012:deader".to_owned();
        dead(d).redrive = Some(RedrivePolicy { target, receives: 3 });
    }),
    of_any("messages-will-expire", "the oldest message has half a day", |d| {
        d.pairs[0].source.oldest = Ok(Some(3 * DAY + DAY / 2));
    }),
    of_any("messages-will-expire", "an hour's retention, and ten minutes left", |d| {
        source(d).retention = 3_600;
        alarms(d).metric[3].comparison = Some(Comparison::Above(600.0));
        d.pairs[0].source.oldest = Ok(Some(3_000));
    }),
    of_ours("dead-letters-will-expire", "the oldest dead letter has half a day", |d| {
        dead(d).visible = 1;
        dead_queue(d).oldest = Ok(Some(13 * DAY + DAY / 2));
        d.pairs[0].custody = true;
        // That the indexer is stuck is told, too, by its own rule.
        d.installation = None;
    }),
    of_ours("dead-letters-may-expire", "ten days since the move, and up to four before", |d| {
        dead(d).visible = 1;
        dead_queue(d).oldest = Ok(Some(10 * DAY));
        d.installation = None;
    }),
    of_any("dead-letters-wait", "one dead letter", |d| dead(d).visible = 1),
    of_any("no-consumer", "no mapping", |d| d.pairs[0].consumers = Ok(Vec::new())),
    of_any("tls-not-required", "no policy", |d| source(d).policy = None),
    of_any("tls-not-required", "a policy of something else on the dead-letter queue", |d| {
        let allow =
            json!({"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::1:root"}, "Action": "sqs:SendMessage"});
        dead(d).policy = Some(Ok(document(allow)));
    }),
    of_any("not-encrypted", "neither key nor SQS's own encryption", |d| source(d).encryption = Encryption::None),
    of_any("in-flight-near-limit", "84,001 in flight", |d| source(d).in_flight = 84_001),
    of_ours("visibility-below-timeout", "back after ten seconds", |d| {
        source(d).visibility = 10;
        processor(d).visibility = 10;
    }),
    of_any("visibility-below-six-timeouts", "five timeouts", |d| source(d).visibility = 150),
    of_any("visibility-below-six-timeouts", "a batching window that was not counted", |d| consumer(d).window = 20),
    of_any("no-partial-responses", "whole batches", |d| consumer(d).partial_responses = false),
    of_ours("partial-responses-ignored", "our processor is not asked", |d| consumer(d).partial_responses = false),
    of_any("no-maximum-concurrency", "no limit", |d| consumer(d).maximum_concurrency = None),
    of_any("reserved-concurrency-low", "five reserved for ten", |d| function(d).reserved = Ok(Some(5))),
    of_any("mapping-disabled", "disabled", |d| consumer(d).state = "Disabled".to_owned()),
    of_any("mapping-failing", "a permission is missing", |d| {
        consumer(d).last_result = "PROBLEM: Lambda failed to assume your function execution role".to_owned();
    }),
    of_ours("receive-limit-below-attempts", "ten receives for six attempts", |d| {
        source(d).redrive.as_mut().unwrap().receives = 10;
        processor(d).receives = 10;
    }),
    of_ours("lease-not-below-visibility", "a handler that may work for as long", |d| {
        processor(d).handler_timeout = 175
    }),
    of_ours("settings-drifted", "the queue was changed by hand", |d| source(d).visibility = 200),
    of_ours("settings-drifted", "the receive limit was changed by hand", |d| {
        source(d).redrive.as_mut().unwrap().receives = 20;
    }),
    of_ours("settings-drifted", "the function's timeout was changed by hand", |d| settings(d).timeout = 25),
    of_ours("handler-not-below-timeout", "a handler with all of its function's time", |d| {
        processor(d).handler_timeout = 30;
    }),
    of_ours("ledger-forgets", "16 days for 4 and 14", |d| processor(d).ledger_days = 16),
    of_any("no-error-alarm", "no alarm on errors", |d| drop(alarms(d).metric.remove(1))),
    of_any("function-not-active", "failed", |d| settings(d).state = "Failed".to_owned()),
    of_any("function-not-active", "an update failed", |d| settings(d).last_update = "Failed".to_owned()),
    of_any("function-stopped", "switched off", |d| function(d).reserved = Ok(Some(0))),
    of_any("function-errors", "one error", |d| function(d).errors = Ok(1)),
    of_ours("function-errors", "an error of the replay", |d| d.installation.as_mut().unwrap().replay.errors = Ok(2)),
    of_any("function-throttled", "one throttle", |d| function(d).throttles = Ok(1)),
    of_any("permission-missing", "it may not delete", |d| {
        let resource = d.pairs[0].source.arn.clone();
        let denied = Permission { action: "sqs:DeleteMessage".to_owned(), resource, allowed: Ok(false) };
        function(d).permissions.as_mut().unwrap().push(denied);
    }),
    of_any("no-age-alarm", "nobody looks at the source", |d| drop(alarms(d).metric.remove(3))),
    of_list("no-age-alarm", "ages that nobody reads", |d| d.pairs[0].source.aged_by = None),
    of_list("no-age-alarm", "another function's gauge", |d| d.pairs[0].source.aged_by = Some("other".to_owned())),
    of_list("age-alarm-late", "an alarm on the highest age, after three of four days", |d| {
        alarms(d).metric[3].comparison = Some(Comparison::Above(259_200.0));
    }),
    of_any("age-alarm-late", "an alarm after three of four days", |d| {
        alarms(d).metric[3].comparison = Some(Comparison::Above(259_200.0));
    }),
    of_any("age-alarm-late", "an alarm that rings while all is well", |d| {
        alarms(d).metric[3].comparison = Some(Comparison::Other);
    }),
    of_any("no-depth-alarm", "no alarm", |d| drop(alarms(d).metric.remove(0))),
    of_any("depth-alarm-wrong-metric", "sends are counted", |d| {
        *depth(d) = alarm("AWS/SQS", "NumberOfMessagesSent", "QueueName", "orders-dead");
    }),
    of_any("depth-alarm-wrong-dimension", "the ARN for the name", |d| {
        depth(d).metrics[0].dimensions[0].1 = "arn:aws:sqs:eu-central-1:123456789012:orders-dead".to_owned();
    }),
    of_any("depth-alarm-wrong-dimension", "the dimension's name in another case", |d| {
        depth(d).metrics[0].dimensions[0].0 = "queueName".to_owned();
    }),
    of_any("depth-alarm-wrong-dimension", "one dimension too many", |d| {
        depth(d).metrics[0].dimensions.push(("Region".to_owned(), "eu-central-1".to_owned()));
    }),
    of_any("depth-alarm-threshold", "a hundred", |d| depth(d).comparison = Some(Comparison::AtLeast(100.0))),
    of_any("depth-alarm-threshold", "below it", |d| depth(d).comparison = Some(Comparison::Other)),
    of_any("depth-alarm-missing-data", "CloudWatch's default", |d| depth(d).missing_data = "missing".to_owned()),
    of_any("alarm-muted", "actions disabled", |d| depth(d).actions_enabled = false),
    of_any("alarm-mute-rule", "a rule mutes it now", |d| mute(d, 0, true)),
    of_any("alarm-mute-scheduled", "a rule mutes it every night", |d| mute(d, 0, false)),
    of_any("alarm-mute-rule", "a rule mutes the composite alarm that tells of it", |d| {
        depth(d).actions.clear();
        let rule = format!("ALARM(\"{}\")", depth(d).name);
        let arn = "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:page".to_owned();
        let actions = vec![super::healthy::TOPIC.to_owned()];
        alarms(d).composite.push(Composite { arn, rule, actions_enabled: true, actions });
        let when = "cron(0 2 * * *)".to_owned();
        let mute = Mute { name: "nights".to_owned(), active: true, when, alarms: vec!["page".to_owned()] };
        alarms(d).mutes.as_mut().unwrap().push(mute);
    }),
    of_any("alarm-not-evaluated", "a part of its data", |d| depth(d).evaluation = Some("PARTIAL_DATA".to_owned())),
    of_any("alarm-not-evaluated", "an error", |d| depth(d).evaluation = Some("EVALUATION_ERROR".to_owned())),
    of_any("alarm-warming-up", "a new alarm", |d| depth(d).warming_up = true),
    of_any("account-concurrency-low", "ten for the whole account", |d| consumer(d).account_concurrency = Ok(10)),
    of_any("account-concurrency-low", "a hundred for twenty pollers", |d| {
        consumer(d).maximum_concurrency = None;
        consumer(d).pollers = Some(20);
        consumer(d).account_concurrency = Ok(100);
    }),
    of_any("reserved-concurrency-low", "fifty reserved for ten pollers", |d| {
        consumer(d).maximum_concurrency = None;
        consumer(d).pollers = Some(10);
        function(d).reserved = Ok(Some(50));
    }),
    of_any("invocations-dropped", "a loop", |d| function(d).dropped = Ok(3)),
    of_ours("move-task-in-custody", "somebody redrives natively", |d| {
        let handle = "eyJ0YXNr".to_owned();
        d.pairs[0].moves = Ok(vec![MoveTask { to: None, moved: 12, handle }]);
    }),
    of_ours("doorbell-refused", "a policy for another topic", |d| {
        let allow = json!({
            "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "lambda:InvokeFunction",
            "Condition": {"ArnLike": {"AWS:SourceArn": "arn:aws:sns:eu-central-1:123456789012:others"}},
        });
        d.installation.as_mut().unwrap().doorbell.as_mut().unwrap().policy = Ok(document(allow));
    }),
    of_ours("doorbell-refused", "no policy at all", |d| {
        d.installation.as_mut().unwrap().doorbell.as_mut().unwrap().policy = Err(Unread::Absent);
    }),
    of_any("alarm-without-action", "no action", |d| depth(d).actions.clear()),
    of_any("alarm-without-action", "only a muted composite alarm looks at it", |d| {
        depth(d).actions.clear();
        let rule = format!("ALARM(\"{}\")", depth(d).name);
        let actions = vec![super::healthy::TOPIC.to_owned()];
        alarms(d).composite.push(Composite { arn: "page".to_owned(), rule, actions_enabled: false, actions });
    }),
    of_any("alarm-topic-missing", "the topic was deleted", |d| d.topics[0].attributes = Err(Unread::Absent)),
    of_any("topic-key-refuses-alarms", "AWS manages the key", |d| topic(d).key = TopicKey::Managed),
    of_any("topic-key-refuses-alarms", "it may only decrypt", |d| topic(d).key = key_for(json!("kms:Decrypt"))),
    of_any("topic-refuses-alarms", "a policy for the account alone", |d| {
        let account = json!({"AWS": "arn:aws:iam::123456789012:root"});
        let policy = document(json!({"Effect": "Allow", "Principal": account, "Action": "sns:Publish"}));
        topic(d).policy = Ok(policy);
    }),
    of_any("topic-without-subscribers", "nobody", |d| topic(d).subscriptions = 0),
    of_ours("dead-letter-visibility-short", "less than one look takes", |d| dead(d).visibility = 24),
    of_ours("indexer-stuck", "an hour", |d| {
        dead(d).visible = 1;
        dead_queue(d).oldest = Ok(Some(3_600));
    }),
    of_ours("two-dead-letter-consumers", "an old consumer", |d| d.pairs[0].dead_consumers = Ok(vec!["old".to_owned()])),
    of_ours("no-failure-destination", "the replay has none", |d| {
        d.installation.as_mut().unwrap().replay.failure_destination = Ok(None);
    }),
    of_ours("failed-invocations", "one waits", |d| {
        d.installation.as_mut().unwrap().failed_invocations.as_mut().unwrap().1 = Ok(1);
    }),
];
