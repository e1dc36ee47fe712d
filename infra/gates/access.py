"""Rules for who may do what."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator
from typing import Any

from infra.gates.queues import QUEUE, redriven
from infra.gates.rules import KINDS, function, functions, rule, variable
from infra.gates.template import PSEUDO, Resource, Template, listed, statements

# Actions for which AWS knows no resource, or not all: each with the reason.
ANY_RESOURCE = {
    "cloudwatch:DescribeAlarms": "a job's guard may name a composite alarm, which CloudWatch gives to * only",
    "cloudwatch:GetMetricData": "CloudWatch knows neither resources nor conditions for whoever reads metrics",
    "cloudwatch:GetMetricStatistics": "as GetMetricData",
    "xray:PutTraceSegments": "X-Ray has no resources",
    "xray:PutTelemetryRecords": "X-Ray has no resources",
}
# Resources whose names end in an id that only AWS knows: each with the reason.
ANY_ID = {
    "cloudformation:DescribeStacks": (
        f"arn:aws:cloudformation:{PSEUDO['AWS::Region']}:{PSEUDO['AWS::AccountId']}:stack/{PSEUDO['AWS::StackName']}/*",
        "whoever gives a stack's name asks for NAME/*",
    ),
}
# Wildcards inside an action's name, which KMS's own documentation has for these.
ANY_SUFFIX = {"kms:GenerateDataKey*", "kms:ReEncrypt*"}
TLS_ACTIONS = {"AWS::SQS::Queue": "sqs:SendMessage", "AWS::SNS::Topic": "sns:Publish"}


def role_of(template: Template, one: Resource) -> Resource | None:
    """The role that a function runs as."""
    return template.find(one.get("Role"))


def permits(statement: dict[str, Any], action: str) -> bool:
    """Returns true if a statement speaks of this action."""
    return any(fnmatch.fnmatchcase(action, pattern) for pattern in listed(statement.get("Action")))


def policies_of(template: Template, resource: Resource) -> Iterator[dict[str, Any]]:
    """The statements of the policies that stand at a queue or a topic."""
    for policy in template.of_type("AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy"):
        if any(resource.is_meant_by(one) for one in policy.get("Queues", []) + policy.get("Topics", [])):
            yield from policy.get("PolicyDocument")["Statement"]


@rule("tls-only")
def tls(template: Template) -> Iterator[str]:
    """Queues and topics refuse what does not come over TLS."""
    for one in template.of_type(*TLS_ACTIONS):
        if not any(_refuses_plain(statement, one) for statement in policies_of(template, one)):
            yield f"{one.name} takes what comes without TLS"


def _refuses_plain(statement: dict[str, Any], one: Resource) -> bool:
    secure = statement.get("Condition", {}).get("Bool", {}).get("aws:SecureTransport")
    return (
        statement["Effect"] == "Deny"
        and statement.get("Principal") in ("*", {"AWS": "*"})
        and str(secure).lower() == "false"
        and permits(statement, TLS_ACTIONS[one.type])
        and any(one.is_meant_by(resource) for resource in listed(statement.get("Resource")))
    )


@rule("nobody-else-sends")
def named_sources(template: Template) -> Iterator[str]:
    """Permissions of a service at a queue or a topic name their source."""
    for one in template.of_type(*TLS_ACTIONS):
        for statement in policies_of(template, one):
            if statement["Effect"] != "Allow":
                continue
            named = [sources for test in statement.get("Condition", {}).values() for sources in test]
            if statement.get("Principal") in ("*", {"AWS": "*"}) or "aws:SourceArn" not in named:
                yield f"{one.name}: {statement.get('Sid')} takes from anyone"


@rule("alarms-can-publish")
def publish(template: Template) -> Iterator[str]:
    """A topic that an alarm publishes to lets CloudWatch publish, and so does its key."""
    for alarm in template.of_type("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"):
        for action in alarm.get("AlarmActions", []):
            topic = template.find(action)
            if topic is None:
                yield f"{alarm.name} publishes to something that is not in the template"
                continue
            if not any(_lets_alarm(statement, topic, alarm) for statement in policies_of(template, topic)):
                yield f"{topic.name} does not let {alarm.name} publish"
            key = template.find(topic.get("KmsMasterKeyId"))
            if key is None or not _lets_cloudwatch(key):
                yield f"the key of {topic.name} does not let CloudWatch use it: alarms would vanish"


def _lets_alarm(statement: dict[str, Any], topic: Resource, alarm: Resource) -> bool:
    name = f"{PSEUDO['AWS::StackName']}-{alarm.name}-Y"
    written = f"arn:aws:cloudwatch:{PSEUDO['AWS::Region']}:{PSEUDO['AWS::AccountId']}:alarm:{name}"
    return (
        statement["Effect"] == "Allow"
        and "cloudwatch.amazonaws.com" in listed(statement.get("Principal", {}).get("Service"))
        and permits(statement, "sns:Publish")
        and any(topic.is_meant_by(resource) for resource in listed(statement.get("Resource")))
        and any(source == alarm.arn or fnmatch.fnmatchcase(written, source) for source in _sources(statement))
    )


def _sources(statement: dict[str, Any]) -> list[str]:
    """The ARNs that a statement takes something from."""
    return [arn for test in statement.get("Condition", {}).values() for arn in listed(test.get("aws:SourceArn"))]


@rule("no-stack-beside")
def beside(template: Template) -> Iterator[str]:
    """Resources of another stack are not taken for this one's because their names begin alike."""
    for topic in template.of_type("AWS::SNS::Topic"):
        for statement in policies_of(template, topic):
            for source in _sources(statement):
                # All of an account's alarms are said to be meant.
                if "*" in source and not source.endswith(":alarm:*"):
                    yield f"{topic.name} takes from whatever begins like {source}"


# CloudWatch's own use of a topic's key fills in no source; logs have their own condition.
WITHOUT_SOURCE = {"cloudwatch.amazonaws.com", f"logs.{PSEUDO['AWS::Region']}.amazonaws.com", "lambda.amazonaws.com"}


@rule("services-name-their-source")
def deputies(template: Template) -> Iterator[str]:
    """A service uses a key or a role for a source of this stack, and not for anybody's."""
    asked = [(key.name, one) for key in template.of_type("AWS::KMS::Key") for one in key.get("KeyPolicy")["Statement"]]
    for role in template.of_type("AWS::IAM::Role"):
        asked += [(role.name, one) for one in role.get("AssumeRolePolicyDocument")["Statement"]]
    for name, statement in asked:
        services = set(listed(_service(statement))) - WITHOUT_SOURCE
        sources = _sources(statement)
        if services and (not sources or any("*" in source for source in sources)):
            yield f"{name} lets {', '.join(sorted(services))} act for anybody: {sources}"


def _lets_cloudwatch(key: Resource) -> bool:
    # A condition that CloudWatch does not fill in would silence every alarm.
    def lets(statement: dict[str, Any]) -> bool:
        service = statement.get("Principal", {}).get("Service")
        needed = ("kms:Decrypt", "kms:GenerateDataKey")
        plain = statement["Effect"] == "Allow" and "Condition" not in statement
        return plain and "cloudwatch.amazonaws.com" in listed(service) and all(permits(statement, one) for one in needed)

    return any(lets(statement) for statement in key.get("KeyPolicy")["Statement"])


@rule("every-action-named")
def named(template: Template) -> Iterator[str]:
    """Roles and policies for people name every action and every resource, but where AWS knows none."""
    for role in template.of_type("AWS::IAM::Role"):
        if role.get("ManagedPolicyArns"):
            yield f"{role.name} takes policies of others: {role.get('ManagedPolicyArns')}"
        for statement in statements(template, role):
            yield from _unnamed(role, statement)
    for policy in template.of_type("AWS::IAM::ManagedPolicy"):
        for statement in policy.get("PolicyDocument")["Statement"]:
            yield from _unnamed(policy, statement)


def _unnamed(owner: Resource, statement: dict[str, Any]) -> Iterator[str]:
    sid = f"{owner.name}, {statement.get('Sid')}"
    if statement["Effect"] != "Allow" or "NotAction" in statement or "NotResource" in statement:
        yield f"{sid}: says what is not meant, and not what is"
    actions = listed(statement.get("Action"))
    for action in actions:
        if "*" in action and action not in ANY_SUFFIX:
            yield f"{sid}: {action} is more than one action"
    for resource in listed(statement.get("Resource")):
        of_an_id = all(ANY_ID.get(action, ("", ""))[0] == resource for action in actions)
        if "*" in resource and not of_an_id and not (resource == "*" and set(actions) <= set(ANY_RESOURCE)):
            yield f"{sid}: {resource} is more than one resource"


@rule("one-role-a-function")
def roles(template: Template) -> Iterator[str]:
    """Each function has a role of its own, for Lambda alone; the administration's is the replay's, which it is once more."""
    seen: dict[str, str] = {}
    administration = function(template, "administration")
    for one in template.of_type("AWS::Lambda::Function"):
        if administration is not None and one.name == administration.name:
            continue
        role = role_of(template, one)
        if role is None:
            yield f"{one.name} has no role of this template"
            continue
        if role.name in seen:
            yield f"{one.name} shares {role.name} with {seen[role.name]}"
        seen[role.name] = one.name
        for statement in role.get("AssumeRolePolicyDocument")["Statement"]:
            if statement.get("Principal") != {"Service": "lambda.amazonaws.com"}:
                yield f"{role.name} may be taken by {statement.get('Principal')}"


def _may(template: Template, kind: str, action: str) -> Iterator[str]:
    one = function(template, kind)
    role = role_of(template, one) if one else None
    for statement in statements(template, role) if role else ():
        if permits(statement, action):
            yield from listed(statement.get("Resource"))


@rule("each-touches-its-own")
def own(template: Template) -> Iterator[str]:
    """The processor reads no dead letters, the indexer sends none, the replay sends to its own queues alone."""
    dead, failed = _dead_letter_queues(template), _failed_invocations(template)
    for action in ("sqs:ReceiveMessage", "sqs:DeleteMessage"):
        for kind in ("processor", "replay"):
            yield from (f"the {kind} may {action} {queue}" for queue in _may(template, kind, action) if queue in dead)
    for queue in _may(template, "indexer", "sqs:SendMessage"):
        if queue not in failed:
            yield f"the indexer may send to {queue}"
    for kind in ("processor", "replay"):
        one = function(template, kind)
        asked = one is not None and variable(one, "DEAD_LETTER_QUEUE_URL") is not None
        asked = asked or (kind == "replay" and template.values.get("AllowEject") == "true")
        for queue in _may(template, kind, "sqs:SendMessage"):
            if queue in dead and not asked:
                yield f"the {kind} may send to {queue}, and has no reason to"


@rule("destinations-are-listed")
def destinations(template: Template) -> Iterator[str]:
    """Beside the stack's queues the replay may send to those that are listed, all of them, and it is told no others."""
    one = function(template, "replay")
    told = str(variable(one, "REPLAY_DESTINATIONS") or "") if one else ""
    wanted = {arn for arn in listed(template.values.get("ReplayDestinations")) if arn}
    mains = {name for main, _ in redriven(template) for name in main.names()}
    own = mains | _dead_letter_queues(template) | _failed_invocations(template)
    own |= set(listed(template.values.get("SourceQueueArns")))
    may = set(_may(template, "replay", "sqs:SendMessage"))
    yield from (f"the replay may not send to {queue}, which is listed" for queue in sorted(wanted - may))
    yield from (f"the replay may send to {queue}, which is not listed" for queue in sorted(may - own - wanted))
    yield from (f"the replay is told {queue}, which is not listed" for queue in sorted({*told.split(",")} - wanted - {""}))


@rule("others-are-notified-by-redrive")
def notified(template: Template) -> Iterator[str]:
    """Indexer and replay know the bus that is given, and may put Redrive's events there; nobody knows another, and the processor none."""
    bus = template.values.get("EventBusArn") or None
    for kind, one in functions(template):
        wanted = None if kind == "processor" else bus
        known = variable(one, "EVENT_BUS_ARN")
        if known != wanted:
            yield f"the {kind} is told of the bus {known}, and not of {wanted}"
        role = role_of(template, one)
        puts = [statement for statement in (statements(template, role) if role else ()) if permits(statement, "events:PutEvents")]
        may = [resource for statement in puts for resource in listed(statement.get("Resource"))]
        if may != listed(wanted):
            yield f"the {kind} may put events on {may}"
        if any(statement.get("Condition") != {"StringEquals": {"events:source": "redrive"}} for statement in puts):
            yield f"the {kind} may put events in the name of others"


@rule("nothing-is-forgotten")
def forgotten(template: Template) -> Iterator[str]:
    """No function deletes from the ledger, and none reads a whole table."""
    for kind in KINDS:
        for action in ("dynamodb:DeleteItem", "dynamodb:PartiQLDelete", "dynamodb:BatchWriteItem"):
            yield from (f"the {kind} may {action} {one}" for one in _may(template, kind, action) if "Ledger" in one)
        yield from (f"the {kind} may scan {one}" for one in _may(template, kind, "dynamodb:Scan"))


def _is_ledger(template: Template, resource: str) -> bool:
    return "Ledger" in resource or resource == template.values.get("LedgerTableArn")


def _is_another_accounts(resource: str) -> bool:
    return resource.startswith("arn:") and resource.split(":")[4] != PSEUDO["AWS::AccountId"]


@rule("ledger-by-its-name")
def by_name(template: Template) -> Iterator[str]:
    """A ledger of this account is told by its name: a statement takes no ARN, and an ARN means other calls than the role has."""
    for kind, one in functions(template):
        told = variable(one, "LEDGER_TABLE_NAME") or "none"
        if told.startswith("arn:") and not _is_another_accounts(told):
            yield f"the {kind} is told of its ledger by an ARN: {told}"
        ledger = template.values.get("LedgerTableArn") or ""
        if ledger and told not in (ledger, ledger.rsplit("/", 1)[-1]):
            yield f"the {kind} is told of the ledger {told}, and its role of {ledger}"


# What replay may write in the ledger, and what each call may name.
WITHDRAWN = ["buried", "expires", "lives", "owner", "pk", "version", "withdrawn"]
LEDGER_WRITES = {
    "dynamodb:PartiQLUpdate": WITHDRAWN,
    "dynamodb:PartiQLInsert": sorted([*WITHDRAWN, "hash", "lease_until", "state"]),
}
# PartiQL reaches no table of another account.
ANOTHER_ACCOUNTS = {"dynamodb:UpdateItem": LEDGER_WRITES["dynamodb:PartiQLInsert"]}
ANY_WRITE = ("dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:TransactWriteItems", *LEDGER_WRITES)


@rule("replay-only-withdraws")
def withdraws(template: Template) -> Iterator[str]:
    """Writes of replay to the ledger are those that withdraw a letter's copies, and no others: each attribute is named."""
    one = function(template, "replay")
    role = role_of(template, one) if one else None
    for statement in statements(template, role) if role else ():
        ledgers = {resource for resource in listed(statement.get("Resource")) if _is_ledger(template, resource)}
        if not ledgers:
            continue
        writes = ANOTHER_ACCOUNTS if all(_is_another_accounts(ledger) for ledger in ledgers) else LEDGER_WRITES
        for action in (action for action in ANY_WRITE if permits(statement, action)):
            condition = statement.get("Condition", {})
            attributes = condition.get("ForAllValues:StringEquals", {}).get("dynamodb:Attributes")
            # Else the condition holds where no attribute is told.
            told = str(condition.get("Null", {}).get("dynamodb:Attributes")).lower() == "false"
            if not told or listed(attributes) != writes.get(action, []):
                yield f"the replay may {action} {attributes or 'anything'} in the ledger"


def _dead_letter_queues(template: Template) -> set[str]:
    here = {name for _, dead in redriven(template) for name in dead.names()}
    return here | set(listed(template.values.get("DeadLetterQueueArns")))


def _failed_invocations(template: Template) -> set[str]:
    configs = template.of_type("AWS::Lambda::EventInvokeConfig")
    places = [template.find(one.get("DestinationConfig.OnFailure.Destination")) for one in configs]
    return {name for place in places if place is not None for name in place.names()}


@rule("failures-may-be-reported")
def reported(template: Template) -> Iterator[str]:
    """A function or a schedule may send to where its failures go, and a topic may, too."""
    for config in template.of_type("AWS::Lambda::EventInvokeConfig"):
        one = template.find(config.get("FunctionName"))
        place = template.find(config.get("DestinationConfig.OnFailure.Destination"))
        if one is not None and place is not None and not _sends(template, template.find(one.get("Role")), place):
            yield f"{one.name} may not send to {place.name}"
    for schedule in template.of_type("AWS::Scheduler::Schedule"):
        place = template.find(schedule.get("Target.DeadLetterConfig.Arn"))
        if place is not None and not _sends(template, template.find(schedule.get("Target.RoleArn")), place):
            yield f"{schedule.name} may not send to {place.name}"
    for subscription in template.of_type("AWS::SNS::Subscription"):
        place = template.find(subscription.get("RedrivePolicy.deadLetterTargetArn"))
        lets = list(policies_of(template, place)) if place else []
        if place is not None and not any("sns.amazonaws.com" in listed(_service(one)) for one in lets):
            yield f"{place.name} does not let SNS send"


def _service(statement: dict[str, Any]) -> Any:
    principal = statement.get("Principal")
    return principal.get("Service") if isinstance(principal, dict) else None


def _sends(template: Template, role: Resource | None, place: Resource) -> bool:
    for statement in statements(template, role) if role else ():
        if permits(statement, "sqs:SendMessage") and any(place.is_meant_by(one) for one in listed(statement.get("Resource"))):
            return True
    return False


@rule("key-may-be-used")
def key_used(template: Template) -> Iterator[str]:
    """Roles that work with something that the stack's own key encrypts may use that key."""
    keys = [key for queue in template.of_type(QUEUE) for key in listed(queue.get("KmsMasterKeyId"))]
    key = template.find(keys[0]) if keys else None
    if key is None:
        return
    roles = [(one.name, role_of(template, one)) for _, one in functions(template)]
    roles += [(one.name, template.find(one.get("Target.RoleArn"))) for one in template.of_type("AWS::Scheduler::Schedule")]
    for name, role in roles:
        may = [one for one in statements(template, role) if any(key.is_meant_by(it) for it in listed(one.get("Resource")))] if role else []
        if not any(permits(one, "kms:Decrypt") and permits(one, "kms:GenerateDataKey") for one in may):
            yield f"{name} may not use {key.name}"
    services = [service for one in key.get("KeyPolicy")["Statement"] for service in listed(_service(one))]
    for service in ("sns.amazonaws.com", f"logs.{PSEUDO['AWS::Region']}.amazonaws.com"):
        if service not in services:
            yield f"{key.name} does not let {service} use it"


@rule("traces-may-be-sent")
def traced(template: Template) -> Iterator[str]:
    """A function that is traced may send its traces."""
    for kind, one in functions(template):
        active = one.get("TracingConfig.Mode") == "Active"
        may = any(True for _ in _may(template, kind, "xray:PutTraceSegments"))
        if active != may:
            yield f"{one.name} is traced: {active}, and may send traces: {may}"
