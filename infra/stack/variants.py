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
    """Beside those of its configuration, from the outputs of what it needs."""


def _attached(foreign: Outputs, *, leaving: bool = False) -> Mapping[str, str]:
    """Indexer and replay for the foreign queues; leaving, the mail's are given up."""
    names = ("Orders", "Mail", "Tasks")
    pairs = [_pair(foreign, name, custody=not (leaving and name == "Mail")) for name in names]
    return {
        "SourceQueueArns": ",".join(foreign[f"{name}QueueArn"] for name in names),
        "DeadLetterQueueArns": ",".join(foreign[f"{name}DeadQueueArn"] for name in names),
        "QueuePairs": json.dumps({"pairs": pairs}, separators=(",", ":")),
        "AllowEject": "true" if leaving else "false",
    }


def _pair(foreign: Outputs, name: str, *, custody: bool) -> dict[str, object]:
    """Makes a pair as infra/pairs.example.json has it, for a consumer that keeps no ledger of ours. It would be due soon, if it were ever
    due."""
    return {
        "source_arn": foreign[f"{name}QueueArn"],
        "source_url": foreign[f"{name}QueueUrl"],
        "dead_letter_url": foreign[f"{name}DeadQueueUrl"],
        "scope": None,
        "policy": {"cool_down_seconds": 1, "max_deaths": 3},
        "custody": custody,
    }


VARIANTS = {
    "fifo": Variant(f"{STACK}-fifo"),
    FOREIGN: Variant(f"{STACK}-foreign", "stack/foreign.yaml", built=False),
    "attach": Variant(f"{STACK}-attach", "attach.yaml", needs=FOREIGN, parameters=_attached),
    # The same stack once more, as its owner leaves it: custody of one pair off, ejection allowed.
    "leave": Variant(f"{STACK}-attach", "attach.yaml", after="attach", parameters=lambda foreign: _attached(foreign, leaving=True)),
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
