"""Story of a demo: orders through a broker, the compiled function killed now and then, and the account of every record.

A poller of this repository stands for Lambda's. The dead become letters, and those that can be cured go back to where they came from,
by the command that a person types.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from infra.brokers import chapters
from infra.brokers.account import Account, Sent
from infra.brokers.patience import SECONDS, Patience
from infra.brokers.source import Source, SourceError
from infra.brokers.world import SCOPE, World, are_compiled
from infra.demo import report
from infra.demo.orders import Kind, Plan, plan
from infra.stack import stage
from infra.stack.emulator import EmulatorError
from infra.stack.processes import StillRunningError
from infra.stack.settings import Settings

BATCH_GET = 100
MISSES = 2


class Story:
    """Chapters of the demo, in their order."""

    def __init__(self, world: World, console: Console) -> None:
        self.patience = Patience()
        self._world, self._console, self._names = world, console, world.names
        self._record = world.names.record

    def tell(self, chosen: Plan, kills: int) -> Account:
        """Sends all orders, and returns the account once their records are settled."""
        self._write_rows([order.order_id for order in chosen.orders if order.has_row and order.kind is not Kind.LATE])
        sent: list[Sent] = []
        with report.progress(self._console) as bars:
            bar = bars.add_task(f"{self._record}s sent", total=len(chosen.first) + len(chosen.afterwards), now="")
            for order, body in [*chosen.first, *chosen.afterwards]:
                self._world.source.send(order.order_id, body)
                sent.append(Sent(order, body))
                bars.update(bar, advance=1)
            self._world.poll_main()
            hand = self._world.kill_now_and_then(kills)
            late = {order.order_id for order in chosen.orders if order.kind is Kind.LATE}
            bar = bars.add_task(f"{self._record}s settled", total=len(sent), now="")

            def look() -> bool:
                missed = self._missed(sorted(late))
                self._write_rows(missed)
                late.difference_update(missed)
                left = self._world.source.unsettled(self._names.main)
                bars.update(bar, completed=len(sent) - left, now=f"{self._world.kills} kills")
                return left == 0 and not hand.is_alive()

            self.patience.wait(f"settling all {self._record}s", look)
        if self._world.letters is not None:
            chapters.tell(self._world, self._world.letters, self._console, self.patience, chosen)
        letters = [] if self._world.letters is None else self._world.letters.all()
        rows = self._get(self._names.orders, "order_id", sorted({one.order.order_id for one in sent}))
        charges = {row["order_id"]["S"]: int(row.get("charges", {"N": "0"})["N"]) for row in rows}
        return Account(sent, charges, self._world.source.dead(), letters)

    def _missed(self, order_ids: Sequence[str]) -> list[str]:
        """Late orders that the handler has looked for in vain, more than once, as their entries tell."""
        entries = self._get(self._names.ledger, "pk", [f"{SCOPE}#{order_id}" for order_id in order_ids])
        return [entry["pk"]["S"].removeprefix(f"{SCOPE}#") for entry in entries if len(entry.get("history", {}).get("L", [])) >= MISSES]

    def _write_rows(self, order_ids: Sequence[str]) -> None:
        for order_id in order_ids:
            self._world.tables.put_item(TableName=self._names.orders, Item={"order_id": {"S": order_id}})

    def _get(self, table: str, key: str, values: Sequence[str]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for at in range(0, len(values), BATCH_GET):
            pending = [{key: {"S": value}} for value in values[at : at + BATCH_GET]]
            while pending:
                answer = self._world.tables.batch_get_item(RequestItems={table: {"Keys": pending, "ConsistentRead": True}})
                found += answer["Responses"].get(table, [])
                pending = answer.get("UnprocessedKeys", {}).get(table, {}).get("Keys", [])
        return found


def summary(account: Account, world: World) -> Table:
    """Makes the table of the whole account."""
    table = Table(title="What became of them", title_justify="left", show_header=False)
    table.add_column(justify="right")
    table.add_column()
    record, dead = world.names.record, world.names.dead
    orders = {one.order.order_id for one in account.sent}
    table.add_row(str(len(account.sent)), f"{record}s sent, for {len(orders)} orders")
    table.add_row(str(len(account.charged)), "orders charged")
    table.add_row(report.flag(len(account.charged_twice)), "orders charged twice")
    table.add_section()
    for reason, count in account.reasons.most_common():
        table.add_row(str(count), f"in {dead}: {reason}")
    table.add_row(str(account.written_again), f"of them stand in {dead} once more")
    table.add_row(report.flag(len(account.changed)), "of them changed on the way")
    if world.letters is not None:
        table.add_section()
        for state, count in account.states.most_common():
            table.add_row(str(count), f"letters {state}")
        table.add_row(report.flag(len(account.letterless)), f"dead {record}s without a letter")
        table.add_row(report.flag(account.letters_again), "letters that stand there once more")
    table.add_section()
    table.add_row(str(world.kills), f"kills, and {world.function.started} processes of the function")
    table.add_row(report.flag(len(account.lost)), "lost")
    return table


def show(settings: Settings, source: Source, seed: int, kills: int, said: str) -> int:
    """Tells the story of a source on the screen; returns an exit code."""
    console = Console(highlight=False)
    if not are_compiled(source):
        console.print(f"[bold red]demo:[/] the functions are not compiled: make demo-{source.names.kind} does that")
        return 1
    started = time.monotonic()
    world = None
    try:
        world = World(settings, source, seed)
        console.print(f"Broker {world.address}. A poller of ours stands for Lambda's. {said}")
        story = Story(world, console)
        account = story.tell(plan(f"{source.names.kind[0]}{int(time.time()):x}", seed), kills)
    except (SourceError, EmulatorError, StillRunningError) as error:
        console.print(f"[bold red]demo:[/] {error}", markup=True)
        return 1
    finally:
        if world is not None:
            stage.say(f"{world.end()} processes ended")
    console.print(summary(account, world))
    console.print(f"{time.monotonic() - started:.0f} s")
    if story.patience.unfinished:
        console.print(f"[bold red]not finished in {SECONDS:.0f} s:[/] {', '.join(story.patience.unfinished)}")
        console.print(world.complaint(), markup=False)
    wrong = bool(account.lost or account.charged_twice or account.changed)
    if world.letters is not None:
        wrong = wrong or bool(account.letterless or account.letters_again)
    return 1 if story.patience.unfinished or wrong else 0
