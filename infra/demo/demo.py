"""The main job on real input: orders go in, some die, are understood, and are replayed or discarded.

Everything runs on the local stage with the compiled functions and the deployed template. The demo is the producer
and the operator; it never receives a message, and reads what happened from the queues and the tables.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime

from rich.console import Console

from infra.demo import report
from infra.demo.books import Balance, Books, Sent
from infra.demo.orders import KNOWN_CURRENCIES, NEW_CURRENCY, Kind, Order, Plan, plan
from infra.stack import deployment, stage
from infra.stack.deployment import DeploymentError, Outputs, client
from infra.stack.emulator import EmulatorError
from infra.stack.processes import StillRunningError
from infra.stack.settings import COMMAND, Settings, without_aws

PATIENCE_SECONDS = 150.0
LOOK_SECONDS = 0.5
SEND_BATCH = 10
WRITE_BATCH = 25


class DemoError(RuntimeError):
    """The stage did not do what the story needs."""


class Shop:
    """The producer: writes the rows of its orders and sends their messages."""

    def __init__(self, settings: Settings, outputs: Outputs) -> None:
        self._outputs = outputs
        self._queues = client("sqs", settings, outputs["endpoint"])
        self._tables = client("dynamodb", settings, outputs["endpoint"])

    def write_rows(self, orders: Iterable[Order]) -> None:
        """Gives the orders their rows; the consumer charges only those that it finds."""
        table = self._outputs["OrdersTableName"]
        pending = [{"PutRequest": {"Item": {"order_id": {"S": order.order_id}}}} for order in orders]
        while pending:
            batch, pending = pending[:WRITE_BATCH], pending[WRITE_BATCH:]
            answer = self._tables.batch_write_item(RequestItems={table: batch})
            pending += answer.get("UnprocessedItems", {}).get(table, [])

    def send(self, sends: Sequence[tuple[Order, str]], sent_now: Callable[[int], None]) -> list[Sent]:
        """Sends in batches of ten; the list of what SQS took is what everything is counted against."""
        done: list[Sent] = []
        pending = list(sends)
        while pending:
            batch, pending = pending[:SEND_BATCH], pending[SEND_BATCH:]
            entries = [{"Id": str(number), "MessageBody": body} for number, (_, body) in enumerate(batch)]
            answer = self._queues.send_message_batch(QueueUrl=self._outputs["MainQueueUrl"], Entries=entries)
            for taken in answer.get("Successful", []):
                order, body = batch[int(taken["Id"])]
                done.append(Sent(taken["MessageId"], order, body))
            pending += [batch[int(refused["Id"])] for refused in answer.get("Failed", [])]
            sent_now(len(done))
        return done


class Operator:
    """The person on call: repairs the consumer's configuration, replays, discards."""

    def __init__(self, settings: Settings, outputs: Outputs, console: Console) -> None:
        self._settings = settings
        self._outputs = outputs
        self._console = console
        self._functions = client("lambda", settings, outputs["endpoint"])
        self._alarms = client("cloudwatch", settings, outputs["endpoint"])

    def scope(self) -> str:
        """The ledger's scope, as the processor is configured."""
        return self._variables()["LEDGER_SCOPE"]

    def support(self, currencies: Iterable[str]) -> None:
        """Sets the currencies that the consumer knows, and waits until the function runs with them."""
        variables = {**self._variables(), "SUPPORTED_CURRENCIES": ",".join(currencies)}
        if variables == self._variables():
            return
        name = self._outputs["ProcessorFunctionName"]
        self._functions.update_function_configuration(FunctionName=name, Environment={"Variables": variables})
        self._functions.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})

    def redrive(self, *arguments: str) -> None:
        """Types what the person types, and shows what the command answers: on this very terminal, progress bars included."""
        self._console.print(f"\n$ redrive {shlex.join(arguments)}", style="bold", markup=False, soft_wrap=True)
        sys.stdout.flush()
        given = ["--outputs", str(self._settings.outputs), "--by", "demo", *arguments]
        environment = {**without_aws(), **self._settings.client_environment(self._outputs["endpoint"])}
        environment = {name: value for name, value in environment.items() if not name.startswith("REDRIVE_")}
        done = subprocess.run([str(COMMAND), *given], env=environment, stdin=subprocess.DEVNULL, check=False)
        if done.returncode != 0:
            raise DemoError(f"redrive {arguments[0]} ended with {done.returncode}")

    def alarm(self) -> str:
        """The depth alarm's state."""
        name = self._outputs["DepthAlarmName"]
        return str(self._alarms.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["StateValue"])

    def rings(self, since: datetime) -> int:
        """Counts how often the depth alarm went off since then: each time SNS woke the indexer."""
        name = self._outputs["DepthAlarmName"]
        history = self._alarms.describe_alarm_history(AlarmName=name, HistoryItemType="StateUpdate", StartDate=since)
        return sum("to ALARM" in item["HistorySummary"] for item in history["AlarmHistoryItems"])

    def _variables(self) -> dict[str, str]:
        name = self._outputs["ProcessorFunctionName"]
        configuration = self._functions.get_function_configuration(FunctionName=name)
        return dict(configuration["Environment"]["Variables"])


class Story:
    """The chapters of the demo, in their order."""

    def __init__(self, settings: Settings, outputs: Outputs, console: Console) -> None:
        self.unfinished: list[str] = []
        self._settings = settings
        self._console = console
        self._shop = Shop(settings, outputs)
        self._operator = Operator(settings, outputs, console)
        self._books = Books(settings, outputs, self._operator.scope())

    def tell(self, chosen: Plan) -> Balance:
        """Tells the story from the first message to the last account."""
        self._console.print(report.sending(chosen))
        self._operator.support(KNOWN_CURRENCIES)
        started = datetime.now(UTC)
        sent = self._send_and_watch(chosen)
        rings = self._operator.rings(started)
        self._console.print(f"The depth alarm rang {rings} times and woke the indexer.")
        self._operator.redrive("causes")
        self._repair_and_replay(sent)
        self._edit_and_replay(sent)
        self._discard()
        self._operator.redrive("status")
        self._watch(sent, "queues empty", total=1, count=lambda now: int(now.depths.main + now.depths.dead == 0))
        return self._books.balance(sent)

    def _send_and_watch(self, chosen: Plan) -> list[Sent]:
        self._shop.write_rows(order for order in chosen.orders if order.has_row and order.kind is not Kind.LATE)
        total = len(chosen.first) + len(chosen.afterwards)
        with report.progress(self._console) as bars:
            bar = bars.add_task("messages sent", total=total, now="")
            sent = self._shop.send(chosen.first, lambda count: bars.update(bar, completed=count))
            self._write_late_rows([one for one in sent if one.order.kind is Kind.LATE])
            twice = {order.order_id for order, _ in chosen.afterwards}
            self._wait("charging the order that is sent again", lambda: twice <= self._books.balance(sent).charged)
            sent += self._shop.send(chosen.afterwards, lambda count: bars.update(bar, advance=count))
        self._watch(sent, "charged, or a letter", len(sent), lambda now: len(sent) - len(now.unaccounted))
        return sent

    def _write_late_rows(self, late: Sequence[Sent]) -> None:
        """Gives each late order its row when the consumer has missed it once."""
        written: set[str] = set()

        def look() -> bool:
            now = self._books.balance(late)
            missed = [one.order for one in late if now.ledger.get(one.order.order_id, {}).get("history")]
            self._shop.write_rows(order for order in missed if order.order_id not in written)
            written.update(order.order_id for order in missed)
            return len(written) == len(late)

        self._wait("missing the late rows", look)

    def _repair_and_replay(self, sent: Sequence[Sent]) -> None:
        self._console.print(f"\nThe fix: the consumer learns {NEW_CURRENCY} (its function's configuration).")
        self._operator.support([*KNOWN_CURRENCIES, NEW_CURRENCY])
        why = f"{NEW_CURRENCY} is supported now"
        guard = ("--canary", "5", "--rate", "1000")
        self._operator.redrive("replay", "--code", "currency", *guard, "--why", why, "--yes", "--watch")
        new = {one.order.order_id for one in sent if one.order.kind is Kind.UNKNOWN_CURRENCY}
        self._watch(sent, f"{NEW_CURRENCY} orders charged", len(new), lambda now: len(new & now.charged))

    def _edit_and_replay(self, sent: Sequence[Sent]) -> None:
        cut = next(one for one in sent if one.order.kind is Kind.MALFORMED)
        self._console.print("\nOne of the malformed orders is known from elsewhere: its letter is sent with the body that was meant.")
        self._shop.write_rows([cut.order])
        mended = self._settings.folder / "mended.json"
        mended.write_text(cut.order.meant)
        letter = self._books.letter_id(cut.message_id)
        self._operator.redrive("replay", letter, "--edit", os.path.relpath(mended), "--yes", "--watch")
        self._watch(sent, "edited order charged", 1, lambda now: int(cut.order.order_id in now.charged))

    def _discard(self) -> None:
        self._operator.redrive("discard", "--type", "SCHEMA", "--note", "malformed, producer told", "--yes")

    def _watch(self, sent: Sequence[Sent], title: str, total: int, count: Callable[[Balance], int]) -> None:
        """Shows progress until the count is full or patience ends; the account decides what that means."""
        with report.progress(self._console) as bars:
            bar = bars.add_task(title, total=total, now="")

            def look() -> bool:
                now = self._books.balance(sent)
                state = f"main {now.depths.main} DLQ {now.depths.dead} {self._operator.alarm()}"
                bars.update(bar, completed=count(now), now=state)
                return count(now) >= total

            self._wait(title, look)

    def _wait(self, title: str, done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not done():
            if time.monotonic() > deadline:
                self.unfinished.append(title)
                return
            time.sleep(LOOK_SECONDS)


def main() -> int:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="chooses amounts, currencies and the order of sending")
    seed = parser.parse_args().seed
    stage.end_on_signal()
    settings = Settings.read()
    settings.isolate()
    console = Console(highlight=False)
    started = time.monotonic()
    ours = not stage.is_up(settings)
    try:
        outputs = stage.up(settings) if ours else deployment.read_outputs(settings)
        if outputs is None:
            raise DemoError("the stage is up but has no outputs")
        story = Story(settings, outputs, console)
        balance = story.tell(plan(f"o{int(time.time()):x}", seed))
    except (DemoError, DeploymentError, EmulatorError, StillRunningError) as error:
        console.print(f"[bold red]demo:[/] {error}", markup=True)
        return 1
    finally:
        if ours:
            stage.say(f"{stage.down(settings)} processes ended")
    console.print(report.summary(balance))
    console.print(f"{time.monotonic() - started:.0f} s")
    if story.unfinished:
        console.print(f"[bold red]not finished in {PATIENCE_SECONDS:.0f} s:[/] {', '.join(story.unfinished)}")
    return 1 if story.unfinished or balance.lost or balance.charged_twice else 0


if __name__ == "__main__":
    sys.exit(main())
