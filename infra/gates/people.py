"""Rules for what persons may do: who looks, who replays, and who erases or edits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from infra.gates.access import permits
from infra.gates.rules import function, rule
from infra.gates.template import Resource, Template, listed, statements

POLICY = "AWS::IAM::ManagedPolicy"
INVOKE = "lambda:InvokeFunction"
ALLOWED = "ALLOWED_ACTIONS"
# Functions that each policy lets its holders invoke.
INVOKED = {"reader": (), "operator": ("indexer", "replay"), "administrator": ("administration",)}
# First words of actions that change nothing.
READS = ("Get", "BatchGet", "Query", "List", "Describe")
DECRYPT = "kms:Decrypt"
_ABSENT = object()


@rule("administration-is-the-replay")
def twins(template: Template) -> Iterator[str]:
    """The administration function is the replay function but for what it is allowed: the replay all but administration."""
    replay, administration = function(template, "replay"), function(template, "administration")
    if replay is None or administration is None:
        yield "there is no function for administrators, or none for operators"
        return
    for path in sorted(_differing(replay.properties, administration.properties)):
        if path not in ("Description", f"Environment.Variables.{ALLOWED}"):
            yield f"{administration.name} has another {path} than {replay.name}"
    for one, allowed in ((replay, "replay"), (administration, "all")):
        setting = one.get(f"Environment.Variables.{ALLOWED}")
        if setting != allowed:
            yield f"{one.name} is allowed {setting}, and not {allowed}"
    wanted, found = (_invocations(template, one) for one in (replay, administration))
    if wanted != found:
        yield f"failed invocations of {administration.name} have another end than those of {replay.name}"


def _differing(one: Any, other: Any, path: str = "") -> set[str]:
    """Paths of the properties in which two functions differ; where the code was put is not a property of ours."""
    if isinstance(one, dict) and isinstance(other, dict):
        names = {name for name in {*one, *other} if path or name != "Code"}
        return {at for name in names for at in _differing(one.get(name, _ABSENT), other.get(name, _ABSENT), f"{path}.{name}".lstrip("."))}
    return set() if one == other else {path}


def _invocations(template: Template, one: Resource) -> list[dict[str, Any]]:
    """Destination and retries of asynchronous invocations of a function."""
    configs = template.of_type("AWS::Lambda::EventInvokeConfig")
    of_it = [config.properties for config in configs if one.is_meant_by(config.get("FunctionName"))]
    return [{name: value for name, value in config.items() if name != "FunctionName"} for config in of_it]


@rule("only-people-administer")
def only_people(template: Template) -> Iterator[str]:
    """No schedule, no role, no mapping and no service invokes the administration function."""
    administration = function(template, "administration")
    if administration is None:
        return
    for role in template.of_type("AWS::IAM::Role"):
        for statement in statements(template, role):
            if permits(statement, INVOKE) and any(administration.is_meant_by(one) for one in listed(statement.get("Resource"))):
                yield f"{role.name} may invoke {administration.name}"
    for kind, path in {
        "AWS::Scheduler::Schedule": "Target.Arn",
        "AWS::Lambda::Permission": "FunctionName",
        "AWS::Lambda::EventSourceMapping": "FunctionName",
        "AWS::SNS::Subscription": "Endpoint",
    }.items():
        yield from (
            f"{one.name} invokes {administration.name}" for one in template.of_type(kind) if administration.is_meant_by(one.get(path))
        )


@rule("policies-for-people")
def policies(template: Template) -> Iterator[str]:
    """Readers change nothing, operators invoke indexer and replay, administrators the administration; nobody has a policy by default."""
    for who, kinds in INVOKED.items():
        policy = _policy(template, who)
        if policy is None:
            yield f"there is no policy for the {who}"
            continue
        holders = [holder for place in ("Roles", "Users", "Groups") for holder in policy.get(place, [])]
        if holders:
            yield f"{policy.name} is attached to {holders}: who gets it is the account's decision"
        if policy.get("ManagedPolicyName") is not None:
            yield f"{policy.name} has a name of its own, and a stack with one takes CAPABILITY_NAMED_IAM"
        wanted = {one.arn for kind in kinds if (one := function(template, kind)) is not None}
        found = set(_invoked(policy))
        yield from (f"{policy.name} does not let anybody invoke {one}" for one in sorted(wanted - found))
        yield from (f"{policy.name} lets people invoke {one}" for one in sorted(found - wanted))
        for action in _actions(policy):
            reads = who == "reader" and (action == DECRYPT or action.partition(":")[2].startswith(READS))
            if not reads and not (kinds and action == INVOKE):
                yield f"{policy.name} lets the {who} {action}"


def _policy(template: Template, who: str) -> Resource | None:
    return next((one for one in template.of_type(POLICY) if f"{who}policy" in one.name.lower()), None)


def _actions(policy: Resource) -> Iterator[str]:
    for statement in policy.get("PolicyDocument")["Statement"]:
        yield from listed(statement.get("Action"))


def _invoked(policy: Resource) -> Iterator[str]:
    for statement in policy.get("PolicyDocument")["Statement"]:
        if permits(statement, INVOKE):
            yield from listed(statement.get("Resource"))


@rule("readers-decrypt-tables-alone")
def decrypts(template: Template) -> Iterator[str]:
    """Readers may decrypt where the stack's own key encrypts its tables, through DynamoDB alone, and nothing else."""
    reader = _policy(template, "reader")
    if reader is None:
        return
    keys = {arn for table in template.of_type("AWS::DynamoDB::Table") for arn in listed(table.get("SSESpecification.KMSMasterKeyId"))}
    found = [one for one in reader.get("PolicyDocument")["Statement"] if permits(one, DECRYPT)]
    if keys != {arn for one in found for arn in listed(one.get("Resource"))}:
        yield f"{reader.name} does not decrypt with {keys or 'no key'}"
    for one in found:
        services = listed(one.get("Condition", {}).get("StringEquals", {}).get("kms:ViaService"))
        if [service.partition(".")[0] for service in services] != ["dynamodb"]:
            yield f"{reader.name} decrypts through {services or 'anything'}"
