"""Costs of a million messages beside the peers: what `make bench-peers` measured, at list prices.

Calls, units and times are those of docs/peers.json; prices and assumptions stand in infra/costs.toml. Nothing is asked of AWS.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from infra.dev.costs import MILLION, Bill, Known
from infra.stack.settings import INFRA

SIZE = 10
DELAY_MS = 5
PHASES = {
    "first": "succeeds",
    "duplicate": "came before in another message",
    "redelivered": "is delivered again",
    "failing": "fails once",
}


def bill(known: Known, invocations: Sequence[Mapping[str, Any]]) -> Bill:
    """Bills a million messages of such invocations. Each function gets the same memory, and writes what Lambda itself logs."""
    prices = known.prices

    def each(name: str) -> float:
        return median(float(one["counts"][name]) for one in invocations) / SIZE

    seconds = median(float(one["wall_ms"]) for one in invocations) / 1000
    compute = prices["lambda_request"] + seconds * known.assumed["memory_gb"] * prices["lambda_gb_second"]
    return Bill(
        dynamodb=MILLION * (each("write_units") * prices["write_unit"] + each("read_units") * prices["read_unit"]),
        # The mapping receives and deletes ten at a time, whoever it is for.
        sqs=MILLION * (each("sqs") + 2 / SIZE) * prices["sqs_request"],
        compute=MILLION / SIZE * compute,
        watching=MILLION / SIZE * known.assumed["log_bytes"] / 1e9 * prices["log_gb"],
    )


def bills(known: Known, measured: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], Bill]:
    """Returns the bills by phase and contestant, in the order in which they were measured."""
    cases: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for phase in PHASES:
        for one in measured:
            if (one["size"], one["delay_ms"], one["phase"]) == (SIZE, DELAY_MS, phase):
                cases.setdefault((phase, one["peer"]), []).append(one)
    return {case: bill(known, invocations) for case, invocations in cases.items()}


def main(path: Path = INFRA.parent / "docs" / "peers.json") -> int:
    """Runs the command line."""
    if not path.exists():
        sys.stderr.write(f"costs: {path} is missing: make bench-peers measures it\n")
        return 1
    found = bills(Known.read(), json.loads(path.read_text())["batches"])
    title = f"Dollars for a million messages, {SIZE} a batch, {DELAY_MS} ms a call, list prices"
    table = Table("a message that", "by", "DynamoDB", "SQS", "Lambda", "logs", "together", title=title)
    for column in table.columns[2:]:
        column.justify = "right"
    for (phase, peer), one in found.items():
        parts = (one.dynamodb, one.sqs, one.compute, one.watching, one.total)
        table.add_row(PHASES[phase], peer, *(f"{part:.2f}" for part in parts))
    Console(width=120).print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
