"""Source beside SQS, as the demo sees it: a broker with a topic or queue, its dead letter place, and names for what stands around it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from infra.brokers.account import Dead, Origin

# Finds the origin of a letter by the item of its head.
OriginOf = Callable[[dict[str, Any]], Origin]


class SourceError(RuntimeError):
    """Broker that is not there, did not come up, or did not take what it was given; a command that failed."""


@dataclass(frozen=True)
class Names:
    """Names of a source's functions, and of what they use."""

    kind: str
    """`kafka` or `rabbitmq`: functions, tables and template begin with it."""
    address: str
    """Address that its letters come from."""
    main: str
    dead: str
    record: str
    """Word for one message, as the broker's users say it."""
    origin_of_letter: OriginOf | None
    """Origin by the item of a letter's head; `None` of a source that has no indexer and no replay: its story ends with the dead."""

    @property
    def processor(self) -> str:
        """Name of the processor."""
        return f"{self.kind}-processor"

    @property
    def indexer(self) -> str:
        """Name of the indexer."""
        return f"{self.kind}-indexer"

    @property
    def replay(self) -> str:
        """Name of the replay."""
        return f"{self.kind}-replay"

    @property
    def template(self) -> str:
        """File of the template, in infra/."""
        return f"{self.kind}.yaml"

    @property
    def stack(self) -> str:
        """Name of the stack that has the table of the letters."""
        return f"{self.kind}-letters"

    @property
    def ledger(self) -> str:
        """Name of the ledger's table."""
        return f"{self.kind}-ledger"

    @property
    def orders(self) -> str:
        """Name of the example handler's table."""
        return f"{self.kind}-orders"


class Source(ABC):
    """Broker of a demo, with its topic or queue."""

    names: Names

    @abstractmethod
    def start(self) -> str:
        """Starts the broker, makes what functions never make, and returns the broker's address; of a failure nothing is left."""

    @abstractmethod
    def stop(self) -> int:
        """Ends the broker, and returns the number of its processes."""

    @abstractmethod
    def variables(self) -> dict[str, str]:
        """Returns the variables by which functions reach the broker."""

    @abstractmethod
    def poller(self, name: str, port: int, seed: int) -> list[str]:
        """Returns the command of a poller of the main or the dead letter place, whose function is invoked on a port."""

    @abstractmethod
    def send(self, order_id: str, body: str) -> None:
        """Sends a record to the main place, and returns once the broker has confirmed it."""

    @abstractmethod
    def unsettled(self, name: str) -> int:
        """Counts what was sent there and is not settled yet, with what waits for another attempt."""

    @abstractmethod
    def dead(self) -> list[Dead]:
        """Returns every record that was seen in the dead letter place, now or at an earlier call."""
