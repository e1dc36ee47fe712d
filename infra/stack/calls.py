"""Permissions that a request to AWS needs, in IAM's words: pairs of an action and the ARN of a resource. Pure.

A batch call needs the permission of the single one; a transaction those of its parts; a PartiQL statement that of its verb.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/[0-9]{8}/([a-z0-9-]+)/([a-z0-9-]+)/aws4_request")
OPERATION = re.compile(r"^/service/[^/]+/operation/([A-Za-z]+)$")
PARTIQL = re.compile(
    r'^\s*(?:(INSERT)\s+INTO|(UPDATE)|(DELETE)\s+FROM|(SELECT)\s.*?\sFROM)\s+"([^"]+)"(?:\."([^"]+)")?',
    re.IGNORECASE | re.DOTALL,
)
INSERTED = re.compile(r"'([^']+)'\s*:")
CHANGED = re.compile(r'"([^"]+)"\s*=|\bREMOVE\s+"([^"]+)"', re.IGNORECASE)
# By the name that requests are signed for.
NAMESPACES = {"monitoring": "cloudwatch"}
BATCHES = {
    "SendMessageBatch": "SendMessage",
    "DeleteMessageBatch": "DeleteMessage",
    "ChangeMessageVisibilityBatch": "ChangeMessageVisibility",
}
PARTS = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "Get": "GetItem",
    "ConditionCheck": "ConditionCheckItem",
}


class NotUnderstoodError(ValueError):
    """A request whose permission cannot be told; it must not pass for none."""


@dataclass(frozen=True, order=True)
class Call:
    """Permission that a request needs."""

    action: str
    resource: str
    attributes: tuple[str, ...] = ()
    """Of a PartiQL statement that writes: which attributes it names, those of its condition, too. Of an event: its source."""


@dataclass(frozen=True)
class _Signed:
    account: str
    region: str
    namespace: str

    def arn(self, resource: str) -> str:
        return f"arn:aws:{self.namespace}:{self.region}:{self.account}:{resource}"

    def table(self, name: str, index: str | None = None) -> str:
        found = name if name.startswith("arn:") else self.arn(f"table/{name}")
        return f"{found}/index/{index}" if index else found


def calls(path: str, headers: Mapping[str, str], body: bytes) -> frozenset[Call]:
    """Returns the permissions that the request needs; `headers` by lower-case names."""
    found = CREDENTIAL.search(headers.get("authorization", ""))
    if found is None:
        raise NotUnderstoodError(f"an unsigned request to {path}")
    account, region, service = found.groups()
    signed = _Signed(account, region, NAMESPACES.get(service, service))
    operation = _operation(path, headers)
    if signed.namespace == "cloudwatch":
        return frozenset({Call(f"cloudwatch:{operation}", "*")})
    try:
        asked = json.loads(body or b"{}")
    except ValueError as error:
        raise NotUnderstoodError(f"{signed.namespace}:{operation} with a body that is not JSON") from error
    rules = {"dynamodb": _dynamodb, "events": _events, "sqs": _sqs}
    if signed.namespace not in rules:
        raise NotUnderstoodError(f"{signed.namespace}:{operation}")
    return frozenset(rules[signed.namespace](operation, asked, signed))


def _operation(path: str, headers: Mapping[str, str]) -> str:
    target = headers.get("x-amz-target", "")
    named = OPERATION.match(path)
    if target:
        return target.rpartition(".")[2]
    if named is None:
        raise NotUnderstoodError(f"a request to {path} that names no operation")
    return named.group(1)


def _sqs(operation: str, asked: dict[str, Any], signed: _Signed) -> Iterator[Call]:
    account, name = str(asked["QueueUrl"]).split("/")[-2:]
    yield Call(f"sqs:{BATCHES.get(operation, operation)}", f"arn:aws:sqs:{signed.region}:{account}:{name}")


def _events(operation: str, asked: dict[str, Any], signed: _Signed) -> Iterator[Call]:
    for entry in asked["Entries"]:
        bus = str(entry.get("EventBusName", "default"))
        arn = bus if bus.startswith("arn:") else signed.arn(f"event-bus/{bus}")
        yield Call(f"events:{operation}", arn, (str(entry["Source"]),))


def _dynamodb(operation: str, asked: dict[str, Any], signed: _Signed) -> Iterator[Call]:
    if operation in ("TransactWriteItems", "TransactGetItems"):
        for item in asked["TransactItems"]:
            for part, what in item.items():
                yield Call(f"dynamodb:{PARTS[part]}", signed.table(what["TableName"]))
    elif operation in ("BatchGetItem", "BatchWriteItem"):
        for table in asked["RequestItems"]:
            yield Call(f"dynamodb:{operation}", signed.table(table))
    elif operation in ("ExecuteStatement", "BatchExecuteStatement", "ExecuteTransaction"):
        for one in asked.get("Statements") or asked.get("TransactStatements") or [asked]:
            yield _statement(one["Statement"], signed)
    else:
        yield Call(f"dynamodb:{operation}", signed.table(asked["TableName"], asked.get("IndexName")))


def _statement(text: str, signed: _Signed) -> Call:
    found = PARTIQL.match(text)
    if found is None:
        raise NotUnderstoodError("a PartiQL statement of no known verb")
    *verbs, table, index = found.groups()
    verb = next(verb for verb in verbs if verb).capitalize()
    named = {"Insert": INSERTED, "Update": CHANGED}.get(verb)
    rest = text[found.end() :]
    attributes = {name for one in named.finditer(rest) for name in one.groups() if name} if named else set()
    return Call(f"dynamodb:PartiQL{verb}", signed.table(table, index), tuple(sorted(attributes)))
