"""The dead as letters: indexer and replay as processes, the table that infra/kafka.yaml describes, and the command over both."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import threading
from typing import Any

from rich.console import Console

from infra.kafka import function
from infra.kafka.account import Letter
from infra.kafka.broker import BrokerError
from infra.stack.deployment import client
from infra.stack.settings import COMMAND, INFRA, ROOT, Settings, without_aws

STACK = "kafka-letters"
TURN_SECONDS = 1.0
FUNCTION_SECONDS = 20


class LetterFunctions:
    """Indexer, replay and table of one topic's letters; ended as a whole."""

    def __init__(self, settings: Settings, endpoint: str, variables: dict[str, str]) -> None:
        self._settings, self._endpoint = settings, endpoint
        self._tables = client("dynamodb", settings, endpoint)
        self._table = self._make_table()
        own = {**settings.client_environment(endpoint), **variables, "DEAD_LETTER_TABLE_NAME": self._table, "MAIN_RETENTION_DAYS": "7"}
        self.indexer, self.replay = (
            function.Function(program(name), own, settings.folder / name, FUNCTION_SECONDS) for name in ("kafka-indexer", "kafka-replay")
        )
        for name in ("kafka-indexer", "kafka-replay"):
            (settings.folder / name).mkdir(parents=True, exist_ok=True)
        self._servers = [function.serve(one) for one in (self.indexer, self.replay)]
        self._over = threading.Event()
        self._outputs = settings.folder / "kafka-outputs.json"
        outputs = {
            "region": settings.region,
            "stack": STACK,
            "MainQueueArn": f"kafka://{variables['KAFKA_CLUSTER']}/{variables['KAFKA_TOPICS']}",
            "DeadLetterTableName": self._table,
            "LedgerTableName": variables["LEDGER_TABLE_NAME"],
            "IndexerFunctionName": "kafka-indexer",
            "ReplayFunctionName": "kafka-replay",
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
            raise BrokerError(f"redrive {arguments[0]} ended with {done.returncode}")

    def all(self) -> list[Letter]:
        """Reads the heads of all letters."""
        pages = self._tables.get_paginator("scan").paginate(
            TableName=self._table,
            ConsistentRead=True,
            FilterExpression="sk = :head AND attribute_exists(dlq_message_id)",
            ExpressionAttributeValues={":head": {"S": "head"}},
        )
        return [
            Letter(_text(item, "source_partition"), _text(item, "source_offset"), _text(item, "status"), _code(item))
            for page in pages
            for item in page["Items"]
        ]

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
        template = (INFRA / "kafka.yaml").read_text()
        resource = re.search(r"^  DeadLetters:\n(?:    .*\n)+", template, re.MULTILINE)
        if resource is None:
            raise BrokerError("infra/kafka.yaml has no table DeadLetters")
        stacks.create_stack(StackName=STACK, TemplateBody=f"Resources:\n{resource[0]}")
        stacks.get_waiter("stack_create_complete").wait(StackName=STACK, WaiterConfig={"Delay": 1})
        made = stacks.describe_stack_resource(StackName=STACK, LogicalResourceId="DeadLetters")
        return str(made["StackResourceDetail"]["PhysicalResourceId"])


def program(name: str) -> Any:
    """The compiled function of this name."""
    return ROOT / "target" / "debug" / name


def _text(item: dict[str, Any], name: str) -> str:
    return str(item.get(name, {}).get("S", ""))


def _code(item: dict[str, Any]) -> str:
    return f"{_text(item, 'error_type')} {_text(item, 'error_code')}".strip()
