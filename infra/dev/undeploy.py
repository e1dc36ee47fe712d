"""Deletes a stack, after it has said what waits in it: letters, which stay in their table but are replayed by nobody any more, and
messages, which go with their queues. `sam delete` alone asks for neither.

With AWS_ENDPOINT_URL it is a stack at that endpoint, such as the stage's; without, one of your account.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from infra.stack import deployment
from infra.stack.settings import INFRA, TOOLS, Settings, without_aws

SHARDS = 16  # as core::letters::letter has it
WAITING = ("PENDING", "REPLAYING")
IN_QUEUE = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed")


@dataclass(frozen=True)
class Waiting:
    """What waits in a stack."""

    letters: Mapping[str, int]
    """By status."""
    messages: Mapping[str, int]
    """By queue; only those of the stack's own, which are deleted with it."""

    def told(self, stack: str, table: str) -> list[str]:
        """What a person is told before the stack goes."""
        lines = [f"{count} letters are {status}" for status, count in self.letters.items() if count]
        if lines:
            lines += [
                f"  They stay in table {table}, and nothing replays them any more. Before:",
                f"  redrive causes --stack {stack}    why they wait; then `replay` or `discard --note`",
                f"  redrive eject --stack {stack}     back into the dead-letter queue, if that queue stays (Custody off, AllowEject on)",
                f"  redrive export --stack {stack}    a copy, which `import` takes into another stack's table",
            ]
        lines += [f"{count} messages are in {queue}, and are deleted with it" for queue, count in self.messages.items() if count]
        return lines


class Stack:
    """A stack of ours, wherever it is."""

    def __init__(self, settings: Settings, name: str) -> None:
        self._settings = settings
        self.name = name
        stacks = self._client("cloudformation").describe_stacks(StackName=name)["Stacks"]
        self.outputs = {one["OutputKey"]: one["OutputValue"] for one in stacks[0].get("Outputs", [])}

    @property
    def table(self) -> str:
        """Its dead-letter table."""
        return str(self.outputs["DeadLetterTableName"])

    @property
    def kept(self) -> list[str]:
        """The tables of data, which the stack's deletion leaves."""
        return [self.outputs[name] for name in ("LedgerTableName", "DeadLetterTableName") if name in self.outputs]

    def waiting(self) -> Waiting:
        """Counts, through the table's index and the queues' attributes."""
        urls = [value for name, value in self.outputs.items() if name.endswith("QueueUrl")]
        queues = self._client("sqs")
        messages = {}
        for url in urls:
            attributes = queues.get_queue_attributes(QueueUrl=url, AttributeNames=list(IN_QUEUE))["Attributes"]
            messages[url.rsplit("/", 1)[-1]] = sum(int(attributes.get(name, 0)) for name in IN_QUEUE)
        return Waiting(self.letters(), messages)

    def letters(self) -> dict[str, int]:
        """How many wait, by status: asked of the table, which outlives the stack."""
        return {status: self._letters(status) for status in WAITING}

    def delete(self) -> int:
        """By a stock `sam delete`; returns its exit code."""
        target = self._settings.client_environment(self._settings.endpoint) if self._settings.endpoint else {}
        own = {} if self._settings.credentials else dict(os.environ)
        environment = {**without_aws(), **own, **target, "SAM_CLI_TELEMETRY": "0"}
        region = boto3.Session().region_name if not self._settings.endpoint else self._settings.region
        command = [str(TOOLS / "sam"), "delete", "--stack-name", self.name, "--no-prompts", "--region", region or "us-east-1"]
        return subprocess.run(command, cwd=INFRA / "local", env=environment, stdin=subprocess.DEVNULL, check=False).returncode

    def _letters(self, status: str) -> int:
        """Of all shards of the index. It shows a moment ago, and a letter that died since may be missing."""
        pages = self._client("dynamodb").get_paginator("query")
        shards = (f"{status}#{shard:02}" for shard in range(SHARDS))
        return sum(
            page["Count"]
            for shard in shards
            for page in pages.paginate(
                TableName=self.table,
                IndexName="by-status",
                Select="COUNT",
                KeyConditionExpression="status_shard = :shard",
                ExpressionAttributeValues={":shard": {"S": shard}},
            )
        )

    def _client(self, service: str) -> Any:
        if self._settings.endpoint:
            return deployment.client(service, self._settings, self._settings.endpoint)
        account: Any = boto3.Session()
        return account.client(service)


def undeploy(stack: Stack, *, confirmed: bool) -> int:
    """Says what waits, asks, deletes, and says what is left."""
    told = stack.waiting().told(stack.name, stack.table)
    sys.stdout.write("".join(f"{line}\n" for line in told or ["Nothing waits in it: no letter, and no message in a queue of its own."]))
    sys.stdout.flush()
    if not confirmed and not _said_yes(stack.name):
        sys.stderr.write(f"undeploy: {stack.name} was left as it is; say yes, or YES=1\n")
        return 4
    if (failed := stack.delete()) != 0:
        return failed
    sys.stdout.write(f"{stack.name} is deleted. Kept, with their key if they have one of their own: {', '.join(stack.kept)}\n")
    return 0


def _said_yes(name: str) -> bool:
    if not sys.stdin.isatty():
        return False
    return input(f"Delete stack {name}? [y/N] ").strip().lower() in ("y", "yes")


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stack")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    arguments = parser.parse_args()
    settings = Settings.read()
    if settings.endpoint:
        settings.isolate()
    try:
        return undeploy(Stack(settings, arguments.stack), confirmed=arguments.yes)
    except KeyError as error:
        sys.stderr.write(f"undeploy: stack {arguments.stack} has no output {error}: is it one of redrive's?\n")
    except (BotoCoreError, ClientError) as error:
        sys.stderr.write(f"undeploy: {error}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
