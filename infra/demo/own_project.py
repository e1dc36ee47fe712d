"""The demo of a project of one's own: its template and its handler on a stage, its messages, and what became of each.

The project is what `redrive new` writes. Its processor is compiled from its source, indexer and replay from this checkout.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from infra.demo.books import letter_id
from infra.demo.demo import PATIENCE_SECONDS, DemoError
from infra.stack import compile as compiled
from infra.stack import stage
from infra.stack.deployment import DeploymentError, Outputs, client
from infra.stack.emulator import EmulatorError
from infra.stack.processes import StillRunningError
from infra.stack.settings import COMMAND, COMPILED, Settings, without_aws

BUILT = ("indexer", "replay")
DONE = "done"
LOOK_SECONDS = 0.5
# Looks in a row that must find both queues empty: a message between two of them is in neither.
QUIET_LOOKS = 4
# Characters of a message that the account shows, on a terminal of 80 columns.
SHOWN = 44


@dataclass(frozen=True)
class Message:
    """A message of the demo."""

    body: str
    becomes: str
    """`done`, or type and code of the error that it dies of: `PERMANENT/currency`."""


@dataclass(frozen=True)
class Item:
    """An item that is written before the messages are sent."""

    table: str
    """Output of the stack with the table's name."""
    item: dict[str, Any]
    becomes: dict[str, Any]
    """Attributes that must stand there afterwards."""


def documents(path: Path, fraction: Callable[[str], Any] = float) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yields the objects of a file with one a line, each with its line's number; a fraction is read by `fraction`."""
    if not path.is_file():
        return
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        if not line.strip():
            continue
        try:
            document = json.loads(line, parse_float=fraction)
        except json.JSONDecodeError as error:
            raise DemoError(f"{path}:{number} is no JSON: {error}") from error
        if not isinstance(document, dict):
            raise DemoError(f"{path}:{number} is no JSON object")
        yield number, document


def messages(project: Path) -> list[Message]:
    """Reads the messages of demo/messages.jsonl."""
    found = []
    path = project / "demo" / "messages.jsonl"
    for number, document in documents(path):
        body, becomes = document.get("body"), document.get("becomes")
        if body is None or not isinstance(becomes, str):
            raise DemoError(f'{path}:{number} needs "body" and "becomes" ("done", or "TYPE/CODE")')
        found.append(Message(body if isinstance(body, str) else json.dumps(body), becomes))
    if not found:
        raise DemoError(f"{path} has no message: write one a line")
    return found


def items(project: Path) -> list[Item]:
    """Reads the items of demo/items.jsonl, which need not be there."""
    path = project / "demo" / "items.jsonl"
    found = []
    for number, document in documents(path, Decimal):
        if not (isinstance(document.get("table"), str) and isinstance(document.get("item"), dict)):
            raise DemoError(f'{path}:{number} needs "table" (an output of the stack) and "item"')
        found.append(Item(document["table"], document["item"], document.get("becomes", {})))
    return found


def own_template(template: str, project: Path, functions: Path) -> str:
    """Returns the project's template with its functions where they are on this machine."""
    text = re.sub(r"^(\s*CodeUri: )\.$", rf"\g<1>{project}", template, flags=re.MULTILINE)
    return re.sub(r"^(\s*CodeUri: )functions/", rf"\g<1>{functions}/", text, flags=re.MULTILINE)


def prepare(settings: Settings, project: Path) -> Path:
    """Compiles indexer and replay for the stage, and writes the template that names them; returns its path."""
    template = project / "template.yaml"
    if not template.is_file():
        raise DemoError(f"{project} has no template.yaml: PROJECT must be a folder that `redrive new` has written")
    if compiled.functions(BUILT) != 0:
        raise DemoError("indexer and replay were not compiled")
    functions = settings.folder / "functions"
    functions.mkdir(parents=True, exist_ok=True)
    for name in BUILT:
        with zipfile.ZipFile(functions / f"{name}.zip", "w", zipfile.ZIP_DEFLATED) as package:
            package.write(COMPILED / "lambda" / name / "bootstrap", "bootstrap")
    own = settings.folder / "own.yaml"
    own.write_text(own_template(template.read_text(), project, functions))
    return own


class Run:
    """Run of a project's demo on a stage that is up."""

    def __init__(self, settings: Settings, outputs: Outputs) -> None:
        self._outputs = outputs
        self._queues = client("sqs", settings, outputs["endpoint"])
        self._tables = client("dynamodb", settings, outputs["endpoint"])

    def write(self, given: Sequence[Item]) -> None:
        """Writes the items to their tables."""
        write = TypeSerializer()
        for one in given:
            item = {name: write.serialize(value) for name, value in one.item.items()}
            self._tables.put_item(TableName=self._output(one.table), Item=item)

    def send(self, given: Sequence[Message]) -> list[str]:
        """Sends the messages in their order, and returns the ids that SQS gave them."""
        queue = self._output("MainQueueUrl")
        return [self._queues.send_message(QueueUrl=queue, MessageBody=one.body)["MessageId"] for one in given]

    def settle(self) -> None:
        """Waits until both queues are empty."""
        deadline, quiet = time.monotonic() + PATIENCE_SECONDS, 0
        while quiet < QUIET_LOOKS:
            depth = sum(self._depth(name) for name in ("MainQueueUrl", "DeadLetterQueueUrl"))
            quiet = 0 if depth else quiet + 1
            if time.monotonic() > deadline:
                raise DemoError(f"{depth} messages are still in the queues after {PATIENCE_SECONDS:.0f} s")
            time.sleep(LOOK_SECONDS)

    def became(self, message_id: str) -> str:
        """Returns `done`, or what the message died of: it left the main queue, and has a letter or none."""
        key = {"pk": {"S": letter_id(self._outputs["MainQueueArn"], message_id)}, "sk": {"S": "head"}}
        answer = self._tables.get_item(TableName=self._output("DeadLetterTableName"), Key=key, ConsistentRead=True)
        letter = answer.get("Item")
        return f"{letter['error_type']['S']}/{letter.get('error_code', {}).get('S', '-')}" if letter else DONE

    def stands(self, one: Item) -> dict[str, Any]:
        """Returns the item as it is now."""
        table, write, read = self._output(one.table), TypeSerializer(), TypeDeserializer()
        keys = self._tables.describe_table(TableName=table)["Table"]["KeySchema"]
        key = {name["AttributeName"]: write.serialize(one.item[name["AttributeName"]]) for name in keys}
        found = self._tables.get_item(TableName=table, Key=key, ConsistentRead=True).get("Item", {})
        return {name: read.deserialize(value) for name, value in found.items()}

    def _depth(self, output: str) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self._queues.get_queue_attributes(QueueUrl=self._output(output), AttributeNames=names)
        return sum(int(answer["Attributes"][name]) for name in names)

    def _output(self, name: str) -> str:
        if name not in self._outputs:
            raise DemoError(f"the stack has no output {name}")
        return self._outputs[name]


def tell(run: Run, project: Path, console: Console) -> int:
    """Runs the project's messages, shows what became of each, and returns how many became something else."""
    given, rows = messages(project), items(project)
    run.write(rows)
    sent = run.send(given)
    run.settle()
    table = Table(title="What became of the messages", title_justify="left")
    table.add_column("message")
    table.add_column("became")
    wrong = 0
    for message, message_id in zip(given, sent, strict=True):
        became = run.became(message_id)
        wrong += became != message.becomes
        table.add_row(_short(message.body), became if became == message.becomes else f"[bold red]{became}[/], not {message.becomes}")
    for one in rows:
        stands = run.stands(one)
        for name, value in one.becomes.items():
            wrong += stands.get(name) != value
            found = f"{name} {stands.get(name)}"
            table.add_row(_short(json.dumps(one.item)), found if stands.get(name) == value else f"[bold red]{found}[/], not {value}")
    console.print(table)
    return wrong


def show_causes(settings: Settings) -> None:
    """Shows what the command answers about the letters, if it is on the path or built here."""
    command = shutil.which("redrive") or (str(COMMAND) if COMMAND.exists() else None)
    if command:
        sys.stdout.write("\n$ redrive causes\n")
        sys.stdout.flush()
        arguments = [command, "causes", "--outputs", str(settings.outputs)]
        environment = {**without_aws(), **settings.credentials}
        subprocess.run(arguments, env=environment, stdin=subprocess.DEVNULL, check=False)


def _short(text: str) -> str:
    return escape(text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}...")


def main() -> int:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("project", type=Path, help="folder that `redrive new` has written")
    project = parser.parse_args().project.resolve()
    stage.end_on_signal()
    settings = Settings.read()
    settings.isolate()
    console = Console(highlight=False)
    try:
        messages(project)
        template = prepare(settings, project)
        outputs = stage.up(settings, str(template))
        wrong = tell(Run(settings, outputs), project, console)
        show_causes(settings)
    except (DemoError, DeploymentError, EmulatorError, StillRunningError) as error:
        console.print(f"[bold red]demo:[/] {error}", markup=True)
        return 1
    finally:
        stage.say(f"{stage.down(settings)} processes ended")
    if wrong:
        console.print(f"[bold red]{wrong} of them became something else[/]")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
