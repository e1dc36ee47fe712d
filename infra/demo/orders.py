"""Orders of the demo: a few hundred, of every kind that a consumer meets. Decides, and touches nothing."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """Kind of an order, in the words of the report."""

    GOOD = "good"
    TWICE = "sent twice"
    LATE = "row arrives late"
    MALFORMED = "malformed body"
    REFUSED = "refused amount"
    REUSED = "sent again with another amount"
    UNKNOWN_CURRENCY = "unknown currency"


HOW_MANY = {
    Kind.GOOD: 205,
    Kind.TWICE: 30,
    Kind.LATE: 20,
    Kind.MALFORMED: 12,
    Kind.REFUSED: 12,
    Kind.REUSED: 1,
    Kind.UNKNOWN_CURRENCY: 20,
}
# The same kinds, a hundred in all, for a canary in a real account.
HUNDRED = {
    Kind.GOOD: 60,
    Kind.TWICE: 10,
    Kind.LATE: 8,
    Kind.MALFORMED: 6,
    Kind.REFUSED: 6,
    Kind.REUSED: 1,
    Kind.UNKNOWN_CURRENCY: 9,
}
KNOWN_CURRENCIES = ("EUR", "USD", "GBP")
NEW_CURRENCY = "CHF"


@dataclass(frozen=True)
class Order:
    """Order, with the body by which it is to be charged."""

    order_id: str
    kind: Kind
    body: str
    meant: str
    """The body that a malformed one was meant to be; else the body."""

    @property
    def has_row(self) -> bool:
        """Returns true if the shop has a row for it. A malformed body belongs to no order that could be charged."""
        return self.kind is not Kind.MALFORMED

    @property
    def other_amount(self) -> str:
        """The same order with another amount: the same key, another payload."""
        message = json.loads(self.body)
        return json.dumps({**message, "amount_minor": message["amount_minor"] + 1})


@dataclass(frozen=True)
class Plan:
    """The orders, and the bodies to send first, in this order; the rest comes once something was charged."""

    orders: tuple[Order, ...]
    first: tuple[tuple[Order, str], ...]
    afterwards: tuple[tuple[Order, str], ...]


def plan(run: str, seed: int, how_many: Mapping[Kind, int] = HOW_MANY) -> Plan:
    """The same orders for the same seed; `run` keeps one run's keys from another's."""
    chance = random.Random(seed)  # noqa: S311 (orders of a demo, the same for the same seed)
    kinds = [kind for kind, count in how_many.items() for _ in range(count)]
    orders = tuple(_order(f"{run}-{number:04}", kind, chance) for number, kind in enumerate(kinds))
    sends = [(order, order.body) for order in orders]
    sends += [(order, order.body) for order in orders if order.kind is Kind.TWICE]
    chance.shuffle(sends)
    # Late rows must be missed at least once: their messages go first.
    sends.sort(key=lambda send: send[0].kind is not Kind.LATE)
    afterwards = [(order, order.other_amount) for order in orders if order.kind is Kind.REUSED]
    return Plan(orders, tuple(sends), tuple(afterwards))


def _order(order_id: str, kind: Kind, chance: random.Random) -> Order:
    amount = -chance.randrange(0, 500) if kind is Kind.REFUSED else chance.randrange(100, 100_000)
    currency = NEW_CURRENCY if kind is Kind.UNKNOWN_CURRENCY else chance.choice(KNOWN_CURRENCIES)
    body = json.dumps(
        {
            "order_id": order_id,
            "customer_id": f"c-{chance.randrange(1000):03}",
            "amount_minor": amount,
            "currency": currency,
        }
    )
    return Order(order_id, kind, body[: len(body) // 2] if kind is Kind.MALFORMED else body, meant=body)
