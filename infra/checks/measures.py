"""Measures of the canary, one after the other, and the table that it ends with: what was seen beside what the documentation says."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.console import Console
from rich.table import Table

from infra.demo.books import Balance, Books, Sent
from infra.demo.demo import Operator, Shop
from infra.demo.orders import HUNDRED, KNOWN_CURRENCIES, NEW_CURRENCY, Kind, plan
from infra.stack.deployment import Outputs, client
from infra.stack.settings import COMMAND, Settings

PATIENCE_SECONDS = 900.0
LOOK_SECONDS = 2.0
DEAD = (Kind.MALFORMED, Kind.REFUSED, Kind.UNKNOWN_CURRENCY)


class SmokeError(RuntimeError):
    """The canary could not do its work, or found something wrong."""


@dataclass(frozen=True)
class Measured:
    """Line of the table: what was measured, seen and said."""

    what: str
    seen: str
    said: str
    """Statement of the documentation, and where it was only inferred."""
    wrong: bool = False


def table(measured: Iterable[Measured]) -> Table:
    """To be compared with the documentation."""
    told = Table("what", "seen", "the documentation says", title="Canary", title_justify="left")
    for one in measured:
        told.add_row(one.what, f"[bold red]{one.seen}[/]" if one.wrong else one.seen, one.said)
    return told


def document(measured: Iterable[Measured]) -> str:
    """The same as JSON."""
    return json.dumps([asdict(one) for one in measured], indent=2) + "\n"


def within(what: str, seconds: float | None, limit: float, said: str) -> Measured:
    """A time, which is wrong if it is longer than the limit, or never ended."""
    if seconds is None:
        return Measured(what, f"not in {PATIENCE_SECONDS:.0f} s", said, wrong=True)
    return Measured(what, f"{seconds:.0f} s", said, wrong=seconds > limit)


def accounts(balance: Balance) -> list[Measured]:
    """Measures that nothing is lost, and nothing charged twice."""
    lost, twice = balance.lost, len(balance.charged_twice)
    return [
        Measured("messages that are nowhere", str(lost), "none: guarantee 1", wrong=lost > 0),
        Measured("orders charged twice", str(twice), "none: guarantee 3", wrong=twice > 0),
        Measured("orders charged", str(len(balance.charged)), "all that can be"),
    ]


def edit(answer: Mapping[str, Any]) -> Measured:
    """Measures if an edit may do what its role says under dynamodb:Attributes, from the account of its job."""
    outcomes = answer.get("known", answer)
    done = int(outcomes.get("resolved", 0))
    said = "works; that the condition admits ALL_OLD on a failed condition is an inference"
    told = "done" if done == 1 else "not done: " + ", ".join(f"{name} {count}" for name, count in sorted(outcomes.items()) if count)
    return Measured("an edit, under dynamodb:Attributes", told, said, wrong=done != 1)


def doubts(answers: Sequence[Mapping[str, Any]]) -> Measured:
    """Measures how many sends ended in doubt of those that followed a rest."""
    doubted = sum(int(answer.get("in_doubt", 0)) for answer in answers)
    said = "none; how often a connection is closed under a frozen function is an inference"
    return Measured("sends in doubt, after rests", f"{doubted} of {len(answers)}", said, wrong=doubted > 0)


def braked(points: Sequence[Mapping[str, Any]], minutes: float) -> Measured:
    """Measures how often the processor was invoked in an outage."""
    said = "fewer from minute to minute: the messages are hidden for longer; that Lambda itself slows down is an inference"
    if not points:
        return Measured("invocations without a ledger", "not measured", said)
    ordered = sorted(points, key=lambda point: point["Timestamp"])
    told = ", ".join(f"{point['Sum']:.0f}" for point in ordered)
    return Measured(f"invocations without a ledger, each of {minutes:.0f} minutes", told, said)


class Canary:
    """The producer and the operator of the canary's stack."""

    def __init__(self, settings: Settings, outputs: Outputs, environment: Mapping[str, str], console: Console) -> None:
        self._settings, self._outputs, self._environment, self._console = settings, outputs, dict(environment), console
        self._shop = Shop(settings, outputs)
        self._operator = Operator(settings, outputs, console)
        self._books = Books(settings, outputs, self._operator.scope())

    def run(self, *, freezes: int, rest: float, outage: float) -> list[Measured]:
        """Takes all measures, in an order in which one thing does not disturb the next."""
        chosen = plan(f"s{int(time.time()):x}", 1, HUNDRED)
        self._operator.support(KNOWN_CURRENCIES)
        self._shop.write_rows(order for order in chosen.orders if order.has_row)
        self._console.print(f"{len(chosen.first)} messages for {len(chosen.orders)} orders")
        began = time.monotonic()
        sent = self._shop.send(chosen.first, lambda _: None)
        found = self._arrivals(sent, began)
        twice = {order.order_id for order, _ in chosen.afterwards}
        self._until(lambda: twice <= self._books.balance(sent).charged)
        again = self._shop.send(chosen.afterwards, lambda _: None)
        sent += again
        self._until(lambda: {one.message_id for one in again} <= self._books.balance(again).letters.keys())
        found.append(self._replay(sent))
        found.append(self._edit(sent))
        found.append(self._doubts(sent, freezes, rest))
        if outage:
            found.append(self._brake(outage))
        self._redrive("discard", "--type", "SCHEMA", "--note", "canary", "--yes")
        self._until(lambda: not any(vars(self._books.depths()).values()))
        return [*found, *accounts(self._books.balance(sent))]

    def _arrivals(self, sent: Sequence[Sent], began: float) -> list[Measured]:
        dead = {one.message_id for one in sent if one.order.kind in DEAD}
        first: dict[str, float] = {}

        def look() -> bool:
            elapsed = time.monotonic() - began
            if self._operator.alarm() == "ALARM":
                first.setdefault("alarm", elapsed)
            known = dead & self._books.balance(sent).letters.keys()
            if known:
                first.setdefault("letter", elapsed)
            return dead == known

        done = self._until(look)
        return [
            within("first letter, since the first send", first.get("letter"), 180, "45 to 90 s: ten more receives, then a sweep"),
            Measured(
                "depth alarm, since the first send",
                f"{first['alarm']:.0f} s" if "alarm" in first else "never: the sweep was faster",
                "1 to 3 minutes, nearly always later than a sweep",
            ),
            within("all dead messages are letters", done, 300, "within minutes"),
        ]

    def _replay(self, sent: Sequence[Sent]) -> Measured:
        self._operator.support([*KNOWN_CURRENCIES, NEW_CURRENCY])
        began = time.monotonic()
        self._redrive("replay", "--code", "currency", "--canary", "3", "--rate", "100", "--why", "canary", "--yes", "--watch")
        new = {one.order.order_id for one in sent if one.order.kind is Kind.UNKNOWN_CURRENCY}
        done = self._until(lambda: new <= self._books.balance(sent).charged)
        took = None if done is None else time.monotonic() - began
        return within(f"a guarded replay of {len(new)} letters", took, 600, "a canary, then steps of a minute")

    def _edit(self, sent: Sequence[Sent]) -> Measured:
        cut = next(one for one in sent if one.order.kind is Kind.MALFORMED)
        self._shop.write_rows([cut.order])
        mended = self._settings.folder / "smoke-mended.json"
        mended.write_text(cut.order.meant)
        letter = self._books.letter_id(cut.message_id)
        self._redrive("replay", letter, "--edit", str(mended), "--yes", "--watch")
        self._until(lambda: cut.order.order_id in self._books.balance(sent).charged)
        charged = cut.order.order_id in self._books.balance(sent).charged
        return edit({"resolved": int(charged), "not charged": int(not charged)})

    def _doubts(self, sent: Sequence[Sent], freezes: int, rest: float) -> Measured:
        """Each letter is of an amount that is refused: it is sent after a rest, dies again, and is there for another time."""
        letters = [self._books.letter_id(one.message_id) for one in sent if one.order.kind is Kind.REFUSED]
        answers = []
        for turn in range(freezes):
            time.sleep(rest)
            said = self._redrive("replay", letters[turn % len(letters)], "--now", "--yes", "--json", may_end=(0, 1))
            answers.append(json.loads(said or "{}"))
        return doubts(answers)

    def _brake(self, outage: float) -> Measured:
        """Takes the ledger's name away from the processor for a while, under some load."""
        functions = client("lambda", self._settings, self._outputs["endpoint"] or None)
        name = self._outputs["ProcessorFunctionName"]
        kept = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        began = datetime.now(UTC)
        load = plan(f"b{int(time.time()):x}", 2, {Kind.GOOD: 50})
        self._shop.write_rows(load.orders)
        try:
            self._configure(functions, name, {**kept, "LEDGER_TABLE_NAME": f"{kept['LEDGER_TABLE_NAME']}-gone"})
            sent = self._shop.send(load.first, lambda _: None)
            time.sleep(outage)
        finally:
            self._configure(functions, name, kept)
        points = client("cloudwatch", self._settings, self._outputs["endpoint"] or None).get_metric_statistics(
            Namespace="AWS/Lambda",
            MetricName="Invocations",
            Dimensions=[{"Name": "FunctionName", "Value": name}],
            StartTime=began,
            EndTime=datetime.now(UTC) + timedelta(minutes=1),
            Period=60,
            Statistics=["Sum"],
        )["Datapoints"]
        everyone = {one.order.order_id for one in sent}
        if self._until(lambda: everyone <= self._books.balance(sent).charged) is None:
            raise SmokeError("what was sent without a ledger was not charged once there was one")
        return braked(points, outage / 60)

    def _configure(self, functions: Any, name: str, variables: Mapping[str, str]) -> None:
        functions.update_function_configuration(FunctionName=name, Environment={"Variables": dict(variables)})
        functions.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})

    def _redrive(self, *arguments: str, may_end: tuple[int, ...] = (0,)) -> str:
        """The operator's command, at the canary's stack."""
        outputs = self._settings.folder / "smoke-outputs.json"
        outputs.write_text(json.dumps({name: value for name, value in self._outputs.items() if value}))
        environment = {name: value for name, value in self._environment.items() if not name.startswith("REDRIVE_")}
        line = [str(COMMAND), "--outputs", str(outputs), "--by", "canary", *arguments]
        done = subprocess.run(line, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        self._console.print(f"$ redrive {' '.join(arguments)}: {done.returncode}", markup=False, soft_wrap=True)
        if done.returncode not in may_end:
            raise SmokeError(f"redrive {arguments[0]} ended with {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def _until(self, done: Callable[[], bool]) -> float | None:
        """The seconds that it took, if it came to pass at all."""
        began = time.monotonic()
        while time.monotonic() - began < PATIENCE_SECONDS:
            if done():
                return time.monotonic() - began
            time.sleep(LOOK_SECONDS)
        return None
