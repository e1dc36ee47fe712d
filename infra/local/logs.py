"""The functions' logs, which MiniStack keeps in its CloudWatch Logs and forgets when it ends."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from botocore.exceptions import BotoCoreError, ClientError

from deployment import Outputs, client
from settings import FUNCTIONS, Settings


def read(settings: Settings, outputs: Outputs, function: str) -> Iterator[str]:
    """Every line that the function has logged on this stage, oldest first."""
    name = outputs[f"{function.capitalize()}FunctionName"]
    configuration = client("lambda", settings, outputs["endpoint"]).get_function_configuration(FunctionName=name)
    group = configuration.get("LoggingConfig", {}).get("LogGroup", f"/aws/lambda/{name}")
    pages = client("logs", settings, outputs["endpoint"]).get_paginator("filter_log_events")
    for page in pages.paginate(logGroupName=group):
        for event in page["events"]:
            at = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
            yield f"{at:%H:%M:%S.%f} {event['message'].rstrip()}"


def keep(settings: Settings, outputs: Outputs) -> None:
    """Writes them into the stage's folder, as far as they can be had: the stage is about to end."""
    for function in FUNCTIONS:
        try:
            lines = list(read(settings, outputs, function))
        except (BotoCoreError, ClientError):
            return
        (settings.folder / f"{function}.log").write_text("".join(f"{line}\n" for line in lines))
