"""Account of every record that a broker took: charged once, or dead and in the dead letter place. Decides, and touches nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from infra.demo.orders import Order


@dataclass(frozen=True)
class Sent:
    """Record that the broker took."""

    order: Order
    body: str


# What tells one death from another in the source: a place, or an identity.
Origin = tuple[str, ...]


@dataclass(frozen=True)
class Dead:
    """Dead record, as it stands in the dead letter place."""

    body: bytes
    order_id: str
    """Order that the record was sent for, by its key or a header."""
    origin: Origin
    reason: str
    """Value of its header `failure-reason`."""
    kept: bool
    """True if what was sent beside the body is there as it was sent."""


@dataclass(frozen=True)
class Letter:
    """Letter of a dead record."""

    origin: Origin
    status: str
    reason: str
    """Error type and code."""


@dataclass(frozen=True)
class Account:
    """Every record's place, once all are settled."""

    sent: Sequence[Sent]
    charges: Mapping[str, int]
    """Number of charges by the order's id."""
    dead: Sequence[Dead]
    letters: Sequence[Letter] = ()

    @property
    def charged(self) -> list[str]:
        """Orders that were charged."""
        return sorted(order_id for order_id, charges in self.charges.items() if charges)

    @property
    def charged_twice(self) -> list[str]:
        """Orders that were charged more than once: there must be none."""
        return sorted(order_id for order_id, charges in self.charges.items() if charges > 1)

    @property
    def lost(self) -> list[Sent]:
        """Records that are neither charged with their own body nor dead."""
        charged, bodies = set(self.charged), Counter(record.body for record in self.dead)
        return [
            one for one in self.sent if not (one.order.order_id in charged and one.body == one.order.body) and not bodies[one.body.encode()]
        ]

    @property
    def reasons(self) -> Counter[str]:
        """Counts the dead records by the first two words of their reason: class and code. Each origin counts once."""
        by_origin = {record.origin: record for record in self.dead}
        return Counter(" ".join(record.reason.split()[:2]).rstrip(":") for record in by_origin.values())

    @property
    def written_again(self) -> int:
        """Number of dead records that stand there once more: their batch came again before it was known that they were written."""
        return len(self.dead) - self.reasons.total()

    @property
    def letterless(self) -> list[Origin]:
        """Origins of dead records that are no letter: there must be none."""
        return sorted(self._origins - {one.origin for one in self.letters})

    @property
    def letters_again(self) -> int:
        """Number of letters beside the one of each dead record: it must be 0."""
        return len(self.letters) - len(self._origins)

    @property
    def states(self) -> Counter[str]:
        """Counts the letters by status and reason."""
        return Counter(f"{one.status}: {one.reason}" for one in self.letters)

    @property
    def _origins(self) -> set[Origin]:
        return {record.origin for record in self.dead}

    @property
    def changed(self) -> list[Dead]:
        """Dead records that are not as they were sent: the body, the order that it was sent for, and what stands beside them."""
        orders = {one.body.encode(): one.order.order_id for one in self.sent}
        return [record for record in self.dead if orders.get(record.body) != record.order_id or not record.kept]
