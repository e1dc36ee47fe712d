"""Our templates, broken in one place each: the rule that is named must find it, or it proves nothing."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field

from infra.gates.patches import MISSING, Break, Source, drop, parameter, put, statement, text, unruled
from infra.gates.rules import ALL
from infra.gates.settings import ARN, BUS, INFRA, LAYER, LEDGER, OTHERS_LEDGER, PAIR, Settings, pairs
from infra.gates.template import Template, load

OWN_KEY = {"Encryption": "customer-managed"}


@dataclass(frozen=True)
class Mutant:
    """Change at one place, the rule that must find it, and the settings that show it."""

    rule: str
    what: str
    breaks: Break
    settings: Settings = field(default_factory=dict)
    template: str = "template.yaml"


def as_it_is(_: Source) -> None:
    """The settings alone are the fault."""


def not_in_the_form(source: Source) -> None:
    """A parameter that the form does not know."""
    source["Parameters"]["Other"] = {"Type": "String", "Default": "", "AllowedValues": [""], "Description": "x" * 20}


def doorbell_pages(source: Source) -> None:
    """The doorbell's alarm as a part of the page."""
    behind(source, "WorkPageAlarm", "DepthAlarm")


def behind(source: Source, page: str, alarm: str) -> None:
    """Puts one more alarm behind a page."""
    properties = source["Resources"][page]["Properties"]
    properties["AlarmRule"] = {"Fn::Sub": properties["AlarmRule"]["Fn::Sub"] + ' OR ALARM("${%s}")' % alarm}


def one_page_for_all(source: Source) -> None:
    """A letter that waits stands before an error."""
    rule = source["Resources"]["WorkPageAlarm"]["Properties"]["AlarmRule"]["Fn::Sub"]
    urgent = source["Resources"]["UrgentPageAlarm"]["Properties"]
    urgent["AlarmRule"] = {"Fn::Sub": urgent["AlarmRule"]["Fn::Sub"] + " OR " + rule}
    del source["Resources"]["WorkPageAlarm"]


def unindexable_among_others(source: Source) -> None:
    """Puts an alarm that may ring for days and is about loss behind a page with others."""
    behind(source, "UrgentPageAlarm", "UnindexableAlarm")


_P = "Properties"
_FUNCTION = f"ProcessorFunction/{_P}"
_ENVIRONMENT = f"{_FUNCTION}/Environment/Variables"
_MAPPING = f"{_FUNCTION}/Events/Messages/{_P}"
_DEAD = {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]}
MUTANTS = [
    Mutant("visibility-covers-six-timeouts", "a shorter visibility", put(f"MainQueue/{_P}/VisibilityTimeout", 179)),
    Mutant("visibility-covers-six-timeouts", "a longer timeout", put(f"{_FUNCTION}/Timeout", 31)),
    Mutant("visibility-covers-six-timeouts", "a window", as_it_is, {"BatchingWindowSeconds": "1"}),
    Mutant("lease-below-visibility", "a handler with all the time", put(f"{_ENVIRONMENT}/HANDLER_TIMEOUT_SECONDS", 174)),
    Mutant("functions-read-messages-alike", "another key", put(f"{_ENVIRONMENT}/IDEMPOTENCY_KEY_FROM", "attribute")),
    Mutant(
        "functions-read-messages-alike",
        "names twice, for the indexer alone",
        put(f"IndexerFunction/{_P}/Environment/Variables/DUPLICATE_NAMES", "last"),
        template="attach.yaml",
        settings=PAIR,
    ),
    Mutant("lease-below-visibility", "a handler as long as its function", as_it_is, {"HandlerTimeoutSeconds": "30"}),
    Mutant("lease-below-visibility", "a timeout that nobody told", drop(f"{_ENVIRONMENT}/FUNCTION_TIMEOUT_SECONDS")),
    Mutant("lease-below-visibility", "a timeout that is another", put(f"{_ENVIRONMENT}/FUNCTION_TIMEOUT_SECONDS", 60)),
    Mutant(
        "dead-letters-outlast-their-source",
        "four days for the dead",
        drop(f"DeadLetterQueue/{_P}/MessageRetentionPeriod"),
    ),
    Mutant("receives-cover-attempts", "too few receives", put(f"MainQueue/{_P}/RedrivePolicy/maxReceiveCount", 10)),
    Mutant("receives-cover-attempts", "a longer schedule", as_it_is, {"RetrySchedule": "1s,1s,1s,1s,1s,1s"}),
    Mutant("receives-cover-attempts", "a limit that nobody told", put(f"{_ENVIRONMENT}/MAX_RECEIVE_COUNT", 12)),
    Mutant("dead-letters-hidden-for-a-run", "SQS's own default", drop(f"DeadLetterQueue/{_P}/VisibilityTimeout")),
    Mutant("partial-responses", "whole batches", drop(f"{_MAPPING}/FunctionResponseTypes")),
    Mutant(
        "concurrency-at-the-mapping",
        "pollers beside it",
        put(f"{_MAPPING}/ScalingConfig", {"MaximumConcurrency": 10}),
        {"MinimumPollers": "2", "MaximumPollers": "4"},
    ),
    Mutant("concurrency-at-the-mapping", "fewer at the most", as_it_is, {"MinimumPollers": "5", "MaximumPollers": "4"}),
    Mutant("parameters-fit", "ARNs of sixty pairs", as_it_is, pairs(60), "attach.yaml"),
    Mutant("policies-fit", "too many pairs", as_it_is, pairs(90), "attach.yaml"),
    Mutant(
        "variables-fit",
        "a long list inline",
        as_it_is,
        {**PAIR, "QueuePairs": '{"pairs":[' + ",".join(['{"source_arn":"' + "x" * 100 + '"}'] * 40) + "]}"},
        "attach.yaml",
    ),
    Mutant("layers-fit", "six", as_it_is, {"Layers": ",".join([LAYER] * 6)}),
    Mutant("everything-is-watched", "messages that go round", put(f"RecursionAlarm/{_P}/MetricName", "Throttles")),
    Mutant("concurrency-at-the-mapping", "no limit", drop(f"{_MAPPING}/ScalingConfig")),
    Mutant("concurrency-at-the-mapping", "a limit at the function", put(f"{_FUNCTION}/ReservedConcurrentExecutions", 5)),
    Mutant("fifo-into-fifo", "standard letters of FIFO", drop(f"DeadLetterQueue/{_P}/FifoQueue"), {"QueueType": "fifo"}),
    Mutant("fifo-into-fifo", "a window", put(f"{_MAPPING}/MaximumBatchingWindowInSeconds", 1), {"QueueType": "fifo"}),
    Mutant("redrive-allowed-by-name", "from anywhere", drop(f"DeadLetterQueue/{_P}/RedriveAllowPolicy")),
    Mutant(
        "redrive-allowed-by-name",
        "from all",
        put(f"DeadLetterQueue/{_P}/RedriveAllowPolicy/redrivePermission", "allowAll"),
    ),
    Mutant("redrive-allowed-by-name", "from another", text("DeadLetterQueue", "-main", "-mine")),
    Mutant("encrypted", "a plain queue", drop(f"DeadLetterQueue/{_P}/SqsManagedSseEnabled")),
    Mutant("encrypted", "AWS's key for a topic", put(f"AlertsTopic/{_P}/KmsMasterKeyId", "alias/aws/sns")),
    Mutant("encrypted", "a table beside the key", drop(f"Ledger/{_P}/SSESpecification"), OWN_KEY),
    Mutant("encrypted", "logs beside the key", drop(f"IndexerLogs/{_P}/KmsKeyId"), OWN_KEY),
    Mutant("encrypted", "a key for ever", drop(f"TopicKey/{_P}/EnableKeyRotation")),
    Mutant("data-is-kept", "a table that goes", drop("DeadLetters/DeletionPolicy")),
    Mutant("data-is-kept", "a key that goes", put("DataKey/UpdateReplacePolicy", "Delete"), OWN_KEY),
    Mutant("data-is-kept", "a ledger that one call deletes", drop(f"Ledger/{_P}/DeletionProtectionEnabled")),
    Mutant("data-is-kept", "no way back", drop(f"DeadLetters/{_P}/PointInTimeRecoverySpecification")),
    Mutant("memory-outlasts-messages", "a short memory", as_it_is, {"LedgerRetentionDays": "18"}),
    Mutant("logs-end", "logs for ever", drop(f"ReplayLogs/{_P}/RetentionInDays")),
    Mutant("logs-end", "Lambda's own logs", drop(f"{_FUNCTION}/LoggingConfig")),
    Mutant("nothing-is-forgotten", "a whole table", statement("IndexerRole", "ReadReasons", Action="dynamodb:Scan")),
    Mutant("failures-have-a-place", "no destination", drop(f"IndexerFunction/{_P}/EventInvokeConfig")),
    Mutant("failures-have-a-place", "a lost schedule", drop(f"ReplaySchedule/{_P}/Target/DeadLetterConfig")),
    Mutant("failures-have-a-place", "a lost ring", drop(f"IndexerFunction/{_P}/Events/Doorbell/{_P}/RedrivePolicy")),
    Mutant("tls-only", "a queue without a policy", drop("MainQueuePolicy")),
    Mutant("tls-only", "a policy for the other queue", put(f"MainQueuePolicy/{_P}/Queues", [{"Ref": "DeadLetterQueue"}])),
    Mutant("tls-only", "a topic that listens to anyone", statement("AlertsTopicPolicy", "OnlyOverTls", Effect="Allow")),
    Mutant(
        "nobody-else-sends",
        "any topic",
        statement("FailedInvocationsQueuePolicy", "TheDoorbellReports", Condition=MISSING),
    ),
    Mutant(
        "alarms-can-publish",
        "another account's alarms",
        statement("AlertsTopicPolicy", "AlarmsPublish", Condition={"ArnEquals": {"aws:SourceArn": f"{ARN}:alarm"}}),
    ),
    Mutant("alarms-can-publish", "a topic without its policy", drop("DoorbellTopicPolicy")),
    Mutant("alarms-can-publish", "a key that is silent", statement("TopicKey", "AlarmsPublish", Action=["kms:Decrypt"])),
    Mutant(
        "alarms-can-publish",
        "a condition",
        statement("TopicKey", "AlarmsPublish", Condition={"StringEquals": {"aws:SourceAccount": "1"}}),
    ),
    Mutant(
        "no-stack-beside",
        "whatever begins alike",
        statement(
            "AlertsTopicPolicy",
            "AlarmsPublish",
            Condition={"ArnLike": {"aws:SourceArn": {"Fn::Sub": "arn:aws:cloudwatch:eu-central-1:1:alarm:${AWS::StackName}-*"}}},
        ),
    ),
    Mutant("services-name-their-source", "any topic's messages", statement("DataKey", "TopicsAndRulesSend", Condition=MISSING), OWN_KEY),
    Mutant(
        "services-name-their-source",
        "any schedule of the account",
        text("SchedulerRole", '"ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": ["ScheduleGroup", "Arn"]}}', '"Bool": {}'),
    ),
    Mutant("every-action-named", "all of SQS", statement("ReplayRole", "SendBack", Action="sqs:*")),
    Mutant("every-action-named", "every queue", statement("ReplayRole", "SendBack", Resource="*")),
    Mutant("every-action-named", "all but", statement("IndexerRole", "WriteLetters", NotAction="s3:GetObject")),
    Mutant(
        "every-action-named",
        "somebody else's policy",
        put(f"IndexerRole/{_P}/ManagedPolicyArns", ["arn:aws:iam::aws:policy/AdministratorAccess"]),
    ),
    Mutant("one-role-a-function", "a shared role", put(f"IndexerFunction/{_P}/Role", {"Fn::GetAtt": ["ReplayRole", "Arn"]})),
    Mutant("one-role-a-function", "a role for all", text("ReplayRole", "lambda.amazonaws.com", "ec2.amazonaws.com")),
    Mutant("administration-is-the-replay", "a memory of its own", put(f"AdministrationFunction/{_P}/MemorySize", 512)),
    Mutant("administration-is-the-replay", "a variable more", put(f"AdministrationFunction/{_P}/Environment/Variables/CUSTODY", "off")),
    Mutant("administration-is-the-replay", "a variable less", drop(f"AdministrationFunction/{_P}/Environment/Variables/MAIN_QUEUE_URL")),
    Mutant(
        "administration-is-the-replay",
        "a replay that erases",
        put(f"ReplayFunction/{_P}/Environment/Variables/ALLOWED_ACTIONS", "all"),
    ),
    Mutant(
        "administration-is-the-replay",
        "a replay without a limit",
        drop(f"ReplayFunction/{_P}/Environment/Variables/ALLOWED_ACTIONS"),
        PAIR,
        "attach.yaml",
    ),
    Mutant(
        "administration-is-the-replay",
        "an administration that may not",
        put(f"AdministrationFunction/{_P}/Environment/Variables/ALLOWED_ACTIONS", "replay"),
    ),
    Mutant("administration-is-the-replay", "failures that are lost", drop(f"AdministrationFunction/{_P}/EventInvokeConfig")),
    Mutant("administration-is-the-replay", "none", drop("AdministrationFunction")),
    Mutant(
        "only-people-administer",
        "the schedule",
        put(f"ReplaySchedule/{_P}/Target/Arn", {"Fn::GetAtt": ["AdministrationFunction", "Arn"]}),
    ),
    Mutant(
        "only-people-administer",
        "the schedule's role",
        statement("SchedulerRole", "Wake", Resource={"Fn::GetAtt": ["AdministrationFunction", "Arn"]}),
    ),
    Mutant("policies-for-people", "a reader that writes", statement("ReaderPolicy", "ReadLetters", Action="dynamodb:PutItem")),
    Mutant("policies-for-people", "a reader that asks", statement("ReaderPolicy", "ReadSettings", Action="lambda:InvokeFunction")),
    Mutant(
        "policies-for-people",
        "an operator that erases",
        statement("OperatorPolicy", "Operate", Resource={"Fn::GetAtt": ["AdministrationFunction", "Arn"]}),
    ),
    Mutant("policies-for-people", "an operator that deploys", statement("OperatorPolicy", "Operate", Action="lambda:UpdateFunctionCode")),
    Mutant(
        "policies-for-people",
        "an administrator of the replay",
        statement("AdministratorPolicy", "Administer", Resource={"Fn::GetAtt": ["ReplayFunction", "Arn"]}),
        PAIR,
        "attach.yaml",
    ),
    Mutant("policies-for-people", "a policy that the functions have", put(f"AdministratorPolicy/{_P}/Roles", [{"Ref": "ReplayRole"}])),
    Mutant("policies-for-people", "a name", put(f"ReaderPolicy/{_P}/ManagedPolicyName", "redrive-reader")),
    Mutant("policies-for-people", "no reader", drop("ReaderPolicy")),
    Mutant("every-action-named", "a reader of every table", statement("ReaderPolicy", "ReadLetters", Resource="*")),
    Mutant("every-action-named", "a reader of every stack", statement("ReaderPolicy", "ReadOutputs", Resource="*")),
    Mutant("every-action-named", "an operator of every function", statement("OperatorPolicy", "Operate", Resource="*")),
    Mutant("every-action-named", "an operator of Lambda", statement("OperatorPolicy", "Operate", Action="lambda:*")),
    Mutant("readers-decrypt-tables-alone", "no key", statement("ReaderPolicy", "ReadWhatIsEncrypted", Action="kms:Describe"), OWN_KEY),
    Mutant("readers-decrypt-tables-alone", "queues", text("ReaderPolicy", "dynamodb.${AWS::Region}", "sqs.${AWS::Region}"), OWN_KEY),
    Mutant("readers-decrypt-tables-alone", "anything", statement("ReaderPolicy", "ReadWhatIsEncrypted", Condition=MISSING), OWN_KEY),
    Mutant(
        "each-touches-its-own",
        "a processor that reads the dead",
        statement("ProcessorRole", "ReceiveAndDelay", Resource=_DEAD),
    ),
    Mutant(
        "each-touches-its-own",
        "an indexer that sends",
        statement("IndexerRole", "ReportFailedInvocations", Resource={"Fn::GetAtt": ["MainQueue", "Arn"]}),
    ),
    Mutant("each-touches-its-own", "a replay that may eject", statement("ReplayRole", "SendBack", Resource=_DEAD)),
    Mutant("each-touches-its-own", "a grant that nobody asked for", text("ProcessorRole", '"HandsOver"', '"WithExample"')),
    Mutant("destinations-are-listed", "a queue of somebody else", statement("ReplayRole", "SendBack", Resource=f"{ARN}:theirs")),
    Mutant(
        "destinations-are-listed",
        "a list without its grant",
        statement("ReplayRole", "SendElsewhere", Action="sqs:GetQueueAttributes"),
        {"ReplayDestinations": f"{ARN}:refunds"},
    ),
    Mutant(
        "destinations-are-listed",
        "a list that is told alone",
        put(f"ReplayFunction/{_P}/Environment/Variables/REPLAY_DESTINATIONS", f"{ARN}:refunds"),
    ),
    Mutant("others-are-notified-by-redrive", "any bus", statement("IndexerRole", "NotifyOthers", Resource="*"), {"EventBusArn": BUS}),
    Mutant(
        "others-are-notified-by-redrive",
        "anybody's events",
        statement("ReplayRole", "NotifyOthers", Condition=MISSING),
        {"EventBusArn": BUS},
    ),
    Mutant("others-are-notified-by-redrive", "a permission without a bus", text("ReplayRole", '"NotifiesOthers"', '"WithExample"')),
    Mutant(
        "others-are-notified-by-redrive",
        "an indexer without its bus",
        put(f"IndexerFunction/{_P}/Environment/Variables/EVENT_BUS_ARN", {"Ref": "AWS::NoValue"}),
        {"EventBusArn": BUS},
    ),
    Mutant(
        "nothing-is-forgotten",
        "a ledger that forgets",
        statement("ReplayRole", "ReadOutcomes", Action="dynamodb:DeleteItem"),
    ),
    Mutant("replay-only-withdraws", "whatever it likes", statement("ReplayRole", "WithdrawCopies", Condition=MISSING)),
    Mutant(
        "replay-only-withdraws",
        "a state",
        text(
            "ReplayRole",
            '"dynamodb:Attributes": ["buried", "expires", "lives"',
            '"dynamodb:Attributes": ["state", "buried", "expires", "lives"',
        ),
    ),
    Mutant(
        "replay-only-withdraws",
        "a condition that holds without a value",
        text("ReplayRole", ', "Null": {"dynamodb:Attributes": "false"}', ""),
    ),
    Mutant("replay-only-withdraws", "puts", statement("ReplayRole", "LeaveTombstones", Action="dynamodb:PutItem")),
    Mutant(
        "replay-only-withdraws",
        "puts elsewhere",
        statement("ReplayRole", "LeaveTombstones", Action="dynamodb:PutItem"),
        {**PAIR, "Custody": "on", "Scope": "orders", "LedgerTableArn": LEDGER},
        "attach.yaml",
    ),
    Mutant(
        "replay-only-withdraws",
        "updates at home",
        statement("ReplayRole", "LeaveTombstones", Action="dynamodb:UpdateItem"),
        {**PAIR, "Scope": "orders", "LedgerTableArn": LEDGER},
        "attach.yaml",
    ),
    Mutant(
        "replay-only-withdraws",
        "whatever it likes, elsewhere",
        statement("ReplayRole", "WithdrawCopiesElsewhere", Condition=MISSING),
        {**PAIR, "Scope": "orders", "LedgerTableArn": OTHERS_LEDGER, "LedgerElsewhere": "true"},
        "attach.yaml",
    ),
    Mutant(
        "ledger-by-its-name",
        "an ARN in a statement",
        put(f"ReplayFunction/{_P}/Environment/Variables/LEDGER_TABLE_NAME", {"Ref": "LedgerTableArn"}),
        {**PAIR, "Scope": "orders", "LedgerTableArn": LEDGER},
        "attach.yaml",
    ),
    Mutant(
        "ledger-by-its-name",
        "this account's as another's",
        as_it_is,
        {**PAIR, "Scope": "orders", "LedgerTableArn": LEDGER, "LedgerElsewhere": "true"},
        "attach.yaml",
    ),
    Mutant(
        "ledger-by-its-name",
        "another ledger",
        put(f"ReplayFunction/{_P}/Environment/Variables/LEDGER_TABLE_NAME", "ledgers"),
        {**PAIR, "Scope": "orders", "LedgerTableArn": LEDGER},
        "attach.yaml",
    ),
    Mutant(
        "failures-may-be-reported",
        "a function that may not",
        statement("IndexerRole", "ReportFailedInvocations", Effect="Deny", Action="sqs:GetQueueUrl"),
    ),
    Mutant(
        "failures-may-be-reported",
        "a schedule that may not",
        statement("SchedulerRole", "ReportFailedInvocations", Resource=_DEAD),
    ),
    Mutant(
        "failures-may-be-reported",
        "a topic that may not",
        statement("FailedInvocationsQueuePolicy", "TheDoorbellReports", Principal={"Service": "s3.amazonaws.com"}),
    ),
    Mutant(
        "key-may-be-used",
        "a function that may not",
        statement("IndexerRole", "UseTheKey", Action=["kms:DescribeKey"]),
        OWN_KEY,
    ),
    Mutant("key-may-be-used", "logs that may not", text("DataKey", "logs.${AWS::Region}", "s3.${AWS::Region}"), OWN_KEY),
    Mutant(
        "traces-may-be-sent",
        "a function that may not",
        statement("ReplayRole", "Trace", Action="xray:GetGroup"),
        {"Tracing": "Active"},
    ),
    Mutant("metrics-are-emitted", "a metric that nobody emits", put(f"PendingAlarm/{_P}/MetricName", "LettersWaiting")),
    Mutant(
        "metrics-are-emitted",
        "the wrong function's",
        put(f"PendingAlarm/{_P}/Dimensions/0/Value", {"Ref": "IndexerFunction"}),
    ),
    Mutant(
        "metrics-are-emitted",
        "a dimension too many",
        put(
            f"PendingAlarm/{_P}/Dimensions",
            [{"Name": "Function", "Value": {"Ref": "ReplayFunction"}}, {"Name": "Stage", "Value": "x"}],
        ),
    ),
    Mutant(
        "metrics-are-emitted",
        "a namespace of nobody's",
        put(f"GrowingAlarm/{_P}/Metrics/1/MetricStat/Metric/Namespace", "Redrives"),
    ),
    Mutant(
        "metrics-are-emitted",
        "the wrong dimension of AWS's",
        put(f"ProcessorErrorsAlarm/{_P}/Dimensions/0/Name", "Function"),
    ),
    Mutant("metrics-are-emitted", "a widget of nothing", text("Dashboard", "TimeToResolution", "TimeToNowhere")),
    Mutant(
        "metrics-are-emitted",
        "a widget of the dead-letter queue's letters",
        text("Dashboard", '\\"Queue\\", \\"${MainQueue.', '\\"Queue\\", \\"${DeadLetterQueue.'),
    ),
    Mutant("metrics-are-emitted", "a class that is none", text("Dashboard", "NEVER_RAN", "NEVER_SEEN")),
    Mutant(
        "metrics-are-emitted",
        "a search for nothing",
        text("Dashboard", "LettersIndexed", "LettersDelivered"),
        PAIR,
        "attach.yaml",
    ),
    Mutant("everything-is-watched", "no alarm for what expires", put(f"ExpiryAlarm/{_P}/MetricName", "DeadReceived")),
    Mutant("everything-is-watched", "errors of nobody", put(f"IndexerErrorsAlarm/{_P}/MetricName", "Throttles")),
    Mutant("everything-is-watched", "no time to resolution", text("Dashboard", "TimeToResolution", "OldestPendingAge")),
    Mutant("the-doorbell-rings", "sent messages", put(f"DepthAlarm/{_P}/MetricName", "NumberOfMessagesSent")),
    Mutant("the-doorbell-rings", "a bell in another house", put(f"DepthAlarm/{_P}/AlarmActions", [{"Ref": "AlertsTopic"}])),
    Mutant("the-doorbell-rings", "a deep queue", put(f"DepthAlarm/{_P}/Threshold", 10)),
    Mutant("one-incident-is-one-page", "the doorbell's alarm pages", doorbell_pages),
    Mutant("one-incident-is-one-page", "two pages", put(f"ExpiryAlarm/{_P}/AlarmActions", [{"Ref": "AlertsTopic"}])),
    Mutant("one-incident-is-one-page", "no part of a page", text("UrgentPageAlarm", 'ALARM(\\"${ExpiryAlarm}\\") OR ', "")),
    Mutant("one-incident-is-one-page", "nobody", drop(f"ExpiryAlarm/{_P}/AlarmActions"), {"Paging": "each"}),
    Mutant("one-incident-is-one-page", "a page to nobody", drop(f"WorkPageAlarm/{_P}/AlarmActions")),
    Mutant("nothing-urgent-is-muted", "one page for all", one_page_for_all),
    Mutant("nothing-urgent-is-muted", "a message that cannot be indexed, before errors", unindexable_among_others),
    Mutant("nothing-urgent-is-muted", "a metric of unknown weight", put(f"ProcessorErrorsAlarm/{_P}/MetricName", "Throttles")),
    Mutant("new-stacks-are-quiet", "no warm-up", drop(f"IndexerSilentAlarm/{_P}/WarmUpConfiguration")),
    Mutant(
        "new-stacks-are-quiet",
        "half a warm-up",
        put(f"ReplaySilentAlarm/{_P}/WarmUpConfiguration/WarmUpPeriodDurationInMinutes", 60),
        PAIR,
        "attach.yaml",
    ),
    Mutant("main-queues-are-watched", "no alarm", put(f"MainQueueAgeAlarm/{_P}/MetricName", "NumberOfMessagesSent")),
    Mutant(
        "main-queues-are-watched",
        "no alarm of what is attached",
        put(f"MainQueueAgeAlarm/{_P}/MetricName", "NumberOfMessagesSent"),
        PAIR,
        "attach.yaml",
    ),
    Mutant(
        "main-queues-are-watched",
        "the dead-letter queue's",
        put(f"MainQueueAgeAlarm/{_P}/Dimensions/0/Value", {"Fn::GetAtt": ["DeadLetterQueue", "QueueName"]}),
    ),
    Mutant(
        "main-queues-are-watched",
        "above half of the retention",
        put(f"MainQueueAgeAlarm/{_P}/Threshold", 43_201),
        {"MainRetentionDays": "1"},
    ),
    *(
        Mutant("lists-of-queues-are-watched", what, broken, {**PAIR, "QueuePairsFile": "pairs.json"}, "attach.yaml")
        for what, broken in (
            ("a replay that reads nothing", drop(f"ReplayFunction/{_P}/Environment/Variables/MAIN_QUEUE_AGES")),
            ("a role that may not", statement("ReplayRole", "ReadAges", Action="cloudwatch:ListMetrics")),
            ("no alarm", put(f"MainQueuesAgeAlarm/{_P}/MetricName", "OldestPendingAge")),
            ("an alarm of another function", put(f"MainQueuesAgeAlarm/{_P}/Dimensions/0/Value", {"Ref": "IndexerFunction"})),
            ("above half of the shortest retention", put(f"MainQueuesAgeAlarm/{_P}/Threshold", 43_201)),
            ("readings in vain", put(f"MainQueuesUnreadAlarm/{_P}/MetricName", "CountsIncomplete")),
        )
    ),
    Mutant("main-queues-are-watched", "any limit", parameter("MainQueueAgeLimitSeconds", MaxValue=86_400)),
    Mutant("alarms-do-not-flap", "silent at once", put(f"PendingAlarm/{_P}/EvaluationPeriods", 1)),
    Mutant(
        "alarms-do-not-flap",
        "a run that is missing",
        put(f"WaitingForAPersonAlarm/{_P}/TreatMissingData", "notBreaching"),
    ),
    Mutant("alarms-do-not-flap", "each reading added", put(f"PendingAlarm/{_P}/Statistic", "Sum")),
    Mutant("alarms-say-what-to-do", "nothing", put(f"ExpiryAlarm/{_P}/AlarmDescription", "It expires.")),
    Mutant(
        "alarms-say-what-to-do",
        "a command that is not there",
        text("NewFingerprintAlarm", "redrive causes", "redrive reasons"),
    ),
    Mutant("alarms-say-what-to-do", "a page when all is well", put(f"ExpiryAlarm/{_P}/OKActions", [{"Ref": "AlertsTopic"}])),
    Mutant("parameters-are-bounded", "anything goes", parameter("LedgerScope", AllowedPattern=MISSING)),
    Mutant("parameters-are-bounded", "one bound", parameter("ReplayMaxDeaths", MaxValue=MISSING)),
    Mutant("parameters-are-bounded", "no word", parameter("OnDead", Description="")),
    Mutant("parameters-are-bounded", "no default", parameter("OnDead", Default=MISSING), {"OnDead": "auto"}),
    Mutant("parameters-are-bounded", "refuses its own default", parameter("LedgerScope", Default="-")),
    Mutant("parameters-are-asked-for", "not in the form", not_in_the_form),
    Mutant(
        "settings-are-refused-early",
        "a large batch of a FIFO queue",
        as_it_is,
        {"QueueType": "fifo", "BatchSize": "100"},
    ),
    Mutant("parameters-are-the-functions-settings", "another default", parameter("LedgerRetentionDays", Default=31)),
    Mutant("parameters-are-the-functions-settings", "a wider range", parameter("Concurrency", MaxValue=2_000)),
    Mutant(
        "parameters-are-the-functions-settings", "a word more", parameter("OnDead", AllowedValues=["auto", "redrive", "direct", "never"])
    ),
    Mutant("parameters-are-the-functions-settings", "another form", parameter("LedgerScope", AllowedPattern="^[a-z]+$")),
    Mutant("parameters-are-the-functions-settings", "a longer text", parameter("ReplayPolicy", MaxLength=4_096)),
    Mutant("parameters-are-the-functions-settings", "days with a gap", parameter("MainRetentionDays", AllowedValues=[1, 2, 3, 4, 13])),
    Mutant("parameters-are-the-functions-settings", "a parameter of nobody's", not_in_the_form),
    Mutant(
        "parameters-are-the-functions-settings", "the other template's default", parameter("Custody", Default="on"), PAIR, "attach.yaml"
    ),
    Mutant("functions-are-told-what-they-read", "a variable of another function", put(f"{_ENVIRONMENT}/REPLAY_MAX_DEATHS", 3)),
    Mutant("functions-are-told-what-they-read", "a slip of the name", put(f"{_ENVIRONMENT}/CONCURENCY", 3)),
    Mutant("functions-are-told-what-they-read", "a number of its own", put(f"{_ENVIRONMENT}/CONCURRENCY", 3)),
    *(
        Mutant("rules-are-refused-early", f"no rule {name}", unruled(name))
        for name in (
            "ReceivesForSteps",
            "ReceivesForExponential",
            "HandlerEndsFirst",
            "HandlerEndsBeforeTheDefault",
            "SixTimeoutsByDefault",
            "SixTimeoutsOfTheDefault",
            "LedgerOutlastsTheDefault",
            "LettersOutlastTheDefault",
        )
    ),
    Mutant("rules-are-refused-early", "no rule of a single pair", unruled("LedgerOutlastsTheDefault"), PAIR, "attach.yaml"),
]


def survivors() -> list[str]:
    """The mutants that their rule did not find, and the rules without one."""
    sources = {name: load(INFRA / name) for name in ("template.yaml", "attach.yaml")}
    lived = []
    unbroken: dict[str, Template] = {}
    for mutant in MUTANTS:
        whole = sources[mutant.template]
        broken = copy.deepcopy(whole)
        mutant.breaks(broken)
        check = ALL[mutant.rule]
        if not list(check(Template(broken, mutant.settings))):
            lived.append(f"{mutant.rule} does not find: {mutant.what}")
        if broken == whole:
            continue
        case = f"{mutant.template} {sorted(mutant.settings.items())}"
        unbroken[case] = unbroken.get(case) or Template(whole, mutant.settings)
        if list(check(unbroken[case])):
            lived.append(f"{mutant.rule} finds {mutant.what} where nothing is broken")
    untried = set(ALL) - {mutant.rule for mutant in MUTANTS}
    return lived + [f"{name} has no mutant" for name in sorted(untried)]
