"""The demo's tables and progress bars."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from infra.demo.books import Balance
from infra.demo.orders import Kind, Plan


def progress(console: Console) -> Progress:
    """Bars that stay on the screen when they are done."""
    return Progress(
        TextColumn("{task.description:<24}"),
        BarColumn(bar_width=12),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[now]}"),
        console=console,
    )


def sending(plan: Plan) -> Table:
    """Makes the table of what is about to be sent."""
    table = Table(title="Orders", title_justify="left")
    table.add_column("orders", justify="right")
    table.add_column("kind")
    for kind in Kind:
        table.add_row(str(sum(order.kind is kind for order in plan.orders)), kind.value)
    return table


def summary(balance: Balance) -> Table:
    """Makes the table of the whole account."""
    table = Table(title="What became of them", title_justify="left", show_header=False)
    table.add_column(justify="right")
    table.add_column()
    orders = {sent.order.order_id for sent in balance.sent}
    waiting = balance.with_status("PENDING", "REPLAYING")
    table.add_row(str(len(balance.sent)), f"messages sent, for {len(orders)} orders")
    table.add_row(str(len(balance.charged)), "orders charged")
    table.add_row(flag(len(balance.charged_twice)), "orders charged twice")
    table.add_row(str(len(balance.retried)), "charged only after retries")
    table.add_section()
    for (error_type, code), count in balance.reasons.most_common():
        table.add_row(str(count), f"dead: {error_type} {code}")
    table.add_section()
    charged = [sent for sent in balance.replayed if sent.order.order_id in balance.charged]
    table.add_row(str(len(balance.replayed)), f"replayed, {len(charged)} of them charged now")
    table.add_row(str(len(balance.with_status("DISCARDED"))), "discarded with a note")
    table.add_row(str(len(waiting)), "dead letters that wait for a person")
    if balance.depths.main or balance.depths.dead:
        table.add_row(str(balance.depths.main + balance.depths.dead), "still in a queue")
    table.add_row(flag(balance.lost), "lost")
    return table


def flag(count: int) -> str:
    """Returns a number that must be 0, in green or in red."""
    return f"[bold red]{count}[/]" if count else "[bold green]0[/]"
