"""Variants that can stand on the stage beside its own stack. Each is a configuration of samconfig.toml, `stage-NAME`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from infra.stack.settings import STACK

Outputs = Mapping[str, str]
FOREIGN = "foreign"


@dataclass(frozen=True)
class Variant:
    """A stack beside the stage's own."""

    stack: str
    template: str = "template.yaml"
    """In infra/; one that is not built is deployed as it is."""
    built: bool = True
    needs: str | None = None
    """Another variant, which is deployed before it, and whose outputs are among its own."""
    after: str | None = None
    """Another variant, which must be there: this one is the same stack with other parameters."""
    parameters: Callable[[Outputs], Mapping[str, str]] = lambda _: {}
    """Beside those of its configuration, from the outputs of what it needs, and those that the stage's own stack shares."""


def _attached(given: Outputs, *, leaving: bool = False) -> Mapping[str, str]:
    """Indexer and replay for the foreign queues; leaving, the mail's are given up. One of their consumers shares the stage's ledger."""
    pairs = {name: _pair(given, name) for name in ("Orders", "Mail", "Tasks", "Invoices", "Charges")}
    pairs["Mail"]["custody"] = not leaving
    # What never ran would be sent by itself, and a test edits it.
    asked = [{"match": {"error_type": "NEVER_RAN"}, "replay": "ask"}]
    pairs["Invoices"] |= {"scope": "invoices", "key_pointer": "/id", "policy": {"cool_down_seconds": 1, "max_deaths": 5, "rules": asked}}
    # Its consumer moves to the stage's own processor, and takes what is dead along.
    pairs["Charges"]["destinations"] = [given["ChargesQueueArn"], given["MainQueueArn"]]
    return {
        "ReplayDestinations": given["MainQueueArn"],
        "SourceQueueArns": ",".join(given[f"{name}QueueArn"] for name in pairs),
        "DeadLetterQueueArns": ",".join(given[f"{name}DeadQueueArn"] for name in pairs),
        "QueuePairs": json.dumps({"pairs": list(pairs.values())}, separators=(",", ":")),
        "LedgerTableArn": _table_arn(given["OrdersQueueArn"], given["LedgerTableName"]),
        "AllowEject": "true" if leaving else "false",
    }


def _pair(given: Outputs, name: str) -> dict[str, object]:
    """Makes a pair as infra/pairs.example.json has it, for a consumer that keeps no ledger of ours. It would be due soon, if it were ever
    due."""
    return {
        "source_arn": given[f"{name}QueueArn"],
        "source_url": given[f"{name}QueueUrl"],
        "dead_letter_url": given[f"{name}DeadQueueUrl"],
        "scope": None,
        "policy": {"cool_down_seconds": 1, "max_deaths": 3},
        "custody": True,
    }


def _table_arn(queue_arn: str, table: str) -> str:
    """Returns the ARN of a table of a queue's account and region."""
    _, partition, _, region, account, _ = queue_arn.split(":")
    return f"arn:{partition}:dynamodb:{region}:{account}:table/{table}"


VARIANTS = {
    "fifo": Variant(f"{STACK}-fifo"),
    FOREIGN: Variant(
        f"{STACK}-foreign",
        "stack/foreign.yaml",
        built=False,
        parameters=lambda given: {"OrdersTableName": given["OrdersTableName"]},
    ),
    "attach": Variant(f"{STACK}-attach", "attach.yaml", needs=FOREIGN, parameters=_attached),
    # The same stack once more, as its owner leaves it: custody of one pair off, ejection allowed.
    "leave": Variant(f"{STACK}-attach", "attach.yaml", after="attach", parameters=lambda given: _attached(given, leaving=True)),
}


def override(parameters: Mapping[str, str]) -> list[str]:
    """Parameters as `sam deploy --parameter-overrides` takes them: a text with blanks or quotes in quotes.

    Raises ValueError for what it cannot be given: it takes a backslash away that stands before a quote, a blank or the end.
    """
    return [f"{name}={_quoted(value)}" for name, value in parameters.items()]


def _quoted(value: str) -> str:
    if re.search(r"""\\(?=["' ]|$)""", value):
        raise ValueError(
            "sam takes a backslash away before a quote or a blank; in JSON write \\u0022 for a quote and \\u005c for a backslash"
        )
    escaped = value.replace('"', '\\"')
    return f'"{escaped}"'
