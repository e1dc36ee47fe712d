//! Deployments with nothing wrong.

use serde_json::json;

use crate::{
    Alarm, Alarms, Allow, Comparison, Consumer, DeadSource, Deployment, Doorbell, Encryption, ExaminedPair, Function,
    Installation, Metric, Permission, PolicyDocument, ProcessorSettings, Queue, QueueAttributes, RedrivePolicy,
    Settings, Topic, TopicAttributes, TopicKey,
};

const DAY: u64 = 24 * 3_600;
const BELL: &str = "arn:aws:sns:eu-central-1:123456789012:bell";
pub(super) const TOPIC: &str = "arn:aws:sns:eu-central-1:123456789012:alerts";

pub(super) fn document(statement: serde_json::Value) -> PolicyDocument {
    PolicyDocument::parse(&json!({"Version": "2012-10-17", "Statement": [statement]}).to_string()).unwrap()
}

fn arn(name: &str) -> String {
    format!("arn:aws:sqs:eu-central-1:123456789012:{name}")
}

fn queue(name: &str, visibility: u64, retention: u64) -> Queue {
    let deny = json!({
        "Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    });
    Queue {
        arn: arn(name),
        url: format!("https://sqs.eu-central-1.amazonaws.com/123456789012/{name}"),
        attributes: Ok(QueueAttributes {
            visibility,
            retention,
            largest: Some(1 << 20),
            redrive: None,
            allow: Allow::All,
            encryption: Encryption::Sqs,
            policy: Some(Ok(document(deny))),
            visible: 0,
            in_flight: 0,
        }),
        oldest: Ok(None),
        aged_by: None,
    }
}

pub(super) fn function(name: &str, timeout: u64) -> Function {
    let allowed = |action: &str| Permission { action: action.to_owned(), resource: arn("orders"), allowed: Ok(true) };
    Function {
        name: name.to_owned(),
        settings: Ok(Settings {
            timeout,
            state: "Active".to_owned(),
            last_update: "Successful".to_owned(),
            role: format!("arn:aws:iam::123456789012:role/{name}"),
            processor: Ok(None),
        }),
        reserved: Ok(None),
        errors: Ok(0),
        throttles: Ok(0),
        dropped: Ok(0),
        failure_destination: Ok(Some(arn("failed"))),
        permissions: Ok(vec![allowed("sqs:ReceiveMessage")]),
    }
}

pub(super) fn alarm(namespace: &str, metric: &str, dimension: &str, value: &str) -> Alarm {
    let dimensions = vec![(dimension.to_owned(), value.to_owned())];
    Alarm {
        name: format!("{value}-{metric}"),
        arn: format!("arn:aws:cloudwatch:eu-central-1:123456789012:alarm:{value}-{metric}"),
        metrics: vec![Metric { namespace: namespace.to_owned(), name: metric.to_owned(), dimensions }],
        comparison: Some(Comparison::Above(0.0)),
        missing_data: "notBreaching".to_owned(),
        evaluation: None,
        warming_up: false,
        actions_enabled: true,
        actions: vec![TOPIC.to_owned()],
    }
}

fn alarms(source: &str, dead: &str) -> Alarms {
    let metric = vec![
        alarm("AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", dead),
        alarm("AWS/Lambda", "Errors", "FunctionName", "consumer"),
        // Of somebody else: muted, on the wrong metric, and none of our business.
        Alarm { actions_enabled: false, ..alarm("AWS/SQS", "NumberOfMessagesSent", "QueueName", "others-dead") },
        Alarm {
            comparison: Some(Comparison::Above(3_600.0)),
            ..alarm("AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", source)
        },
    ];
    Alarms { metric, ..Alarms::default() }
}

fn topic() -> Topic {
    let cloudwatch = |actions: serde_json::Value| {
        let principal = json!({"Service": "cloudwatch.amazonaws.com"});
        document(json!({"Effect": "Allow", "Principal": principal, "Action": actions, "Resource": "*"}))
    };
    Topic {
        arn: TOPIC.to_owned(),
        alarms: vec!["arn:aws:cloudwatch:eu-central-1:123456789012:alarm:orders-dead-depth".to_owned()],
        attributes: Ok(TopicAttributes {
            policy: Ok(cloudwatch(json!("sns:Publish"))),
            key: TopicKey::Customer {
                id: "1234abcd".to_owned(),
                policy: Ok(cloudwatch(json!(["kms:Decrypt", "kms:GenerateDataKey*"]))),
            },
            subscriptions: 1,
        }),
    }
}

/// A queue pair of somebody else's, with a function in any language behind it.
pub(crate) fn foreign() -> Deployment {
    pair_of("orders", "orders-dead")
}

fn pair_of(source_name: &str, dead_name: &str) -> Deployment {
    let mut source = queue(source_name, 180, 4 * DAY);
    source.attributes.as_mut().unwrap().redrive = Some(RedrivePolicy { target: arn(dead_name), receives: 11 });
    let mut dead = queue(dead_name, 60, 14 * DAY);
    dead.attributes.as_mut().unwrap().allow = Allow::Queues(vec![source.arn.clone()]);
    let consumer = Consumer {
        mapping: "7e3a5b0c-0000-4000-8000-000000000001".to_owned(),
        state: "Enabled".to_owned(),
        last_result: "OK".to_owned(),
        batch_size: 10,
        window: 0,
        partial_responses: true,
        maximum_concurrency: Some(10),
        pollers: None,
        account_concurrency: Ok(1_000),
        function: function("consumer", 30),
    };
    let dead_source = DeadSource { arn: source.arn.clone(), custody: false };
    let pair = ExaminedPair {
        dead_sources: Ok(vec![dead_source]),
        source,
        dead: Some(dead),
        consumers: Ok(vec![consumer]),
        moves: Ok(Vec::new()),
        dead_consumers: Ok(Vec::new()),
        custody: false,
    };
    Deployment {
        pairs: vec![pair],
        alarms: Ok(alarms(source_name, dead_name)),
        topics: vec![topic()],
        installation: None,
    }
}

/// Ours, as the template deploys it.
pub(crate) fn ours() -> Deployment {
    let mut deployment = foreign();
    let pair = &mut deployment.pairs[0];
    pair.custody = true;
    pair.dead_sources.as_mut().unwrap()[0].custody = true;
    let consumer = &mut pair.consumers.as_mut().unwrap()[0];
    let processor = ProcessorSettings {
        attempts: 6,
        handler_timeout: 20,
        function_timeout: Some(30),
        visibility: 180,
        receives: 11,
        ledger_days: 30,
        direct: false,
    };
    consumer.function.settings.as_mut().unwrap().processor = Ok(Some(processor));
    deployment.installation = Some(Installation {
        indexer: function("indexer", 60),
        replay: function("replay", 60),
        doorbell: Some(Doorbell {
            topic: BELL.to_owned(),
            policy: Ok(document(json!({
                "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "lambda:InvokeFunction",
                "Condition": {"ArnLike": {"AWS:SourceArn": BELL}},
            }))),
        }),
        failed_invocations: Some(("failed".to_owned(), Ok(0))),
    });
    deployment
}

/// Ours for a list of queues: one alarm is for the ages of all of them.
pub(super) fn listed() -> Deployment {
    let mut deployment = ours();
    deployment.pairs[0].source.aged_by = Some("replay".to_owned());
    let highest = alarm("Redrive", "MainQueueOldestAge", "Function", "replay");
    deployment.alarms.as_mut().unwrap().metric[3] = Alarm { comparison: Some(Comparison::Above(3_600.0)), ..highest };
    deployment
}

/// The same with FIFO queues, where the receive limit is the highest.
pub(super) fn fifo() -> Deployment {
    let (mut deployment, pair) = (ours(), pair_of("orders.fifo", "orders-dead.fifo"));
    let ours = &mut deployment.pairs[0];
    (ours.source, ours.dead) = (pair.pairs[0].source.clone(), pair.pairs[0].dead.clone());
    ours.source.attributes.as_mut().unwrap().redrive.as_mut().unwrap().receives = 1_000;
    let settings = ours.consumers.as_mut().unwrap()[0].function.settings.as_mut().unwrap();
    settings.processor.as_mut().unwrap().as_mut().unwrap().receives = 1_000;
    deployment.alarms = pair.alarms;
    deployment
}
