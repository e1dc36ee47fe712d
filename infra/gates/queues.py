"""Rules for queues, tables and what consumes them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from infra.gates import functions_settings
from infra.gates.rules import function, functions, rule, variable
from infra.gates.template import Resource, Template, listed

QUEUE, TABLE, LOGS = "AWS::SQS::Queue", "AWS::DynamoDB::Table", "AWS::Logs::LogGroup"
MAPPING = "AWS::Lambda::EventSourceMapping"
DAYS = 86_400


def whole(resource: Resource, path: str, default: int) -> int:
    """A number; CloudFormation writes those of parameters as text."""
    return int(resource.get(path, default))


def redriven(template: Template) -> Iterator[tuple[Resource, Resource]]:
    """Each queue that has a redrive policy, and its dead-letter queue."""
    for source in template.of_type(QUEUE):
        target = template.find(source.get("RedrivePolicy.deadLetterTargetArn"))
        if target is not None:
            yield source, target


@rule("visibility-covers-six-timeouts")
def visibility(template: Template) -> Iterator[str]:
    """A queue's visibility timeout is at least six timeouts of its function, and the batching window."""
    for mapping in template.of_type(MAPPING):
        queue, consumer = template.find(mapping.get("EventSourceArn")), template.find(mapping.get("FunctionName"))
        if queue is None or consumer is None:
            yield f"{mapping.name} joins something that is not in the template"
            continue
        least = functions_settings.least("six-timeouts", whole(consumer, "Timeout", 3)) + whole(
            mapping, "MaximumBatchingWindowInSeconds", 0
        )
        seconds = whole(queue, "VisibilityTimeout", 30)
        if seconds < least:
            yield f"{queue.name} is invisible for {seconds} s, and {consumer.name} needs {least}"
        told = variable(consumer, "QUEUE_VISIBILITY_TIMEOUT_SECONDS")
        if told is not None and int(told) != seconds:
            yield f"{consumer.name} is told {told} s of {queue.name}, which has {seconds}"


@rule("lease-below-visibility")
def lease(template: Template) -> Iterator[str]:
    """A lease ends before its message is visible again, and a handler's time before its function's, which it knows."""
    for _, consumer in functions(template):
        handler, seconds = (
            variable(consumer, "HANDLER_TIMEOUT_SECONDS"),
            variable(consumer, "QUEUE_VISIBILITY_TIMEOUT_SECONDS"),
        )
        if handler is None or seconds is None:
            continue
        if int(seconds) < functions_settings.least("lease-ends-first", int(handler)):
            yield f"{consumer.name}: the lease of a handler with {handler} s outlasts {seconds} s"
        if whole(consumer, "Timeout", 3) < functions_settings.least("handler-ends-first", int(handler)):
            yield f"{consumer.name}: its handler has {handler} s of {consumer.get('Timeout')}"
        told = variable(consumer, "FUNCTION_TIMEOUT_SECONDS")
        if told != str(consumer.get("Timeout")):
            yield f"{consumer.name} is told of a timeout of {told} s, and its own is {consumer.get('Timeout')}"


# How a message is read: by the same words each function finds the same key and the same payload.
READING = (
    "LEDGER_SCOPE",
    "IDEMPOTENCY_KEY_POINTER",
    "IDEMPOTENCY_KEY_FROM",
    "DUPLICATE_NAMES",
    "BODY_WRAPPING",
    "PAYLOAD_HASH",
    "MESSAGE_TYPE_AT",
    "MESSAGE_TYPES",
)


@rule("functions-read-messages-alike")
def reading(template: Template) -> Iterator[str]:
    """Processor, indexer and replay are told alike how messages are read."""
    for name in READING:
        told = {kind: variable(one, name) for kind, one in functions(template)}
        if len(set(told.values())) > 1:
            yield f"{name} differs: {', '.join(f'{kind} {value}' for kind, value in told.items())}"


@rule("dead-letters-outlast-their-source")
def retention(template: Template) -> Iterator[str]:
    """A dead-letter queue keeps messages for longer than its source."""
    for source, dead in redriven(template):
        kept, from_source = (whole(queue, "MessageRetentionPeriod", 4 * DAYS) for queue in (dead, source))
        if kept <= from_source:
            yield f"{dead.name} keeps {kept} s, and {source.name} {from_source}"


@rule("receives-cover-attempts")
def receives(template: Template) -> Iterator[str]:
    """The receive limit is at least the attempts and five more, and the function knows it."""
    consumer = function(template, "processor")
    if consumer is None:
        return
    mappings = [one for one in template.of_type(MAPPING) if consumer.is_meant_by(one.get("FunctionName"))]
    schedule = variable(consumer, "RETRY_SCHEDULE") or "steps"
    least = functions_settings.least("receives-for-attempts", functions_settings.attempts(schedule))
    for mapping in mappings:
        queue = template.find(mapping.get("EventSourceArn"))
        limit = whole(queue, "RedrivePolicy.maxReceiveCount", 0) if queue else 0
        if limit < least:
            yield f"{mapping.get('EventSourceArn')} gives up after {limit} receives; {schedule} needs {least}"
        if variable(consumer, "MAX_RECEIVE_COUNT") != str(limit):
            told = variable(consumer, "MAX_RECEIVE_COUNT")
            yield f"{consumer.name} is told of {told} receives, and the limit is {limit}"


@rule("dead-letters-hidden-for-a-run")
def hidden(template: Template) -> Iterator[str]:
    """A dead-letter queue's visibility timeout is at least the indexer's timeout."""
    indexer = function(template, "indexer")
    for _, dead in redriven(template):
        seconds = whole(dead, "VisibilityTimeout", 30)
        if indexer is not None and seconds < whole(indexer, "Timeout", 3):
            yield f"{dead.name} hides a message for {seconds} s, and {indexer.name} runs for {indexer.get('Timeout')}"


@rule("partial-responses")
def partial(template: Template) -> Iterator[str]:
    """A mapping takes partial responses: else one failure returns a whole batch."""
    for mapping in template.of_type(MAPPING):
        if mapping.get("FunctionResponseTypes") != ["ReportBatchItemFailures"]:
            yield f"{mapping.name} answers for whole batches"


@rule("concurrency-at-the-mapping")
def concurrency(template: Template) -> Iterator[str]:
    """A mapping limits its concurrency, or has pollers of its own and a limit of these: throttles would burn receives."""
    for mapping in template.of_type(MAPPING):
        limit = whole(mapping, "ScalingConfig.MaximumConcurrency", 0)
        least, most = (whole(mapping, f"ProvisionedPollerConfig.{name}Pollers", 0) for name in ("Minimum", "Maximum"))
        if least or most:
            if mapping.get("ScalingConfig") is not None:
                yield f"{mapping.name} has pollers and a maximum concurrency; Lambda refuses that"
            if not 2 <= least <= most:
                yield f"{mapping.name} has {least} to {most} pollers"
        elif not 2 <= limit <= 1000:
            yield f"{mapping.name} has a limit of {limit}"
    for _, one in functions(template):
        if one.get("ReservedConcurrentExecutions") is not None:
            yield f"{one.name} reserves concurrency: what is over it is throttled"


@rule("fifo-into-fifo")
def kinds(template: Template) -> Iterator[str]:
    """A queue and its dead-letter queue are of one kind, and only one that is not FIFO has a window."""
    for source, dead in redriven(template):
        kinds = {str(queue.get("FifoQueue", False)).lower() for queue in (source, dead)}
        if len(kinds) > 1:
            yield f"{source.name} and {dead.name} are of two kinds; SQS refuses that"
    for mapping in template.of_type(MAPPING):
        queue = template.find(mapping.get("EventSourceArn"))
        if queue is None or str(queue.get("FifoQueue", False)).lower() != "true":
            continue
        if mapping.get("MaximumBatchingWindowInSeconds") is not None or whole(mapping, "BatchSize", 10) > 10:
            yield f"{mapping.name} asks for more than Lambda takes of a FIFO queue"


@rule("redrive-allowed-by-name")
def allowed(template: Template) -> Iterator[str]:
    """A dead-letter queue takes from its own source and from no other."""
    for source, dead in redriven(template):
        policy = dead.get("RedriveAllowPolicy", {})
        policy = json.loads(policy) if isinstance(policy, str) else policy
        arns = policy.get("sourceQueueArns", [])
        if policy.get("redrivePermission") != "byQueue" or [one for one in arns if not source.is_meant_by(one)] or not arns:
            yield f"{dead.name} does not take from {source.name} alone: {policy}"


@rule("encrypted")
def encrypted(template: Template) -> Iterator[str]:
    """Queues, tables, logs and topics are encrypted, by the stack's own key where one is asked for."""
    own = template.values.get("Encryption") == "customer-managed"
    keys = {name for key in template.of_type("AWS::KMS::Key") for name in key.names()}
    for queue in template.of_type(QUEUE):
        managed = str(queue.get("SqsManagedSseEnabled", False)).lower() == "true"
        key = queue.get("KmsMasterKeyId")
        if not (key in keys or (managed and not own)):
            yield f"{queue.name} is not encrypted as it is asked for"
        if managed and key is not None:
            yield f"{queue.name} asks for two keys; SQS refuses that"
    for kind, path in ((TABLE, "SSESpecification.KMSMasterKeyId"), (LOGS, "KmsKeyId")):
        for one in template.of_type(kind):
            if own and one.get(path) not in keys:
                yield f"{one.name} is not encrypted by the stack's key"
    for topic in template.of_type("AWS::SNS::Topic"):
        if topic.get("KmsMasterKeyId") not in keys:
            yield f"{topic.name} has no key of the stack: under the AWS-managed one CloudWatch cannot publish"
    for one in template.of_type("AWS::KMS::Key"):
        if str(one.get("EnableKeyRotation", False)).lower() != "true":
            yield f"{one.name} is never rotated"


@rule("data-is-kept")
def kept(template: Template) -> Iterator[str]:
    """Tables and keys with letters or completions stay when the stack is deleted, and a table even if a person deletes it by mistake."""
    needed = {str(table.get("SSESpecification.KMSMasterKeyId")) for table in template.of_type(TABLE)}
    for one in template.of_type(TABLE, "AWS::KMS::Key"):
        data = re.match(r"Ledger|DeadLetters", one.name) or (one.type != TABLE and needed & one.names())
        policies = {one.body.get("DeletionPolicy"), one.body.get("UpdateReplacePolicy")}
        if data and policies != {"Retain"}:
            yield f"{one.name} goes with the stack"
        if one.name.startswith("DeadLetters") and one.get("PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled") is not True:
            yield f"{one.name} cannot be restored"
        if data and one.type == TABLE and one.get("DeletionProtectionEnabled") is not True:
            yield f"{one.name} goes by a single call"


@rule("memory-outlasts-messages")
def memory(template: Template) -> Iterator[str]:
    """The ledger remembers for longer than both queues together keep a message."""
    for _, one in functions(template):
        ledger, main = variable(one, "LEDGER_RETENTION_DAYS"), variable(one, "MAIN_RETENTION_DAYS")
        if ledger is not None and main is not None and int(ledger) < functions_settings.least("ledger-outlasts-queues", int(main)):
            yield f"{one.name}: {ledger} days of memory, and the main queue keeps messages for {main} beside the dead-letter queue"


@rule("logs-end")
def logs(template: Template) -> Iterator[str]:
    """Every function has a log group of its own, which ends."""
    for one in template.of_type("AWS::Lambda::Function"):
        group = template.find(one.get("LoggingConfig.LogGroup"))
        if group is None or group.get("RetentionInDays") is None:
            yield f"{one.name} logs for ever, or into a group that the stack does not know"


@rule("failures-have-a-place")
def failures(template: Template) -> Iterator[str]:
    """Every asynchronous way to a function has a place for what fails."""
    places = {name for queue in template.of_type(QUEUE) for name in queue.names()}
    configured = {}
    for config in template.of_type("AWS::Lambda::EventInvokeConfig"):
        configured[config.get("FunctionName")] = config.get("DestinationConfig.OnFailure.Destination")
    asked = [one.get("FunctionName") for one in template.of_type("AWS::Lambda::Permission")]
    asked += [one.get("Target.Arn") for one in template.of_type("AWS::Scheduler::Schedule")]
    for name in asked:
        target = template.find(name)
        if target is None or not any(configured.get(known) in places for known in target.names()):
            yield f"{name} is invoked asynchronously, and what fails goes nowhere"
    for one in template.of_type("AWS::Scheduler::Schedule"):
        if one.get("Target.DeadLetterConfig.Arn") not in places:
            yield f"{one.name} has no dead-letter queue"
    for one in template.of_type("AWS::SNS::Subscription"):
        policy = one.get("RedrivePolicy", {})
        if not set(listed(policy.get("deadLetterTargetArn"))) <= places or not policy:
            yield f"{one.name} has no dead-letter queue"
