"""The dead as letters: indexer and replay as processes, the table that the source's template describes, and the command over both."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import threading
from typing import Any

from rich.console import Console

from infra.brokers import function
from infra.brokers.account import Letter
from infra.brokers.source import Names, OriginOf, SourceError
from infra.stack.deployment import client
from infra.stack.settings import COMMAND, INFRA, ROOT, Settings, without_aws

TURN_SECONDS = 1.0
FUNCTION_SECONDS = 20


class LetterFunctions:
    """Indexer, replay and table of one source's letters; ended as a whole."""

    def __init__(self, settings: Settings, endpoint: str, names: Names, origin: OriginOf, variables: dict[str, str]) -> None:
        self._settings, self._endpoint, self._names, self._origin = settings, endpoint, names, origin
        self._tables = client("dynamodb", settings, endpoint)
        self._table = self._make_table()
        own = {**settings.client_environment(endpoint), **variables, "DEAD_LETTER_TABLE_NAME": self._table, "MAIN_RETENTION_DAYS": "7"}
        self.indexer, self.replay = (
            function.Function(program(name), own, settings.folder / name, FUNCTION_SECONDS) for name in (names.indexer, names.replay)
        )
        for name in (names.indexer, names.replay):
            (settings.folder / name).mkdir(parents=True, exist_ok=True)
        self._servers = [function.serve(one) for one in (self.indexer, self.replay)]
        self._over = threading.Event()
        self._outputs = settings.folder / f"{names.kind}-outputs.json"
        outputs = {
            "region": settings.region,
            "stack": names.stack,
            "MainQueueArn": names.address,
            "DeadLetterTableName": self._table,
            "LedgerTableName": variables["LEDGER_TABLE_NAME"],
            "IndexerFunctionName": names.indexer,
            "ReplayFunctionName": names.replay,
        }
        self._outputs.write_text(json.dumps(outputs))

    @property
    def indexer_port(self) -> int:
        """Port on which the indexer is invoked."""
        return int(self._servers[0].server_port)

    def wake_now_and_then(self) -> None:
        """Invokes the replay by a schedule of its own, as EventBridge's would, until the end."""

        def wake() -> None:
            while not self._over.wait(TURN_SECONDS):
                self.replay.invoke(b'{"redrive":"schedule"}')

        threading.Thread(target=wake, daemon=True).start()

    def redrive(self, console: Console, *arguments: str) -> None:
        """Types what a person types, and shows what the command answers."""
        console.print(f"\n$ redrive {shlex.join(arguments)}", style="bold", markup=False, soft_wrap=True)
        sys.stdout.flush()
        # The emulator knows nothing of these functions, so the command asks the processes here.
        lambda_endpoint = {"AWS_ENDPOINT_URL_LAMBDA": f"http://127.0.0.1:{self._servers[1].server_port}"}
        environment = {**without_aws(), **self._settings.client_environment(self._endpoint), **lambda_endpoint}
        environment = {name: value for name, value in environment.items() if not name.startswith("REDRIVE_")}
        given = [str(COMMAND), "--outputs", str(self._outputs), "--by", "demo", *arguments]
        done = subprocess.run(given, env=environment, stdin=subprocess.DEVNULL, check=False)
        if done.returncode != 0:
            raise SourceError(f"redrive {arguments[0]} ended with {done.returncode}")

    def all(self) -> list[Letter]:
        """Reads the heads of all letters."""
        pages = self._tables.get_paginator("scan").paginate(
            TableName=self._table,
            ConsistentRead=True,
            FilterExpression="sk = :head AND attribute_exists(dlq_message_id)",
            ExpressionAttributeValues={":head": {"S": "head"}},
        )
        return [Letter(self._origin(item), text(item, "status"), _code(item)) for page in pages for item in page["Items"]]

    def end(self) -> None:
        """Ends the processes and their servers."""
        self._over.set()
        for server in self._servers:
            server.shutdown()
        self.indexer.end()
        self.replay.end()

    def _make_table(self) -> str:
        """Makes the table as the template has it, by the emulator's CloudFormation."""
        stacks = client("cloudformation", self._settings, self._endpoint)
        template = (INFRA / self._names.template).read_text()
        resource = re.search(r"^  DeadLetters:\n(?:    .*\n)+", template, re.MULTILINE)
        if resource is None:
            raise SourceError(f"infra/{self._names.template} has no table DeadLetters")
        stacks.create_stack(StackName=self._names.stack, TemplateBody=f"Resources:\n{resource[0]}")
        stacks.get_waiter("stack_create_complete").wait(StackName=self._names.stack, WaiterConfig={"Delay": 1})
        made = stacks.describe_stack_resource(StackName=self._names.stack, LogicalResourceId="DeadLetters")
        return str(made["StackResourceDetail"]["PhysicalResourceId"])


def program(name: str) -> Any:
    """The compiled function of this name."""
    return ROOT / "target" / "debug" / name


def text(item: dict[str, Any], name: str) -> str:
    """Returns a text of an item, empty if there is none."""
    return str(item.get(name, {}).get("S", ""))


def _code(item: dict[str, Any]) -> str:
    return f"{text(item, 'error_type')} {text(item, 'error_code')}".strip()
