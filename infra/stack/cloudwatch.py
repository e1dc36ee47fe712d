"""CloudWatch's part, which MiniStack lacks: it reads queue depths and sets the state of the alarms on them.

This is the only place on the stage where something is played. It reads the alarms as they are deployed, looks at
the queues that they name once a second, applies the alarm's own statistic, threshold and comparison, and sets a
state only when it changes, as CloudWatch does. What follows (the action, the topic, the function) is the real
chain. One thing differs: a period lasts a second here, so that a story of minutes can be told in one.
"""

from __future__ import annotations

import json
import operator
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.stack.deployment import client
from infra.stack.settings import STACK, Settings

INTERVAL_SECONDS = 1.0

# The metrics of AWS/SQS that are an attribute of the queue at this moment.
DEPTHS = {
    "ApproximateNumberOfMessagesVisible": "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible": "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed": "ApproximateNumberOfMessagesDelayed",
}
COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}
# What a missing reading counts as. "ignore" keeps the state; "missing" makes it unknown.
MISSING = {"breaching": "ALARM", "notBreaching": "OK", "missing": "INSUFFICIENT_DATA"}


@dataclass
class Watched:
    """The readings of one alarm, as many as it evaluates."""

    readings: deque[float | None] = field(default_factory=deque)

    def add(self, reading: float | None, periods: int) -> None:
        """Keeps the last `periods` readings."""
        self.readings.append(reading)
        while len(self.readings) > periods:
            self.readings.popleft()


def verdict(alarm: dict[str, Any], readings: Sequence[float | None]) -> str:
    """The state that the alarm's own definition gives these readings, or its present one."""
    breaching = COMPARISONS[alarm["ComparisonOperator"]]
    known = [reading for reading in readings if reading is not None]
    if not known:
        return str(MISSING.get(alarm.get("TreatMissingData", "missing"), alarm["StateValue"]))
    over = sum(breaching(reading, alarm["Threshold"]) for reading in known)
    return "ALARM" if over >= alarm.get("DatapointsToAlarm", alarm["EvaluationPeriods"]) else "OK"


class Player:
    """Reads, decides, and sets what has changed."""

    def __init__(self, settings: Settings, endpoint: str) -> None:
        self._alarms = client("cloudwatch", settings, endpoint)
        self._queues = client("sqs", settings, endpoint)
        self._watched: dict[str, Watched] = {}

    def tick(self) -> None:
        """Looks once at every alarm of the stack that is about the depth of a queue."""
        for page in self._alarms.get_paginator("describe_alarms").paginate(AlarmNamePrefix=f"{STACK}-"):
            for alarm in page["MetricAlarms"]:
                if alarm.get("Namespace") == "AWS/SQS" and alarm.get("MetricName") in DEPTHS:
                    self._play(alarm)

    def _play(self, alarm: dict[str, Any]) -> None:
        name = alarm["AlarmName"]
        watched = self._watched.setdefault(name, Watched())
        depth = self._depth(alarm)
        watched.add(depth, alarm["EvaluationPeriods"])
        state = verdict(alarm, watched.readings)
        if state == alarm["StateValue"]:
            return
        reason = f"{alarm['MetricName']} is {depth}, threshold {alarm['Threshold']:g}"
        data = json.dumps({"version": "1.0", "recentDatapoints": list(watched.readings)})
        self._alarms.set_alarm_state(AlarmName=name, StateValue=state, StateReason=reason, StateReasonData=data)
        _say(f"{name}: {alarm['StateValue']} -> {state} ({reason})")

    def _depth(self, alarm: dict[str, Any]) -> float | None:
        queue = next(d["Value"] for d in alarm["Dimensions"] if d["Name"] == "QueueName")
        attribute = DEPTHS[alarm["MetricName"]]
        try:
            url = self._queues.get_queue_url(QueueName=queue)["QueueUrl"]
            answer = self._queues.get_queue_attributes(QueueUrl=url, AttributeNames=[attribute])
        except ClientError as error:
            _say(f"{queue}: {error}")
            return None
        return float(answer["Attributes"][attribute])


def _say(line: str) -> None:
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {line}\n")
    sys.stdout.flush()


def main() -> None:
    """Plays until it is ended."""
    settings = Settings.read()
    if settings.endpoint is None:
        raise SystemExit("AWS_ENDPOINT_URL is not set")
    player = Player(settings, settings.endpoint)
    while True:
        started = time.monotonic()
        try:
            player.tick()
        except (ClientError, BotoCoreError) as error:
            _say(f"no look this time: {error}")
        time.sleep(max(0.0, INTERVAL_SECONDS - (time.monotonic() - started)))


if __name__ == "__main__":
    main()
