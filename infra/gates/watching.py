"""Rules for alarms and the dashboard: they show what is really emitted, and tell people once and what to do."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from infra.gates.queues import redriven
from infra.gates.rules import function, functions, rule
from infra.gates.template import Template, listed

ROOT = Path(__file__).resolve().parents[2]
ALARM, COMPOSITE = "AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"
# AWS's own metrics that are used here, with their dimension (the services' documentation).
OF_AWS = {
    "AWS/SQS": (
        "QueueName",
        {
            "ApproximateNumberOfMessagesVisible",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateAgeOfOldestMessage",
        },
    ),
    "AWS/Lambda": ("FunctionName", {"Errors", "Throttles", "Invocations", "Duration", "RecursiveInvocationsDropped"}),
}
# What the design wants people to be told of, by metric.
FOR_PEOPLE = {
    "LettersForAPerson": "waiting for a person",
    "LettersPending": "over the objective, and growing",
    "OldestPendingAge": "the oldest",
    "TimeToExpiry": "will expire within 24 hours",
    "NewFingerprints": "a new cause",
    "ApproximateNumberOfMessagesNotVisible": "backoff near the limit of messages in flight",
    "Errors": "a function's errors",
    "RecursiveInvocationsDropped": "messages that go round",
    "ApproximateNumberOfMessagesVisible": "failure destinations that are not empty",
}
OF_A_PROCESSOR = {"ApproximateNumberOfMessagesNotVisible", "RecursiveInvocationsDropped"}
SHOWN = {
    "LettersPending",
    "ApproximateNumberOfMessagesVisible",
    "LettersIndexed",
    "TimeToResolution",
    "ReplaySent",
    "LettersResolved",
}


@dataclass(frozen=True)
class Metric:
    """A metric as an alarm or a widget names it."""

    at: str
    namespace: str
    name: str
    dimensions: dict[str, str]


@cache
def emitted() -> dict[str, Any]:
    """Reads the metrics that the functions emit: written by a test of shared/redrive, from the code that emits them."""
    listed_there: dict[str, Any] = json.loads((ROOT / "infra" / "metrics.json").read_text())
    return listed_there


@cache
def commands() -> frozenset[str]:
    """Returns the subcommands of `redrive`: the variants of `Command`."""
    text = (ROOT / "cli" / "src" / "args.rs").read_text()
    body = text[text.index("enum Command {") :]
    return frozenset(name.lower() for name in re.findall(r"^    ([A-Z][a-z]+)\b", body[: body.index("\n}")], re.MULTILINE))


def of_alarms(template: Template) -> Iterator[Metric]:
    """Yields the metrics that the alarms look at."""
    for alarm in template.of_type(ALARM):
        looked_at = [alarm.properties] if alarm.get("MetricName") else []
        looked_at += [one["MetricStat"]["Metric"] for one in alarm.get("Metrics", []) if "MetricStat" in one]
        for one in looked_at:
            dimensions = {dimension["Name"]: dimension["Value"] for dimension in one.get("Dimensions", [])}
            yield Metric(alarm.name, one["Namespace"], one["MetricName"], dimensions)


def of_widgets(template: Template) -> Iterator[Metric]:
    """Yields the metrics that the dashboards show."""
    for dashboard in template.of_type("AWS::CloudWatch::Dashboard"):
        for widget in json.loads(dashboard.get("DashboardBody"))["widgets"]:
            at = f"{dashboard.name}, {widget['properties'].get('title')!r}"
            for row in widget["properties"].get("metrics", []):
                if isinstance(row[0], dict):
                    yield _searched(at, row[0]["expression"])
                    continue
                names = [part for part in row if isinstance(part, str)]
                pairs = names[2:]
                yield Metric(at, names[0], names[1], dict(zip(pairs[::2], pairs[1::2], strict=True)))


def _searched(at: str, expression: str) -> Metric:
    found = re.fullmatch(r"""SEARCH\('\{(\w+),([\w,]+)\} (.+)', '\w+', \d+\)""", expression)
    if not found:
        return Metric(at, "", expression, {})
    terms = dict(re.findall(r'(\w+)="([^"]+)"', found.group(3)))
    dimensions = {name: terms.get(name, "*") for name in found.group(2).split(",")}
    return Metric(at, found.group(1), terms.get("MetricName", ""), dimensions)


@rule("metrics-are-emitted")
def metrics(template: Template) -> Iterator[str]:
    """An alarm or a widget looks at a metric that a function emits, or that AWS does."""
    for metric in [*of_alarms(template), *of_widgets(template)]:
        why = _unknown(template, metric)
        if why:
            yield f"{metric.at}: {metric.namespace} {metric.name} {metric.dimensions}: {why}"


def _unknown(template: Template, metric: Metric) -> str | None:
    if metric.namespace in OF_AWS:
        dimension, names = OF_AWS[metric.namespace]
        if set(metric.dimensions) != {dimension} or metric.name not in names:
            return "AWS has no such metric"
        value = metric.dimensions[dimension]
        known = template.find(value) is not None or value in _attached(template)
        return None if known else "it is of nothing in the template"
    if metric.namespace != emitted()["namespace"]:
        return "nobody emits into this namespace"
    kind = next((kind for kind, one in functions(template) if one.is_meant_by(metric.dimensions.get("Function"))), None)
    if kind is None:
        return "it is of no function of the template"
    for group in emitted()["emitted"]:
        same = group["function"] == kind and set(group["dimensions"]) == set(metric.dimensions)
        if not same or metric.name not in group["metrics"]:
            continue
        queue, label = metric.dimensions.get("Queue", "*"), metric.dimensions.get("Class", "*")
        if queue != "*" and queue not in _main_queues(template):
            return "it is of no main queue"
        return None if label == "*" or label in group["classes"] else "there is no such class"
    return f"the {kind} does not emit it"


def is_list(template: Template) -> bool:
    """Returns true if queues that were there before are a list."""
    return bool(template.values.get("QueuePairs") or template.values.get("QueuePairsFile"))


def attached_sources(template: Template) -> set[str]:
    """The main queue of a single pair that was there before; of a list no alarm can look at all of them."""
    arns = [] if is_list(template) else listed(template.values.get("SourceQueueArns"))
    return {arn.rsplit(":", 1)[-1] for arn in arns}


def _attached(template: Template) -> set[str]:
    arns = [*listed(template.values.get("SourceQueueArns")), *listed(template.values.get("DeadLetterQueueArns"))]
    return {arn.rsplit(":", 1)[-1] for arn in arns}


def _main_queues(template: Template) -> set[str]:
    return {name for source, _ in redriven(template) for name in source.names()}


@rule("everything-is-watched")
def watched(template: Template) -> Iterator[str]:
    """Metrics that people must know of have an alarm, and the dashboard shows them."""
    alarms, shown = list(of_alarms(template)), {metric.name for metric in of_widgets(template)}
    names = {metric.name for metric in alarms}
    for name, what in FOR_PEOPLE.items():
        if name in OF_A_PROCESSOR and function(template, "processor") is None:
            continue
        if name not in names:
            yield f"no alarm is about {what} ({name})"
    for kind, one in functions(template):
        if not any(one.is_meant_by(metric.dimensions.get("FunctionName")) and metric.name == "Errors" for metric in alarms):
            yield f"no alarm is about the {kind}'s errors"
    for name in sorted(SHOWN - shown):
        yield f"no widget shows {name}"


@rule("the-doorbell-rings")
def doorbell(template: Template) -> Iterator[str]:
    """The depth of a dead-letter queue in custody rings the indexer's doorbell, by what is visible."""
    subscribed = {one.get("TopicArn") for one in template.of_type("AWS::SNS::Subscription")}
    for _, dead in redriven(template):
        rings = [
            alarm
            for alarm in template.of_type(ALARM)
            if dead.is_meant_by(_dimension(alarm.get("Dimensions", []), "QueueName"))
            and alarm.get("MetricName") == "ApproximateNumberOfMessagesVisible"
            and set(alarm.get("AlarmActions", [])) & subscribed
        ]
        if not any(float(alarm.get("Threshold")) == 0 and alarm.get("TreatMissingData") == "notBreaching" for alarm in rings):
            yield f"nothing rings when messages wait in {dead.name}"


def _dimension(dimensions: list[dict[str, str]], name: str) -> str | None:
    return next((one["Value"] for one in dimensions if one["Name"] == name), None)


@rule("alarms-do-not-flap")
def flapping(template: Template) -> Iterator[str]:
    """A gauge rings at once and is silent late, and a run that is missing changes nothing."""
    gauges = {"LettersForAPerson", "LettersPending", "MainQueueOldestAge", "OldestPendingAge"}
    for alarm in template.of_type(ALARM):
        if alarm.get("MetricName") not in gauges:
            continue
        quiet = int(alarm.get("EvaluationPeriods")) * int(alarm.get("Period"))
        if alarm.get("TreatMissingData") != "ignore" or int(alarm.get("DatapointsToAlarm", 0)) != 1 or quiet < 600:
            yield f"{alarm.name} flaps"
        if alarm.get("Statistic") != "Maximum":
            yield f"{alarm.name} counts a letter once for each reading"


@rule("alarms-say-what-to-do")
def advice(template: Template) -> Iterator[str]:
    """An alarm says what is wrong and the next step, and the commands that it names are there."""
    for alarm in template.of_type(ALARM, COMPOSITE):
        text = str(alarm.get("AlarmDescription", ""))
        if len(text) < 60 or len(text) > 1024:
            yield f"{alarm.name} says nothing, or too much"
        if alarm.get("OKActions") or alarm.get("InsufficientDataActions"):
            yield f"{alarm.name} pages for what needs nobody"
        yield from (f"{alarm.name} names a command that is not there: redrive {name}" for name in _foreign(text))
    for dashboard in template.of_type("AWS::CloudWatch::Dashboard"):
        for name in _foreign(dashboard.get("DashboardBody")):
            yield f"{dashboard.name} names a command that is not there: redrive {name}"


def _foreign(text: str) -> list[str]:
    # "Redrive of X" is the name of the thing; commands are written small.
    return [name for name in re.findall(r"\bredrive ([a-z]+)", text) if name not in commands()]
