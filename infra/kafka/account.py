"""Account of every record that the topic took: charged once, or dead and in the dead letter topic. Decides, and touches nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from infra.demo.orders import Order
from infra.kafka.settling import Record


@dataclass(frozen=True)
class Sent:
    """Record that the topic took."""

    order: Order
    body: str


@dataclass(frozen=True)
class Letter:
    """Letter of a dead record: where the record stood at first, and what became of it."""

    partition: str
    offset: str
    status: str
    reason: str
    """Error type and code."""


@dataclass(frozen=True)
class Account:
    """Every record's place, once all are settled."""

    sent: Sequence[Sent]
    charges: Mapping[str, int]
    """Number of charges by the order's id."""
    dead: Sequence[Record]
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
        """Records that are neither charged with their own body nor in the dead letter topic."""
        charged, bodies = set(self.charged), Counter(record.value for record in self.dead)
        return [
            one for one in self.sent if not (one.order.order_id in charged and one.body == one.order.body) and not bodies[one.body.encode()]
        ]

    @property
    def reasons(self) -> Counter[str]:
        """Counts the dead records by the first two words of their reason: class and code. Each origin counts once."""
        by_origin = {header(record, "original-partition") + "@" + header(record, "original-offset"): record for record in self.dead}
        return Counter(" ".join(header(record, "failure-reason").split()[:2]).rstrip(":") for record in by_origin.values())

    @property
    def written_again(self) -> int:
        """Number of dead records that stand there once more: their batch came again before it was known that they were written."""
        return len(self.dead) - self.reasons.total()

    @property
    def letterless(self) -> list[tuple[str, str]]:
        """Places of dead records that are no letter: there must be none."""
        return sorted(self._origins - {(one.partition, one.offset) for one in self.letters})

    @property
    def letters_again(self) -> int:
        """Number of letters beside the one of each dead record: it must be 0."""
        return len(self.letters) - len(self._origins)

    @property
    def states(self) -> Counter[str]:
        """Counts the letters by status and reason."""
        return Counter(f"{one.status}: {one.reason}" for one in self.letters)

    @property
    def _origins(self) -> set[tuple[str, str]]:
        return {(header(record, "original-partition"), header(record, "original-offset")) for record in self.dead}

    @property
    def changed(self) -> list[Record]:
        """Dead records that are not as they were sent: key, value, and the first headers in their order, repeats included."""
        bodies = {one.body.encode(): one.order.order_id.encode() for one in self.sent}
        traces = (("trace", b"t-1"), ("trace", b"\xff"))
        return [one for one in self.dead if bodies.get(one.value or b"") != one.key or one.headers[: len(traces)] != traces]


def header(record: Record, name: str) -> str:
    """Text of a header, empty if there is none."""
    return next((value.decode() for own, value in record.headers if own == name and value is not None), "")
