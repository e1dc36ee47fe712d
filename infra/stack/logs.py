"""The functions' logs, which MiniStack keeps in its CloudWatch Logs and forgets when it ends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.stack.deployment import Outputs, client
from infra.stack.settings import FUNCTIONS, Settings


def read(settings: Settings, outputs: Outputs, function: str) -> Iterator[str]:
    """Every line that the function has logged on this stage, oldest first."""
    name = outputs[f"{function.capitalize()}FunctionName"]
    configuration = client("lambda", settings, outputs["endpoint"]).get_function_configuration(FunctionName=name)
    group = configuration.get("LoggingConfig", {}).get("LogGroup", f"/aws/lambda/{name}")
    logs = client("logs", settings, outputs["endpoint"])
    for event in events(lambda since: logs.get_paginator("filter_log_events").paginate(logGroupName=group, startTime=since)):
        at = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
        yield f"{at:%H:%M:%S.%f} {event['message'].rstrip()}"


Line = tuple[int, str | None, str]
"""When, in which log stream, and what."""


def events(pages_since: Callable[[int], Iterable[dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    """Yields all events of a log group, oldest first. MiniStack ends an answer after ten thousand without a token for the next ones: it is
    asked again from the last one's millisecond on, until it has nothing new."""
    since, told = 0, Counter[Line]()
    while True:
        last, again, new = since, Counter[Line](), False
        for page in pages_since(since):
            for event in page["events"]:
                line = (event["timestamp"], event.get("logStreamName"), event["message"])
                again[line] += 1
                if again[line] <= told[line]:
                    continue
                new = True
                last = max(last, event["timestamp"])
                yield event
        if not new:
            return
        since, told = last, Counter({line: count for line, count in (told | again).items() if line[0] >= last})


def keep(settings: Settings, outputs: Outputs) -> None:
    """Writes them into the stage's folder, as far as they can be had: the stage is about to end."""
    for function in FUNCTIONS:
        try:
            lines = list(read(settings, outputs, function))
        except (BotoCoreError, ClientError):
            return
        (settings.folder / f"{function}.log").write_text("".join(f"{line}\n" for line in lines))
