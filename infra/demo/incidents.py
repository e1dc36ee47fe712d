"""Incidents of a night on call, played on the local stage: each with its commands, and the seconds until it is over.

Messages die by the hundred and by the thousand. A person finds out why, mends the cause, and sends back what can succeed.
Each step is typed as a person types it; what the command answered is kept in `incidents.log` in the stage's folder.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table

from infra.demo.books import Books, Sent
from infra.demo.demo import DemoError, Operator, Shop
from infra.demo.orders import Kind, Order
from infra.stack import deployment, stage
from infra.stack.deployment import DeploymentError, Outputs, client
from infra.stack.emulator import EmulatorError
from infra.stack.processes import StillRunningError
from infra.stack.settings import COMMAND, Settings, without_aws

PATIENCE_SECONDS = 900.0
LOOK_SECONDS = 0.5
OUTAGE_SECONDS = 20.0
SENDERS = 4
CURRENCIES = ("EUR", "USD", "GBP")


@dataclass(frozen=True)
class Step:
    """Step of an incident, with what it took."""

    incident: str
    step: str
    seconds: float
    commands: int


@dataclass
class Night:
    """Stage on which the incidents are played, and what they took."""

    settings: Settings
    outputs: Outputs
    console: Console
    steps: list[Step] = field(default_factory=list)
    incident: str = ""

    def __post_init__(self) -> None:
        """Opens the shop, the books and the log."""
        self.run = f"n{int(time.time()):x}"
        self.chance = random.Random(1)  # noqa: S311 (orders of a story, the same each night)
        self.shop = Shop(self.settings, self.outputs)
        self.operator = Operator(self.settings, self.outputs, self.console)
        self.books = Books(self.settings, self.outputs, self.operator.scope())
        self.log = self.settings.folder / "incidents.log"
        self.log.write_text("")

    def begin(self, incident: str) -> None:
        """Begins an incident, and prints its name."""
        self.incident = incident
        self.console.print(f"\n[bold]{incident}[/]")

    def order(self, kind: str, number: int, **other: object) -> Order:
        """Makes an order whose body differs from a good one by some members; `None` leaves a member out."""
        name = f"{self.run}-{kind}-{number:05}"
        amount = self.chance.randrange(100, 100_000)
        whole = {"order_id": name, "customer_id": "c-001", "amount_minor": amount, "currency": "EUR", **other}
        body = json.dumps({member: value for member, value in whole.items() if value is not None})
        return Order(name, Kind.GOOD, body, meant=body)

    def send(self, orders: Sequence[Order], *, with_rows: bool = True) -> list[Sent]:
        """Writes the rows of orders, sends them side by side, and returns what SQS took."""
        if with_rows:
            self.shop.write_rows(orders)
        parts = [orders[start::SENDERS] for start in range(SENDERS)]

        def part(few: Sequence[Order]) -> list[Sent]:
            return Shop(self.settings, self.outputs).send([(order, order.body) for order in few], lambda _: None)

        with ThreadPoolExecutor(SENDERS) as senders:
            return [one for sent in senders.map(part, [few for few in parts if few]) for one in sent]

    def typed(self, step: str, *arguments: str, given: str | None = None, codes: Iterable[int] = (0,)) -> str:
        """Types one command, and notes its seconds."""
        started = time.monotonic()
        answer = self.answer(*arguments, given=given, codes=codes)
        self.note(step, time.monotonic() - started, 1)
        return answer

    def answer(self, *arguments: str, given: str | None = None, codes: Iterable[int] = (0,)) -> str:
        """Runs the command as a person in a terminal of 100 columns, and keeps what it answered."""
        environment = {**without_aws(), **self.settings.client_environment(self.outputs["endpoint"]), "COLUMNS": "100"}
        environment = {name: value for name, value in environment.items() if not name.startswith("REDRIVE_")}
        call = [str(COMMAND), "--outputs", str(self.settings.outputs), "--by", "ann", *arguments]
        done = subprocess.run(call, env=environment, input=given or "", text=True, capture_output=True, check=False)
        with self.log.open("a") as log:
            log.write(f"\n$ redrive {' '.join(arguments)}\n{done.stdout}{done.stderr}[{done.returncode}]\n")
        if done.returncode not in codes:
            raise DemoError(f"redrive {' '.join(arguments[:3])} ended with {done.returncode}: {done.stderr[-400:]}")
        return done.stdout + (done.stderr if not done.stdout else "")

    def read(self, *arguments: str) -> Any:
        """Returns the one document that a command answers, without a note."""
        return json.loads(self.answer("--json", *arguments))

    def note(self, step: str, seconds: float, commands: int) -> None:
        """Notes a step with its seconds."""
        self.steps.append(Step(self.incident, step, seconds, commands))
        self.console.print(f"  {seconds:7.1f} s  {step}", markup=False, highlight=False)

    def wait(self, step: str, done: Callable[[], bool]) -> None:
        """Waits until something has happened, and notes how long."""
        started = time.monotonic()
        while not done():
            if time.monotonic() - started > PATIENCE_SECONDS:
                raise DemoError(f"not within {PATIENCE_SECONDS:.0f} s: {step}")
            time.sleep(LOOK_SECONDS)
        self.note(step, time.monotonic() - started, 0)

    def settled(self) -> bool:
        """Returns true if both queues are empty: each message is done, or a letter."""
        now = self.books.depths()
        return now.main + now.dead == 0

    def waiting(self, *filters: str) -> list[dict[str, Any]]:
        """Returns the letters that wait, as `list` shows them: a line each."""
        return [json.loads(line) for line in self.answer("--json", "list", *filters).splitlines()]


def page_to_cause(night: Night) -> None:
    """Plays 298 deaths of six kinds; the question is why."""
    night.begin("1  the page: 298 messages, six codes")
    broken = [night.order("jpy", n, currency="JPY") for n in range(100)]
    broken += [night.order("amount", n, amount_minor=-1) for n in range(50)]
    broken += [night.order("nocust", n, customer_id=None) for n in range(40)]
    broken += [night.order("nocur", n, currency=None) for n in range(38)]
    broken += [night.order("text", n, amount_minor="12") for n in range(40)]
    night.send(broken)
    night.send([night.order("norow", n) for n in range(30)], with_rows=False)
    night.wait("until the queues are empty", night.settled)
    night.typed("why did they die", "causes")
    night.typed("what is wrong now", "status")
    night.typed("from an order's id to its letter", "find", broken[7].order_id)


def bad_deployment(night: Night) -> None:
    """Plays 3,000 deaths by a deployment; half of them are rightly refused, and die again."""
    night.begin("2  a bad deployment: 3,000 dead, half of them rightly")
    night.operator.support(currency for currency in CURRENCIES if currency != "EUR")
    wrongly = [night.order("eur", n) for n in range(1_500)]
    rightly = [night.order("chf", n, currency="CHF") for n in range(1_500)]
    both = [*wrongly, *rightly]
    night.chance.shuffle(both)
    night.send(both)
    night.wait("until the queues are empty", night.settled)
    night.operator.support(CURRENCIES)
    since = ("--code", "currency", "--since", "30m")
    night.typed("send all back", "replay", *since, "--why", "EUR is back", "--yes", "--watch", codes=(0, 1))
    night.typed("what CHF costs: how many", "list", *since, "--limit", "5")
    by_body = (*since, "--where", "/currency=EUR", "--why", "EUR alone", "--rate", "200", "--yes", "--watch")
    night.typed("send back what can succeed", "replay", *by_body, codes=(0, 1))
    night.typed("give up the others", "discard", *since, "--where", "/currency=CHF", "--note", "never CHF", "--yes")


def long_outage(night: Night) -> None:
    """Plays an outage that outlasts the automatic replays."""
    night.begin("3  an outage beyond the automatic replays: 60 orders")
    late = [night.order("late", n) for n in range(60)]
    night.send(late, with_rows=False)

    def used_up() -> bool:
        steps = [cause["next_steps"] for cause in night.read("causes", "--exact")["causes"] if cause["error_code"] == "no-row"]
        return sum(int(step["replays_used_up"]) for step in steps) >= len(late)

    night.wait("until their replays are used up", used_up)
    night.shop.write_rows(late)
    night.typed("who acts on them", "causes")
    night.typed(
        "send them back", "replay", "--code", "no-row", "--since", "30m", "--why", "rows are there", "--yes", "--watch", codes=(0, 1)
    )


def by_hand(night: Night) -> None:
    """Plays single letters: edited, patched, discarded, restored, exported."""
    night.begin("4  by hand: edit, patch, discard, restore, export")
    letter = night.waiting("--cause", "PERMANENT/amount", "--limit", "1")[0]["dlq_message_id"]
    body = night.settings.folder / "body.json"
    body.write_text(json.dumps({**json.loads(night.order("amount", 0).body), "amount_minor": 100}))
    night.typed("edit one", "replay", letter, "--edit", str(body), "--allow-key-change", "--yes", "--watch", codes=(0, 1))
    patch = night.settings.folder / "patch.json"
    patch.write_text('[{"op": "add", "path": "/currency", "value": "EUR"}]')
    cause = ("--cause", "SCHEMA/decode: missing field currency")
    night.typed("patch thirty", "replay", *cause, "--limit", "30", "--patch", str(patch), "--yes", "--watch", codes=(0, 1))
    few = [letter["dlq_message_id"] for letter in night.waiting("--code", "currency", "--limit", "20")]
    night.typed("discard twenty", "discard", "--ids", "-", "--note", "not wanted", "--yes", given="\n".join(few))
    night.typed("restore five of them", "restore", *few[:5], "--note", "wanted after all")
    night.typed("discard what another has discarded", "discard", *few[5:8], "--note", "again", "--yes", codes=(0, 1))
    export = night.settings.folder / "letters.ndjson"
    export.unlink(missing_ok=True)
    night.typed("export all", "export", "--status", "any", "--output", str(export))


def large_table(night: Night, letters: int) -> None:
    """Plays a table with many letters; the question is how long a person looks at nothing."""
    night.begin(f"5  {letters:,} letters that wait")
    many = [night.order("bulk", n, currency="XTS") for n in range(letters)]
    started = time.monotonic()
    night.send(many, with_rows=False)
    night.note("sent", time.monotonic() - started, 0)
    night.wait("until the queues are empty", night.settled)
    middle = many[letters // 2].order_id
    found = night.waiting("--limit", "1")[0]["dlq_message_id"]
    night.typed("why did they die", "causes")
    night.typed("what is wrong now", "status")
    night.typed("the first page of letters", "list", "--limit", "100")
    night.typed("an order, by its id", "find", middle)
    night.typed("one letter", "show", found)
    night.typed("what a replay would do", "replay", "--code", "currency", "--since", "30m", "--dry-run")


def personal_data(night: Night) -> None:
    """Plays a customer who asks to be forgotten: the letter is found by what stands in its body, and erased."""
    night.begin("6  a letter holds personal data")
    customer = f"customer-{night.run}"
    night.send([night.order("private", 0, currency="XTS", customer_id=customer)])
    night.wait("until the queues are empty", night.settled)
    night.typed("every letter of the customer", "find", customer, "--all")
    letter = night.read("find", customer, "--all")["letters"][0]["dlq_message_id"]
    night.typed("erase it", "erase", letter, "--note", "asked for by the customer", "--yes")
    night.typed("nothing is found any more", "find", customer, "--all", codes=(1,))
    night.typed("what stays of it", "show", letter)


def ledger_gone(night: Night) -> None:
    """Plays the loss of the ledger's table: messages wait until there is one again, and are charged once."""
    night.begin("7  the ledger's table is gone: 40 orders")
    tables = client("dynamodb", night.settings, night.outputs["endpoint"])
    name = night.outputs["LedgerTableName"]
    shape = tables.describe_table(TableName=name)["Table"]
    tables.update_table(TableName=name, DeletionProtectionEnabled=False)
    tables.delete_table(TableName=name)
    orders = [night.order("nolist", n) for n in range(40)]
    sent = night.send(orders)
    time.sleep(OUTAGE_SECONDS)
    night.typed("what is wrong now", "status", codes=(0, 3))
    tables.create_table(
        TableName=name,
        KeySchema=shape["KeySchema"],
        AttributeDefinitions=shape["AttributeDefinitions"],
        BillingMode="PAY_PER_REQUEST",
        DeletionProtectionEnabled=True,
    )
    tables.update_time_to_live(TableName=name, TimeToLiveSpecification={"AttributeName": "expires", "Enabled": True})

    night.wait("from a new table until the queues are empty", night.settled)
    balance = night.books.balance(sent)
    if balance.charged_twice or len(balance.charged) != len(orders):
        raise DemoError(f"{len(balance.charged)} of {len(orders)} charged, twice: {balance.charged_twice}")


def table(steps: Sequence[Step]) -> Table:
    """Makes the table of all steps."""
    made = Table(title="A night on call", title_justify="left")
    for name in ("step", "seconds", "commands"):
        made.add_column(name, justify="left" if name == "step" else "right")
    incident = ""
    for step in steps:
        if step.incident != incident:
            incident = step.incident
            made.add_section()
            made.add_row(f"[bold]{incident}[/]", "", "")
        made.add_row(step.step, f"{step.seconds:.1f}", str(step.commands) if step.commands else "")
    return made


def main() -> int:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--letters", type=int, default=20_000, help="letters of the large table")
    parser.add_argument("--only", default="1234567", help="digits of the incidents to play")
    arguments = parser.parse_args()
    stage.end_on_signal()
    settings = Settings.read()
    settings.isolate()
    console = Console(highlight=False)
    ours = not stage.is_up(settings)
    plays: dict[str, Callable[[Night], None]] = {
        "1": page_to_cause,
        "2": bad_deployment,
        "3": long_outage,
        "4": by_hand,
        "5": lambda night: large_table(night, arguments.letters),
        "6": personal_data,
        "7": ledger_gone,
    }
    try:
        outputs = stage.up(settings) if ours else deployment.read_outputs(settings)
        if outputs is None:
            raise DemoError("the stage is up but has no outputs")
        night = Night(settings, outputs, console)
        for digit in arguments.only:
            plays[digit](night)
    except (DemoError, DeploymentError, EmulatorError, StillRunningError) as error:
        console.print(f"[bold red]incidents:[/] {error}", markup=True)
        return 1
    finally:
        if ours:
            stage.say(f"{stage.down(settings)} processes ended")
    console.print(table(night.steps))
    console.print(f"What the command answered is in {night.log}.", markup=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
