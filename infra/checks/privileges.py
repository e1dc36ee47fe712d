"""Holds the roles of the deployed stacks to what their functions have asked for: least privilege, as far as a stage can show it.

Wrong is: a call that the function's role does not allow; a permission that was never used and has no reason in privileges.toml; a
reason there for what is used, or is not there at all.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from samcli.yamlhelper import yaml_parse

from infra.stack import deployment
from infra.stack.deployment import client
from infra.stack.peers import UNKNOWN_CALLER
from infra.stack.settings import INFRA, STACK, Settings
from infra.stack.variants import VARIANTS

REASONS = INFRA / "checks" / "privileges.toml"
TEMPLATES = ("template.yaml", "attach.yaml")


@dataclass(frozen=True, order=True)
class Grant:
    """Action on a resource that a statement allows; the resource by its name in the template, where it has one.

    The two templates give a function the same code and the same statements: a grant that was used in a stack of either is used.
    """

    role: str
    statement: str
    action: str
    resource: str

    def __str__(self) -> str:
        return f"{self.role} {self.statement}: {self.action} on {self.resource}"


@dataclass(frozen=True)
class Role:
    """A role of a deployed stack, and the functions that have it."""

    template: str
    name: str
    functions: frozenset[str]
    statements: Sequence[Mapping[str, Any]]
    names: Mapping[str, str]
    """The stack's physical names, and what they are called in the template."""

    def grants(self) -> frozenset[Grant]:
        """Returns everything that the role allows."""
        return frozenset(
            self._grant(statement, action, resource)
            for statement in self.statements
            for action in _listed(statement["Action"])
            for resource in _listed(statement["Resource"])
        )

    def covering(self, asked: Asked) -> frozenset[Grant]:
        """Returns the grants that allow a request. Of conditions only those on named attributes and on an event's source are believed."""
        return frozenset(
            self._grant(statement, allowed, on)
            for statement in self.statements
            if statement["Effect"] == "Allow" and _holds(statement.get("Condition", {}), asked.attributes)
            for allowed in _listed(statement["Action"])
            for on in _listed(statement["Resource"])
            if _matches(allowed.lower(), asked.action.lower()) and _matches(on, asked.resource)
        )

    def _grant(self, statement: Mapping[str, Any], action: str, resource: str) -> Grant:
        return Grant(self.name, statement["Sid"], action, named(resource, self.names))


@dataclass(frozen=True)
class Asked:
    """Line of the recording: a request that a function made."""

    function: str
    action: str
    resource: str
    attributes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reason:
    """Reason for a permission that was not seen at work."""

    roles: frozenset[str]
    statement: str
    actions: frozenset[str] | None
    sometimes: bool = False
    """True if it may also have been used."""

    def explains(self, grant: Grant) -> bool:
        """Returns true if the reason is about this grant."""
        about = grant.role in self.roles and grant.statement == self.statement
        return about and (self.actions is None or grant.action in self.actions)


def findings(roles: Sequence[Role], asked: Iterable[Asked], reasons: Sequence[Reason]) -> list[str]:
    """Returns what is wrong with the roles, or with the reasons."""
    owners = {function: role for role in roles for function in role.functions}
    used: set[Grant] = set()
    wrong = []
    for one in asked:
        role = owners.get(one.function)
        if role is None:
            continue
        covering = role.covering(one)
        if not covering:
            what = f"{one.action} on {named(one.resource, role.names)} {' '.join(one.attributes)}".rstrip()
            wrong.append(f"refused: {role.template} {role.name} does not allow {what}")
        used |= covering
    granted = {grant for role in roles for grant in role.grants()}
    unused = granted - used
    wrong += [f"never used, and no reason given: {grant}" for grant in unused if not _explained(grant, reasons)]
    for reason in reasons:
        explained = granted if reason.sometimes else unused
        wrong += [f"a reason for what is used or not there: {one}" for one in _idle(reason, explained)]
    return sorted(set(wrong))


def missing(written: Mapping[str, set[str]], roles: Sequence[Role], reasons: Sequence[Reason]) -> list[str]:
    """Statements of a template, by role, that no stack has and no reason explains; and reasons for ones that a stack has."""
    deployed = {(role.name, statement["Sid"]) for role in roles for statement in role.statements}
    absent = {(role, sid) for role, sids in written.items() for sid in sids} - deployed
    explained = {(role, reason.statement) for reason in reasons for role in reason.roles}
    wrong = [f"on no stage, and no reason given: {role} {sid}" for role, sid in absent - explained]
    wrong += [f"a reason for what the stage has, or is not there: {role} {sid}" for role, sid in explained - absent]
    return sorted(wrong)


def named(arn: str, names: Mapping[str, str]) -> str:
    """Returns the name of a resource in the template; the end of its ARN if it is none of the stack's."""
    if ":" not in arn:
        return arn
    parts = arn.split(":", 5)[5].split("/")
    parts = [":".join(names.get(piece, piece) for piece in part.split(":")) for part in parts]
    return "/".join(parts).removeprefix("table/")


def read_reasons(text: str, table: str) -> list[Reason]:
    """Reads one of the two lists of privileges.toml. A reason must say why."""
    entries = tomllib.loads(text).get(table, [])
    if bare := [entry for entry in entries if not entry.get("why")]:
        raise ValueError(f"privileges.toml gives no reason for {bare[0]}")
    return [
        Reason(
            frozenset(entry["roles"]),
            entry["statement"],
            frozenset(entry["actions"]) if "actions" in entry else None,
            entry.get("sometimes", False),
        )
        for entry in entries
    ]


def _explained(grant: Grant, reasons: Sequence[Reason]) -> bool:
    return any(reason.explains(grant) for reason in reasons)


def _idle(reason: Reason, unused: Iterable[Grant]) -> list[str]:
    """The parts of a reason that explain nothing."""
    about = [grant for grant in unused if reason.explains(grant)]
    actions = reason.actions or frozenset({""})
    wanted = {(role, action) for role in reason.roles for action in actions}
    found = {(grant.role, grant.action if reason.actions else "") for grant in about}
    return [f"{role} {reason.statement} {action}".rstrip() for role, action in sorted(wanted - found)]


def _holds(condition: Mapping[str, Any], attributes: Sequence[str]) -> bool:
    """Returns true if a call that names these attributes, or these sources of events, meets the condition: it lists them all, or there is
    none."""
    if not condition:
        return True
    if set(condition) == {"StringEquals"} and set(condition["StringEquals"]) == {"events:source"}:
        return bool(attributes) and set(attributes) <= set(_listed(condition["StringEquals"]["events:source"]))
    listed = condition.get("ForAllValues:StringEquals", {}).get("dynamodb:Attributes", [])
    only = {"ForAllValues:StringEquals": {"dynamodb:Attributes": listed}, "Null": {"dynamodb:Attributes": "false"}}
    return condition == only and bool(attributes) and set(attributes) <= set(_listed(listed))


def _matches(pattern: str, text: str) -> bool:
    parts = (".*" if one == "*" else "." if one == "?" else re.escape(one) for one in pattern)
    return re.fullmatch("".join(parts), text) is not None


def _listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


def deployed(settings: Settings, endpoint: str) -> list[Role]:
    """The roles of every stack on the stage that comes from one of our templates."""
    stacks = {STACK: "template.yaml"} | {one.stack: one.template for one in VARIANTS.values() if one.built}
    formation = client("cloudformation", settings, endpoint)
    there = {stack["StackName"] for page in formation.get_paginator("describe_stacks").paginate() for stack in page["Stacks"]}
    return [role for stack, template in stacks.items() if stack in there for role in _roles(settings, endpoint, stack, template)]


def _roles(settings: Settings, endpoint: str, stack: str, template: str) -> list[Role]:
    formation = client("cloudformation", settings, endpoint)
    identities = client("iam", settings, endpoint)
    functions = client("lambda", settings, endpoint)
    pages = formation.get_paginator("list_stack_resources").paginate(StackName=stack)
    resources = [one for page in pages for one in page["StackResourceSummaries"]]
    names = {re.split(r"[/:]", one["PhysicalResourceId"])[-1]: one["LogicalResourceId"] for one in resources}
    has: dict[str, set[str]] = {}
    for one in resources:
        if one["ResourceType"] == "AWS::Lambda::Function":
            name = one["PhysicalResourceId"]
            role = functions.get_function_configuration(FunctionName=name)["Role"].rsplit("/", 1)[-1]
            has.setdefault(role, set()).add(name)
    found = []
    for one in resources:
        if one["ResourceType"] == "AWS::IAM::Role":
            name = one["PhysicalResourceId"]
            if identities.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
                raise ValueError(f"{name} has managed policies, which are not looked into")
            policies = identities.list_role_policies(RoleName=name)["PolicyNames"]
            documents = [identities.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"] for policy in policies]
            statements = [statement for document in documents for statement in document["Statement"]]
            found.append(Role(template, one["LogicalResourceId"], frozenset(has.get(name, set())), statements, names))
    return found


def written() -> dict[str, set[str]]:
    """The statements of every role in our templates, whatever their conditions."""
    found: dict[str, set[str]] = {}
    for template in TEMPLATES:
        for name, resource in yaml_parse((INFRA / template).read_text())["Resources"].items():
            if resource["Type"] == "AWS::IAM::Role":
                found.setdefault(name, set()).update(_sids(resource["Properties"]["Policies"]))
    return found


def _sids(value: Any) -> Iterable[str]:
    if isinstance(value, Mapping):
        if "Sid" in value:
            yield value["Sid"]
        for inner in value.values():
            yield from _sids(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _sids(inner)


def recorded(file: Path) -> list[Asked]:
    """Reads the recording of requests."""
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    return [Asked(**{**line, "attributes": tuple(line["attributes"])}) for line in lines]


def main() -> int:
    """Runs the command line."""
    settings = Settings.read()
    settings.isolate()
    outputs = deployment.read_outputs(settings)
    if outputs is None or not settings.calls.exists():
        sys.stderr.write(f"privileges: no recording in {settings.folder}: bring the stage up with STAGE_RECORD=1\n")
        return 1
    asked, roles, text = recorded(settings.calls), deployed(settings, outputs["endpoint"]), REASONS.read_text()
    unknown = sorted({one.action for one in asked if one.function == UNKNOWN_CALLER})
    wrong = [f"asked by no function that is known: {action}" for action in unknown]
    wrong += findings(roles, asked, read_reasons(text, "unused"))
    wrong += missing(written(), roles, read_reasons(text, "undeployed"))
    for line in wrong:
        sys.stderr.write(f"privileges: {line}\n")
    if not wrong:
        unused = len(read_reasons(text, "unused"))
        sys.stdout.write(f"privileges: {len(asked)} kinds of calls, {len(roles)} roles, {unused} reasons: nothing refused, nothing idle\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
