//! Alarms, and the topics that they publish to.

use std::collections::{BTreeMap, BTreeSet};

use super::depth::is_depth;
use super::judging::{Judgement, look, wrong};
use crate::Mend;
use crate::deployment::{
    Alarm, Alarms, Comparison, Composite, Fact, Metric, Mute, Queue, Topic, TopicKey, Unread, name_of,
};
use crate::document::{May, PolicyDocument};

/// Counts of calls: what SQS itself moves is in none of them.
const CALLS: [&str; 4] =
    ["NumberOfMessagesSent", "NumberOfMessagesReceived", "NumberOfMessagesDeleted", "NumberOfEmptyReceives"];

fn counts_calls(alarm: &Alarm, queue: &Queue) -> bool {
    let is_call =
        |metric: &Metric| CALLS.contains(&metric.name.as_str()) && metric.is_of("AWS/SQS", "QueueName", queue.name());
    !is_depth(alarm, queue) && alarm.metrics.iter().any(is_call)
}

/// Returns true if an alarm means this queue, but names it so that CloudWatch finds nothing: by ARN or URL, under
/// another dimension, in another case, or with a dimension too many.
fn misnames(alarm: &Alarm, queue: &Queue) -> bool {
    let names = |value: &str| {
        let last = value.rsplit([':', '/']).next().unwrap_or(value);
        last.eq_ignore_ascii_case(queue.name())
    };
    alarm.metrics.iter().any(|metric| {
        metric.namespace == "AWS/SQS"
            && !metric.is_of("AWS/SQS", "QueueName", queue.name())
            && metric.dimensions.iter().any(|(_, value)| names(value))
    })
}

fn depth_alarm() -> &'static str {
    "AWS::CloudWatch::Alarm: Namespace: AWS/SQS, MetricName: ApproximateNumberOfMessagesVisible, \
     Dimensions: [{Name: QueueName, Value: !GetAtt ....QueueName}], Statistic: Maximum, Threshold: 0, \
     ComparisonOperator: GreaterThanThreshold, TreatMissingData: notBreaching"
}

pub(super) fn missing(dead: &Queue, alarms: &Alarms) -> Judgement {
    // What is there and wrong has rules of its own.
    let any = |alarm: &Alarm| is_depth(alarm, dead) || counts_calls(alarm, dead) || misnames(alarm, dead);
    wrong(
        !alarms.metric.iter().any(any),
        || "no alarm rings when messages wait in it".to_owned(),
        || Mend::words(depth_alarm()),
    )
}

pub(super) fn wrong_metric(dead: &Queue, alarms: &Alarms) -> Judgement {
    if alarms.metric.iter().any(|alarm| is_depth(alarm, dead)) {
        return Ok(None);
    }
    let Some(alarm) = alarms.metric.iter().find(|alarm| counts_calls(alarm, dead)) else { return Ok(None) };
    let metric = alarm.metrics.first().map_or("", |metric| metric.name.as_str());
    wrong(
        true,
        || format!("its only alarm, {}, looks at {metric}: what SQS moves there is not in it", alarm.name),
        || Mend::words(depth_alarm()),
    )
}

pub(super) fn wrong_dimension(dead: &Queue, alarms: &Alarms) -> Judgement {
    let Some(alarm) = alarms.metric.iter().find(|alarm| misnames(alarm, dead)) else { return Ok(None) };
    let dimensions = alarm.metrics.first().map(|metric| metric.dimensions.as_slice()).unwrap_or_default();
    let shown: Vec<_> = dimensions.iter().map(|(name, value)| format!("{name}={value}")).collect();
    wrong(
        true,
        || format!("the alarm {} looks at {}, which has no data", alarm.name, shown.join(", ")),
        || Mend::words(format!("Dimensions: [{{Name: QueueName, Value: {}}}], and no other", dead.name())),
    )
}

fn names(composite: &Composite, alarm: &Alarm) -> bool {
    let forms = ['"', '\'', ')'].map(|end| format!("{}{end}", alarm.name));
    // By name, in either kind of quotes or none, or by ARN.
    let is_start = |at: usize| composite.rule[..at].ends_with(['"', '\'', '(', ':']);
    forms.iter().any(|form| composite.rule.match_indices(form.as_str()).any(|(at, _)| is_start(at)))
}

/// Returns true if a composite alarm with actions reads this alarm.
fn is_heard(alarm: &Alarm, alarms: &Alarms) -> bool {
    let acts = |composite: &&Composite| composite.actions_enabled && !composite.actions.is_empty();
    alarms.composite.iter().filter(acts).any(|composite| names(composite, alarm))
}

/// Returns the topics that these alarms, and composite alarms on them, publish to. Each has the ARNs of its publishers.
pub(crate) fn topics(concerned: &[&Alarm], alarms: &Alarms) -> BTreeMap<String, BTreeSet<String>> {
    let composite = alarms.composite.iter().filter(|composite| concerned.iter().any(|alarm| names(composite, alarm)));
    let composite = composite.map(|composite| (&composite.arn, &composite.actions));
    let mut topics: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (arn, actions) in concerned.iter().map(|alarm| (&alarm.arn, &alarm.actions)).chain(composite) {
        for topic in actions.iter().filter(|action| action.split(':').nth(2) == Some("sns")) {
            topics.entry(topic.clone()).or_default().insert(arn.clone());
        }
    }
    topics
}

pub(super) fn muted(alarm: &Alarm, alarms: &Alarms) -> Judgement {
    wrong(
        !alarm.actions_enabled && !is_heard(alarm, alarms),
        || "its actions are disabled".to_owned(),
        || {
            Mend::command(
                &["aws", "cloudwatch", "enable-alarm-actions", "--alarm-names", &alarm.name],
                "ActionsEnabled: true",
            )
        },
    )
}

/// The mute rules of everything that is done when this alarm rings: of itself, and of those on it.
fn mutes<'a>(alarm: &Alarm, alarms: &'a Alarms) -> Fact<Vec<&'a Mute>> {
    let mutes = look(&alarms.mutes)?;
    let acting = alarms.composite.iter().filter(|one| one.actions_enabled && !one.actions.is_empty());
    let mut acting: Vec<_> = acting.filter(|one| names(one, alarm)).map(|one| name_of(&one.arn).to_owned()).collect();
    if alarm.actions_enabled && !alarm.actions.is_empty() {
        acting.push(alarm.name.clone());
    }
    Ok(mutes.iter().filter(|mute| mute.alarms.iter().any(|name| acting.contains(name))).collect())
}

fn described(rules: &[&Mute]) -> String {
    let each: Vec<_> = rules.iter().map(|mute| format!("{} ({})", mute.name, mute.when)).collect();
    each.join(", ")
}

fn unmute(rules: &[&Mute]) -> Mend {
    let name = rules.first().map_or("", |mute| mute.name.as_str());
    let arguments = ["aws", "cloudwatch", "delete-alarm-mute-rule", "--alarm-mute-rule-name", name];
    Mend::command(&arguments, "no mute rule for what must not be missed")
}

pub(super) fn muted_now(alarm: &Alarm, alarms: &Alarms) -> Judgement {
    let now: Vec<_> = mutes(alarm, alarms)?.into_iter().filter(|mute| mute.active).collect();
    wrong(!now.is_empty(), || format!("muted now by {}: nobody is notified", described(&now)), || unmute(&now))
}

pub(super) fn muted_later(alarm: &Alarm, alarms: &Alarms) -> Judgement {
    let later: Vec<_> = mutes(alarm, alarms)?.into_iter().filter(|mute| !mute.active).collect();
    wrong(!later.is_empty(), || format!("will be muted by {}", described(&later)), || unmute(&later))
}

pub(super) fn not_evaluated(alarm: &Alarm, _: &Alarms) -> Judgement {
    let state = match alarm.evaluation.as_deref() {
        Some("PARTIAL_DATA") => "CloudWatch judges it by a part of its data",
        Some("EVALUATION_ERROR") => "CloudWatch cannot evaluate it: its metrics or their expression are wrong",
        Some("EVALUATION_FAILURE") => "CloudWatch fails to evaluate it",
        Some(_) => "CloudWatch does not evaluate it should",
        None => return Ok(None),
    };
    wrong(
        true,
        || format!("{state} ({})", alarm.evaluation.as_deref().unwrap_or_default()),
        || Mend::words("what StateReason of describe-alarms says"),
    )
}

pub(super) fn warming_up(alarm: &Alarm, _: &Alarms) -> Judgement {
    wrong(
        alarm.warming_up,
        || "it is in its warm-up: it does nothing yet".to_owned(),
        || Mend::words("nothing, if the alarm is new; WarmUpConfiguration says how long"),
    )
}

pub(super) fn no_action(alarm: &Alarm, alarms: &Alarms) -> Judgement {
    wrong(
        alarm.actions.is_empty() && !is_heard(alarm, alarms),
        || "nothing happens when it rings".to_owned(),
        || Mend::words("AlarmActions: [the ARN of a topic]"),
    )
}

pub(super) fn threshold(alarm: &Alarm) -> Judgement {
    // Metrics put together are somebody's own sum.
    let Some(comparison) = alarm.comparison else { return Ok(None) };
    let threshold = match comparison {
        Comparison::Above(threshold) => format!("it rings above {threshold} only"),
        Comparison::AtLeast(threshold) => format!("it rings at {threshold} and above only"),
        Comparison::Other => "it rings when few messages wait".to_owned(),
    };
    wrong(
        !comparison.rings_at(1.0),
        || threshold,
        || Mend::words("Threshold: 0 with ComparisonOperator: GreaterThanThreshold"),
    )
}

pub(super) fn missing_data(alarm: &Alarm) -> Judgement {
    wrong(
        alarm.missing_data != "notBreaching",
        || format!("it treats missing data as {}, and an idle queue has no data", alarm.missing_data),
        || Mend::words("TreatMissingData: notBreaching"),
    )
}

pub(super) fn topic_missing(topic: &Topic) -> Judgement {
    match &topic.attributes {
        Err(Unread::Because(why)) => Err(Unread::Because(why.clone())),
        read => wrong(
            read.is_err(),
            || format!("{} publish to it, and it does not exist", alarms(topic)),
            || Mend::words("AlarmActions: [the ARN of a topic that is there]"),
        ),
    }
}

fn alarms(topic: &Topic) -> String {
    super::wording::count(topic.alarms.len() as u64, "alarm")
}

pub(super) fn judged(may: May) -> Result<bool, Unread> {
    match may {
        May::Yes => Ok(true),
        May::No => Ok(false),
        May::Unclear(why) => Err(Unread::Because(why)),
    }
}

pub(super) fn key(topic: &Topic) -> Judgement {
    let lets = |policy: &PolicyDocument| -> Result<bool, Unread> {
        let decrypt = judged(policy.lets_alarms("kms:Decrypt", &topic.alarms))?;
        Ok(decrypt && judged(policy.lets_alarms("kms:GenerateDataKey", &topic.alarms))?)
    };
    let what = match &look(&topic.attributes)?.key {
        TopicKey::None => return Ok(None),
        TopicKey::Managed => "it is encrypted with a key that AWS manages, which CloudWatch may not use".to_owned(),
        TopicKey::Customer { policy, .. } if lets(look(policy)?)? => return Ok(None),
        TopicKey::Customer { id, .. } => format!("the policy of its key {id} does not let CloudWatch use it"),
    };
    wrong(
        true,
        || what,
        || {
            Mend::words(
                "a customer-managed key, with a statement: Effect: Allow, Principal: {Service: cloudwatch.amazonaws.com}, \
                 Action: [kms:Decrypt, kms:GenerateDataKey*], Resource: '*'",
            )
        },
    )
}

pub(super) fn publishing(topic: &Topic) -> Judgement {
    let policy = look(&look(&topic.attributes)?.policy)?;
    wrong(
        !judged(policy.lets_alarms("sns:Publish", &topic.alarms))?,
        || format!("its policy does not let {} publish", alarms(topic)),
        || {
            Mend::words(
                "AWS::SNS::TopicPolicy: Effect: Allow, Principal: {Service: cloudwatch.amazonaws.com}, Action: sns:Publish, \
                 Condition: {StringEquals: {aws:SourceAccount: !Ref AWS::AccountId}}",
            )
        },
    )
}

pub(super) fn unsubscribed(topic: &Topic) -> Judgement {
    wrong(
        look(&topic.attributes)?.subscriptions == 0,
        || format!("{} publish to it, and nobody subscribes", alarms(topic)),
        || {
            let arguments = ["aws", "sns", "subscribe", "--topic-arn", &topic.arn, "--protocol", "email"];
            Mend::command(
                &[&arguments[..], &["--notification-endpoint", "you@example.com"]].concat(),
                "AWS::SNS::Subscription",
            )
        },
    )
}
