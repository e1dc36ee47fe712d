"""Costs of Redrive: idle, a message that succeeds, and one that dies, by both ways to the dead-letter queue.

Calls are measured (infra/calls.json, by a test of the real processor and indexer), prices and assumptions stand in infra/costs.toml, and
alarms, dashboards and keys are counted in the template. Nothing is asked of AWS.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from infra.stack.settings import INFRA

MILLION = 1_000_000
INVOCATIONS = "processor: invocations"
RECEIVED = "processor: messages received"
WAYS = {
    "success": "a million messages that succeed, each with one DynamoDB write of its handler",
    "permanent_by_redrive": "a million PERMANENT deaths, OnDead=redrive",
    "permanent_direct": "a million PERMANENT deaths, OnDead=direct",
}


class CostError(RuntimeError):
    """Call that was measured and has no price."""


@dataclass(frozen=True)
class Bill:
    """Dollars, by what they are for."""

    dynamodb: float = 0.0
    sqs: float = 0.0
    compute: float = 0.0
    watching: float = 0.0
    """Metrics, alarms, dashboard, logs, keys."""

    @property
    def total(self) -> float:
        """Sums up the whole bill."""
        return float(sum(getattr(self, field.name) for field in fields(self)))


@dataclass(frozen=True)
class Known:
    """Prices, units and assumptions."""

    prices: Mapping[str, float]
    units: Mapping[str, tuple[float, float, float]]
    assumed: Mapping[str, float]

    @classmethod
    def read(cls, path: Path = INFRA / "costs.toml") -> Known:
        """Reads prices and units from the file."""
        stored: dict[str, Any] = tomllib.loads(path.read_text())
        return cls(stored["prices"], {name: tuple(units) for name, units in stored["units"].items()}, stored["assumptions"])

    def message(self, calls: Mapping[str, int], batch: float) -> Bill:
        """Bills a message, whose requests and invocations are shared by so many as come together. What is written for it is its own."""
        unknown = sorted(set(calls) - set(self.units) - {INVOCATIONS, RECEIVED})
        if unknown:
            raise CostError(f"infra/costs.toml has no units for: {', '.join(unknown)}")
        sums = [sum(self.units[name][kind] * count for name, count in calls.items() if name in self.units) for kind in range(3)]
        writes, reads, requests = sums
        # The mapping receives, and deletes what it may.
        mapping = calls.get(RECEIVED, 0) + (1 if calls.get(RECEIVED, 0) == 1 else 0)
        invocations = calls.get(INVOCATIONS, 0) / batch
        return Bill(
            dynamodb=writes * self.prices["write_unit"] + reads * self.prices["read_unit"],
            sqs=(requests + mapping) / batch * self.prices["sqs_request"],
            compute=invocations * self._invocation(self.assumed["processor_seconds"]),
            watching=invocations * self.assumed["log_bytes"] / 1e9 * self.prices["log_gb"],
        )

    def idle(self, template: str) -> Bill:
        """A month in which nothing comes, of a stack by this template at its defaults."""
        assumed, prices = self.assumed, self.prices
        minutes = assumed["minutes_month"]
        alarms = len(re.findall(r"^    Type: AWS::CloudWatch::Alarm$", template, re.MULTILINE))
        composites = len(re.findall(r"^    Type: AWS::CloudWatch::CompositeAlarm$", template, re.MULTILINE))
        receives = assumed["pollers"] * 3 + assumed["sweep_receives"]
        watching = (
            assumed["idle_metrics"] * prices["metric_month"]
            + alarms * prices["alarm_month"]
            + composites * prices["composite_alarm_month"]
            + prices["dashboard_month"]
            + prices["key_month"]
            + 2 * minutes * assumed["log_bytes"] / 1e9 * prices["log_gb"]
        )
        seconds = assumed["scheduled_seconds"] * assumed["memory_gb"] * prices["lambda_gb_second"]
        return Bill(
            dynamodb=minutes * assumed["scheduled_read_units"] * prices["read_unit"],
            sqs=minutes * receives * prices["sqs_request"],
            compute=minutes * (seconds + 2 * prices["lambda_request"] + 2 * prices["schedule"]),
            watching=watching,
        )

    def ages(self) -> Bill:
        """A month in which the replay reads the ages of the main queues of a list: its readings, two metrics and two alarms."""
        readings = self.assumed["minutes_month"] / self.assumed["ages_minutes"] * self.assumed["listed_pairs"]
        told = 2 * (self.prices["metric_month"] + self.prices["alarm_month"])
        return Bill(watching=readings * self.prices["metric_read"] + told)

    def _invocation(self, seconds: float) -> float:
        return self.prices["lambda_request"] + seconds * self.assumed["memory_gb"] * self.prices["lambda_gb_second"]


def bills(known: Known, calls: Mapping[str, Mapping[str, int]], template: str) -> dict[str, Bill]:
    """Returns all bills that are told, by their words."""
    found = {"a month in which nothing comes (template.yaml at its defaults)": known.idle(template)}
    found[f"a month of ages read for a list of {known.assumed['listed_pairs']:g} pairs (attach.yaml)"] = known.ages()
    for way, words in WAYS.items():
        for batch, how in ((1.0, "one by one"), (known.assumed["batch"], f"{known.assumed['batch']:g} at a time")):
            one = known.message(calls[way], batch)
            found[f"{words}, {how}"] = Bill(*(getattr(one, field.name) * MILLION for field in fields(Bill)))
    return found


def read() -> dict[str, Bill]:
    """The same of this repository's files."""
    calls = json.loads((INFRA / "calls.json").read_text())
    return bills(Known.read(), calls, (INFRA / "template.yaml").read_text())


def main() -> int:
    """Runs the command line."""
    table = Table("what", "DynamoDB", "SQS", "Lambda", "watching", "together", title="Dollars, list prices, without free tiers")
    for column in table.columns[1:]:
        column.justify = "right"
    try:
        for words, bill in read().items():
            table.add_row(words, *(f"{getattr(bill, field.name):.2f}" for field in fields(Bill)), f"{bill.total:.2f}")
    except CostError as error:
        sys.stderr.write(f"costs: {error}\n")
        return 1
    Console(width=120).print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
