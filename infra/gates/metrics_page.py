"""The page docs/metrics.md: what the functions emit, and which alarms look at it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from infra.gates.markdown import code, number, prose, table
from infra.gates.paging import behind, doorbells
from infra.gates.rules import KINDS
from infra.gates.settings import INFRA, cases
from infra.gates.template import Resource, Template, load
from infra.gates.watching import ALARM, emitted

COMPARISONS = {
    "GreaterThanThreshold": ">",
    "GreaterThanOrEqualToThreshold": "≥",
    "LessThanThreshold": "<",
    "LessThanOrEqualToThreshold": "≤",
}
# A Rust test refuses a metric without a text.
UNEXPLAINED = "*not explained*"
# The settings whose alarms are listed: together they have all that there are.
LISTED = {
    "template.yaml": ["the defaults"],
    "attach.yaml": ["one pair", "a list, an own key, traced"],
}


def page() -> Iterator[str]:
    """Yields the parts of the page."""
    yield prose(
        "The functions write their metrics to the log, in CloudWatch's embedded metric format "
        f"and the namespace `{emitted()['namespace']}`. The processor writes a line for each batch, indexer and replay one for each run. "
        "A count of zero is left out, unless its text says otherwise."
    )
    yield prose(
        "`Function` is the function's name, `Queue` the main queue's, `Class` the class of the error. "
        "A metric with `Function` alone is of all queues together, because an alarm cannot search for queues."
    )
    yield prose("Contents: [processor](#processor) · [indexer](#indexer) · [replay](#replay) · [alarms](#alarms)")
    for kind in KINDS:
        yield f"## {kind.capitalize()}"
        yield _metrics(kind)
    classes = sorted({one for group in emitted()["emitted"] for one in group.get("classes", [])})
    yield prose("Classes are " + ", ".join(map(code, classes)) + ".")
    yield "## Alarms"
    yield prose(
        "With `Paging` `composite` (the default) two composite alarms page people: *urgent* where messages may be lost or are not seen, "
        "*work* where letters wait for a person. With `each`, every alarm pages by itself. [The alarm rang](operate.md) goes on from here."
    )
    yield prose(
        "*Rings when* is by the defaults of the parameters. Without a template in brackets, an alarm is in both. "
        "`MainQueueAge` is of a single pair; a list of pairs has the last two in its place. `NAME` is the stack's name."
    )
    yield table(["Alarm", "Rings when", "Pages", "Meaning, and next step"], _alarms())


def _metrics(kind: str) -> str:
    dimensions: dict[str, list[str]] = {}
    units: dict[str, str] = {}
    for group in emitted()["emitted"]:
        if group["function"] == kind:
            for name, unit in group["metrics"].items():
                dimensions.setdefault(name, []).append(", ".join(group["dimensions"]))
                units[name] = unit
    texts = emitted()["about"]
    rows = ([code(name), units[name], "; ".join(dimensions[name]), texts.get(name, UNEXPLAINED)] for name in sorted(units))
    return table(["Metric", "Unit", "Dimensions", "Meaning"], rows)


def _alarms() -> Iterator[list[str]]:
    """A row for each alarm of the templates; one that is the same in both stands there once."""
    rows: dict[tuple[str, str, str, str], set[str]] = {}
    for name, settings in LISTED.items():
        source = load(INFRA / name)
        for case in settings:
            template = Template(source, cases()[name][case])
            for alarm in template.of_type(ALARM):
                rows.setdefault((alarm.name, _rings(alarm), _pages(template, alarm), _meaning(alarm)), set()).add(name)
    for (name, rings, pages, meaning), templates in rows.items():
        alone = f" ({min(templates)})" if len(templates) < len(LISTED) else ""
        yield [code(name.removesuffix("Alarm")) + alone, rings, pages, meaning]


def _rings(alarm: Resource) -> str:
    expression = next((one["Expression"] for one in alarm.get("Metrics", []) if "Expression" in one), None)
    metrics = [one["MetricStat"] for one in alarm.get("Metrics", []) if "MetricStat" in one]
    if expression is not None:
        names = ", ".join(dict.fromkeys(code(one["Metric"]["MetricName"]) for one in metrics))
        what, period = f"{code(expression)} of {names}", metrics[0]["Period"]
    else:
        what, period = f"{str(alarm.get('Statistic')).lower()} of {code(alarm.get('MetricName'))}", alarm.get("Period")
    periods = int(alarm.get("EvaluationPeriods"))
    several = f"{alarm.get('DatapointsToAlarm') or periods} of {periods} periods of " if periods > 1 else ""
    compared = COMPARISONS[alarm.get("ComparisonOperator")]
    return f"{what} {compared} {number(float(alarm.get('Threshold')))} in {several}{_minutes(int(period))}"


def _minutes(seconds: int) -> str:
    return f"{seconds // 60} min" if seconds < 3_600 else f"{seconds // 3_600} h"


def _pages(template: Template, alarm: Resource) -> str:
    found = [page for page, members in behind(template).items() if alarm.name in {member.name for member in members}]
    doorbell = set(alarm.get("AlarmActions", [])) & doorbells(template)
    alone = "nobody: wakes the indexer" if doorbell else "by itself"
    return ", ".join(page.removesuffix("PageAlarm").lower() for page in found) or alone


def _meaning(alarm: Resource) -> str:
    text = " ".join(str(alarm.get("AlarmDescription")).split()).replace("--stack app", "--stack NAME")
    return re.sub(r"\bredrive [a-z]+(?: --[a-z-]+(?: [A-Z0-9][A-Za-z0-9]*)?)*", lambda found: code(found.group()), text)
