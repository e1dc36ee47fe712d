//! Alarms and topics.

use super::super::judging::Check;
use super::super::{ages, alarms};
use crate::doctor::{Rule, Severity};

pub(super) static RULES: [Rule; 13] = [
    Rule {
        id: "no-depth-alarm",
        severity: Severity::Error,
        says: "An alarm rings when messages wait in a dead-letter queue",
        reason: "Without one nobody knows of them.",
        source: "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/dead-letter-queues-alarms-cloudwatch.html",
        mend: "An alarm on ApproximateNumberOfMessagesVisible above 0.",
        check: Check::Watched(alarms::missing),
    },
    Rule {
        id: "depth-alarm-wrong-metric",
        severity: Severity::Error,
        says: "The alarm of a dead-letter queue looks at what waits",
        reason: "NumberOfMessagesSent and its like count calls: what SQS itself moves there is not in them, so that \
            the alarm never rings.",
        source: "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/dead-letter-queues-alarms-cloudwatch.html",
        mend: "Look at ApproximateNumberOfMessagesVisible.",
        check: Check::Watched(alarms::wrong_metric),
    },
    Rule {
        id: "depth-alarm-wrong-dimension",
        severity: Severity::Error,
        says: "The alarm of a dead-letter queue names it as CloudWatch does",
        reason: "The metrics of SQS have one dimension, QueueName, with the queue's bare name; anything else has no \
            data.",
        source: "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html",
        mend: "Dimensions: QueueName alone, with the queue's name.",
        check: Check::Watched(alarms::wrong_dimension),
    },
    Rule {
        id: "depth-alarm-threshold",
        severity: Severity::Warning,
        says: "One dead letter is enough to ring",
        reason: "A threshold above 0 leaves single messages unseen until they expire.",
        source: "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/dead-letter-queues-alarms-cloudwatch.html",
        mend: "Threshold: 0, GreaterThanThreshold.",
        check: Check::Depth(alarms::threshold),
    },
    Rule {
        id: "depth-alarm-missing-data",
        severity: Severity::Warning,
        says: "Missing data is no reason to ring, or to go on ringing",
        reason: "An idle queue stops publishing metrics: with breaching the alarm rings for nothing, with ignore it \
            never ends, with missing it is undecided, and it acts on transitions only.",
        source: "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html",
        mend: "TreatMissingData: notBreaching.",
        check: Check::Depth(alarms::missing_data),
    },
    Rule {
        id: "no-age-alarm",
        severity: Severity::Warning,
        says: "An alarm rings when nobody takes what is in a source",
        reason: "A mapping that is disabled, may not poll, or is throttled to nothing makes no invocation and so no error: SQS \
            deletes its messages at the end of their retention, and every other alarm is silent.",
        source: "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html",
        mend: "An alarm on ApproximateAgeOfOldestMessage of the source, well before half of the retention.",
        check: Check::Source(ages::missing),
    },
    Rule {
        id: "age-alarm-late",
        severity: Severity::Warning,
        says: "The alarm on a source's age rings before half of the retention is over",
        reason: "What is left of the retention is the time to mend what is wrong, weekends included.",
        source: "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html",
        mend: "Lower the threshold to half of the retention, or less.",
        check: Check::Source(ages::late),
    },
    Rule {
        id: "alarm-muted",
        severity: Severity::Error,
        says: "An alarm's actions are enabled",
        reason: "A muted alarm changes its state, and nobody is told.",
        source: "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-actions.html",
        mend: "Enable its actions.",
        check: Check::Alarm(alarms::muted),
    },
    Rule {
        id: "alarm-without-action",
        severity: Severity::Error,
        says: "An alarm does something when it rings",
        reason: "Alone, or within a composite alarm that does.",
        source: "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-actions.html",
        mend: "AlarmActions: the ARN of a topic.",
        check: Check::Alarm(alarms::no_action),
    },
    Rule {
        id: "alarm-topic-missing",
        severity: Severity::Error,
        says: "The topic of an alarm exists",
        reason: "CloudWatch publishes into nothing, and only the alarm's history tells.",
        source: "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-actions.html",
        mend: "Name a topic that exists.",
        check: Check::Topic(alarms::topic_missing),
    },
    Rule {
        id: "topic-key-refuses-alarms",
        severity: Severity::Error,
        says: "CloudWatch may use the key of a topic that alarms publish to",
        reason: "It encrypts with that key itself. The policy of the key that AWS manages does not let it, and cannot \
            be changed: every alarm is swallowed.",
        source: "https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html",
        mend: "A customer-managed key whose policy lets cloudwatch.amazonaws.com Decrypt and GenerateDataKey.",
        check: Check::Topic(alarms::key),
    },
    Rule {
        id: "topic-refuses-alarms",
        severity: Severity::Error,
        says: "CloudWatch may publish to the topics of alarms",
        reason: "A policy of one's own takes the place of the default one, which lets the account's alarms publish.",
        source: "https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-use-cases.html",
        mend: "Allow sns:Publish to cloudwatch.amazonaws.com.",
        check: Check::Topic(alarms::publishing),
    },
    Rule {
        id: "topic-without-subscribers",
        severity: Severity::Warning,
        says: "Somebody hears the alarms",
        reason: "A topic without a confirmed subscription tells nobody.",
        source: "https://docs.aws.amazon.com/sns/latest/dg/sns-create-subscribe-endpoint-to-topic.html",
        mend: "Subscribe, and confirm.",
        check: Check::Topic(alarms::unsubscribed),
    },
];
