"""Walks pages on the stage that is up, with messages of its own, and holds what became of each to what the page says.

The pages of whoever comes from elsewhere, and of whoever is on call: `redrive` and `aws` are the real ones.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from infra.checks.pages_walk import Walk, WalkError
from infra.demo.demo import Operator
from infra.demo.orders import KNOWN_CURRENCIES, NEW_CURRENCY
from infra.stack import deployment, stage
from infra.stack.deployment import Outputs, client
from infra.stack.settings import COMMAND, ROOT, Settings, without_aws

DOCS = ROOT / "docs"
WALKED = ("from-a-plain-consumer.md", "from-sqs-redrive.md", "operate.md", "runbooks.md")
PATIENCE_SECONDS = 90.0
LOOK_SECONDS = 0.3


@dataclass
class Place:
    """Stage with its stacks, and a story's own names."""

    settings: Settings
    own: Outputs
    attached: Outputs
    run: str

    def __post_init__(self) -> None:
        """Makes clients of the stage."""
        endpoint = self.own["endpoint"]
        self.queues: Any = client("sqs", self.settings, endpoint)
        self.tables: Any = client("dynamodb", self.settings, endpoint)
        self.functions: Any = client("lambda", self.settings, endpoint)

    def walk(self, page: str, variant: str | None = None) -> Walk:
        """Opens one of the pages, with the command at the stack of a variant or at the stage's own."""
        expect(page in WALKED, f"{page} is walked")
        file = self.settings.outputs_of(variant) if variant else self.settings.outputs
        return Walk(self.settings, self.own, DOCS / page, file)

    def order(self, name: str, currency: str, **other: object) -> str:
        """Makes the body of an order."""
        body = {"order_id": f"{self.run}-{name}", "customer_id": "c-1", "amount_minor": 100, "currency": currency, **other}
        return json.dumps(body)

    def send(self, url: str, bodies: Iterable[str]) -> None:
        """Sends messages one by one."""
        for body in bodies:
            self.queues.send_message(QueueUrl=url, MessageBody=body)

    def rows(self, names: Iterable[str]) -> None:
        """Gives orders their rows."""
        for name in names:
            self.tables.put_item(TableName=self.own["OrdersTableName"], Item={"order_id": {"S": f"{self.run}-{name}"}})

    def charges(self, name: str) -> int:
        """Returns how often an order was charged."""
        key = {"order_id": {"S": f"{self.run}-{name}"}}
        item = self.tables.get_item(TableName=self.own["OrdersTableName"], Key=key, ConsistentRead=True).get("Item", {})
        return int(item.get("charges", {"N": "0"})["N"])

    def depth(self, url: str) -> int:
        """Returns the number of messages that a queue has, in any state."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"]
        answer = self.queues.get_queue_attributes(QueueUrl=url, AttributeNames=names)
        return sum(int(answer["Attributes"][name]) for name in names)


def until(what: str, done: Callable[[], bool]) -> None:
    """Waits until something has happened."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not done():
        if time.monotonic() > end:
            raise WalkError(f"not within {PATIENCE_SECONDS:.0f} s: {what}")
        time.sleep(LOOK_SECONDS)


def expect(holds: bool, what: str) -> None:
    """Ends the walk if a promise of the page is not kept."""
    if not holds:
        raise WalkError(f"not as the page says: {what}")


def plain_consumer(place: Place) -> None:
    """Walks from-a-plain-consumer.md: what the old consumer refused, and what came later, is charged once by the new one."""
    walk, given = place.walk("from-a-plain-consumer.md", "attach"), place.attached
    old, names = given["ChargesQueueUrl"], [f"plain-{number}" for number in range(6)]
    done, refused, later = names[:2], names[2:4], names[4:]
    place.rows(names)
    place.send(old, [place.order(name, "EUR") for name in done] + [place.order(name, "USD") for name in refused])
    walk.step("look", OLD_QUEUE="foreign-charges")
    until("the old consumer has charged what it knows", lambda: all(place.charges(name) for name in done))
    until("the old queue has given up the rest", lambda: place.depth(old) == 0)
    expect("UNKNOWN" in walk.step("take in"), "what is dead is grouped by cause")
    # A producer of today, and one that sends again what died there.
    place.send(place.own["MainQueueUrl"], [place.order(name, "USD") for name in (*later, refused[0])])
    until("the new consumer charges", lambda: all(place.charges(name) == 1 for name in (*later, refused[0])))
    expect('"0"' in walk.step("empty", OLD_QUEUE_URL=old), "the old queue is empty")
    walk.step("switch off", OLD_MAPPING=given["PlainChargerMappingId"])
    place.send(old, [place.order("plain-nobody", "EUR"), place.order("plain-refused", "USD")])
    walk.step("bring along", OLD_QUEUE="foreign-charges", NEW_QUEUE=place.own["MainQueueArn"])
    until("what was dead is charged", lambda: place.charges(refused[1]) == 1)
    until("the new queue is empty", lambda: place.depth(place.own["MainQueueUrl"]) == 0)
    expect([place.charges(name) for name in names] == [1] * len(names), "each order is charged once")
    expect(place.depth(old) == 2, "nobody takes from the old queue")
    walk.step("back", OLD_MAPPING=given["PlainChargerMappingId"])
    until("the old consumer works again", lambda: place.charges("plain-nobody") == 1)
    until("it has given up what it does not know", lambda: place.depth(old) == 0)
    _teach(place, "PlainChargerFunctionName", "USD")
    walk.step("send back", OLD_QUEUE="foreign-charges")
    until("the mended one charges it", lambda: place.charges("plain-refused") == 1)
    walk.end()


def own_redrive(place: Place) -> None:
    """Walks from-sqs-redrive.md: what a consumer in another language refused goes back by cause once it is mended."""
    walk, given = place.walk("from-sqs-redrive.md", "attach"), place.attached
    ids = [f"{place.run}-redrive-{number}" for number in range(3)]
    place.send(given["OrdersQueueUrl"], [json.dumps({"id": one, "amount": 5, "currency": "SEK"}) for one in ids])
    walk.step("look", QUEUE="foreign-orders")
    until("the queue has given them up", lambda: place.depth(given["OrdersQueueUrl"]) == 0)
    expect("UNKNOWN" in walk.step("take in", QUEUE="foreign-orders"), "what is dead is grouped by cause")
    _teach(place, "ConsumerFunctionName", "SEK")
    walk.step("send back", QUEUE="foreign-orders")
    until("the mended consumer has taken them", lambda: all(_consumed(place, one) for one in ids))
    expect([_consumed(place, one) for one in ids] == [1, 1, 1], "each is consumed once")
    walk.end()


def on_call(place: Place) -> None:
    """Walks operate.md, from the alarm to the letters that are given up, and the fourth runbook before it."""
    names, main = [f"call-{number}" for number in range(4)], place.own["MainQueueUrl"]
    place.rows(names)
    place.send(main, [place.order(name, NEW_CURRENCY) for name in names[:3]] + ["{"])
    until("the queue has given them up", lambda: place.depth(main) == 0)
    runbook = place.walk("runbooks.md")
    runbook.step("about to expire")
    runbook.end()
    expect(place.depth(place.own["DeadLetterQueueUrl"]) == 0, "nothing is left that may expire")
    walk = place.walk("operate.md")
    expect("WAITING: 4" in walk.step("what is wrong"), "four letters wait")
    walk.step("drain")
    letter = _letter(place, "idempotency_key", f"{place.run}-{names[0]}")
    shown = walk.step("why", {"ID": letter, "order chf-9": f"order {place.run}-{names[0]}"})
    expect(f"Letter {letter} is PENDING" in shown, "one letter's story is shown")
    found = walk.step("from an order", {"o-3": f"{place.run}-{names[0]}", "CHF is not": "a currency that"})
    expect(letter in found, "an order leads to it")
    operator = Operator(place.settings, place.own, Console(quiet=True))
    operator.support([*KNOWN_CURRENCIES, NEW_CURRENCY])
    walk.step("replay")
    until("they are charged", lambda: all(place.charges(name) for name in names[:3]))
    expect([place.charges(name) for name in names[:3]] == [1, 1, 1], "each order is charged once")
    walk.step("give up", {"ID": _letter(place, "error_type", "SCHEMA")})
    walk.step("test case", {"ID": letter})
    expect(json.loads((walk.folder / "currency.json").read_text()) != {}, "a test case was written")
    walk.step("another table")
    walk.end()
    # As the template has it, for those who come after.
    operator.support(KNOWN_CURRENCIES)


def _letter(place: Place, member: str, value: str) -> str:
    """Returns the id of the letter whose line in the list has this value."""
    command = [str(COMMAND), "--outputs", str(place.settings.outputs), "--json", "list"]
    environment = {**without_aws(), **place.settings.client_environment(place.own["endpoint"])}
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return next(str(line["dlq_message_id"]) for line in lines if line[member] == value)


def _teach(place: Place, function: str, currency: str) -> None:
    name = place.attached[function]
    variables = place.functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    known = {**variables, "KNOWN": f"{variables['KNOWN']},{currency}"}
    place.functions.update_function_configuration(FunctionName=name, Environment={"Variables": known})


def _consumed(place: Place, order: str) -> int:
    table, key = place.attached["ConsumedTableName"], {"id": {"S": order}}
    item = place.tables.get_item(TableName=table, Key=key, ConsistentRead=True).get("Item", {})
    return int(item.get("times", {"N": "0"})["N"])


STORIES: dict[str, Callable[[Place], None]] = {
    "on-call": on_call,
    "plain-consumer": plain_consumer,
    "sqs-redrive": own_redrive,
}


def main() -> int:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stories", nargs="*", metavar="STORY", help=f"one of {', '.join(STORIES)}; all without")
    arguments = parser.parse_args()
    settings = Settings.read()
    settings.isolate()
    own = deployment.read_outputs(settings)
    if own is None:
        sys.stderr.write("no stage is up: make stage\n")
        return 1
    attached: Outputs = json.loads(settings.outputs_of("attach").read_text())
    place = Place(settings, own, attached, f"w{int(time.time()):x}")
    # They wait more than they compute, and each has messages of its own.
    with ThreadPoolExecutor() as readers:
        ended = list(readers.map(lambda name: walked(name, place), arguments.stories or STORIES))
    return int(not all(ended))


def walked(name: str, place: Place) -> bool:
    """Walks one story, and says how long it took or what went another way."""
    started = time.monotonic()
    try:
        STORIES[name](place)
    except WalkError as error:
        sys.stderr.write(f"{name}: {error}\n")
        return False
    stage.say(f"{name} walked in {time.monotonic() - started:.0f} s")
    return True


if __name__ == "__main__":
    sys.exit(main())
