"""Chapters of the letters: the dead are indexed, understood, cured, sent back and discarded, by the command that a person types."""

from __future__ import annotations

from rich.console import Console

from infra.brokers.letters import LetterFunctions
from infra.brokers.patience import Patience
from infra.brokers.world import World
from infra.demo import report
from infra.demo.orders import NEW_CURRENCY, Kind, Plan


def tell(world: World, letters: LetterFunctions, console: Console, patience: Patience, chosen: Plan) -> None:
    """Has all dead records become letters, and does what a person would do about them."""
    _index(world, letters, console, patience)
    letters.redrive(console, "causes")
    console.print(f"\nThe fix: the consumer learns {NEW_CURRENCY} (its function's configuration).")
    world.cure()
    _replay(letters, console, patience, sum(order.kind is Kind.UNKNOWN_CURRENCY for order in chosen.orders))
    letters.redrive(console, "discard", "--type", "SCHEMA", "--note", "malformed, producer told", "--yes")


def _index(world: World, letters: LetterFunctions, console: Console, patience: Patience) -> None:
    """Has the dead records become letters; indexer and poller are killed in the midst of it."""
    dead, record = world.names.dead, world.names.record
    # What is indexed leaves a queue, and stays in a topic.
    world.source.dead()
    world.poll(dead, letters.indexer_port)
    total = world.source.unsettled(dead)
    with report.progress(console) as bars:
        bar = bars.add_task(f"dead {record}s indexed", total=total, now="")
        world.kills += letters.indexer.kill_one()
        world.kill_poller(dead)
        world.poll(dead, letters.indexer_port)

        def look() -> bool:
            left = world.source.unsettled(dead)
            bars.update(bar, completed=total - left, now=f"{world.kills} kills")
            return left == 0

        patience.wait(f"indexing all dead {record}s", look)


def _replay(letters: LetterFunctions, console: Console, patience: Patience, count: int) -> None:
    """Sends the letters of the currency back by a guarded job, and waits until so many are charged."""
    letters.wake_now_and_then()
    guard = ("--canary", "5", "--rate", "1000")
    why = f"{NEW_CURRENCY} is supported now"
    letters.redrive(console, "replay", "--code", "currency", *guard, "--why", why, "--yes", "--watch")

    def look() -> bool:
        return sum(one.status == "RESOLVED" and one.reason.endswith(" currency") for one in letters.all()) == count

    patience.wait("charging what was replayed", look)
