"""Books of every message, read from the queues and the tables; the sent ids are the producer's own list."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from boto3.dynamodb.types import TypeDeserializer

from infra.demo.orders import Order
from infra.stack.deployment import Outputs, client
from infra.stack.settings import Settings

Item = dict[str, Any]
BATCH_GET = 100


@dataclass(frozen=True)
class Sent:
    """Message that SQS took from the producer."""

    message_id: str
    order: Order
    body: str


@dataclass(frozen=True)
class Depths:
    """Numbers of messages in the two queues, in flight included."""

    main: int
    dead: int


@dataclass(frozen=True)
class Balance:
    """Every message's place at one moment."""

    sent: Sequence[Sent]
    orders: dict[str, Item]
    letters: dict[str, Item]
    """By the message id that the producer got."""
    ledger: dict[str, Item]
    depths: Depths

    @property
    def charged(self) -> set[str]:
        """Orders that were charged at least once."""
        return {order_id for order_id, row in self.orders.items() if row.get("charges", 0) >= 1}

    @property
    def charged_twice(self) -> list[str]:
        """Orders that were charged more than once: there must be none."""
        return sorted(order_id for order_id, row in self.orders.items() if row.get("charges", 0) > 1)

    @property
    def retried(self) -> set[str]:
        """Orders that were charged by the consumer's own retries: failed before, completed, never dead."""
        dead = {sent.order.order_id for sent in self.sent if sent.message_id in self.letters}
        return {key for key, entry in self.ledger.items() if _recovered(entry)} - dead

    @property
    def unaccounted(self) -> list[Sent]:
        """Messages that are neither charged nor a letter. A message counts as charged only with its own body."""
        charged = self.charged
        return [
            sent
            for sent in self.sent
            if sent.message_id not in self.letters and not (sent.order.order_id in charged and sent.body == sent.order.body)
        ]

    @property
    def lost(self) -> int:
        """Messages that are nowhere: not charged, no letter, and not in a queue either."""
        return max(0, len(self.unaccounted) - self.depths.main - self.depths.dead)

    @property
    def reasons(self) -> Counter[tuple[str, str]]:
        """Counts the letters by type and code of their error."""
        return Counter((letter["error_type"], letter.get("error_code") or "-") for letter in self.letters.values())

    def with_status(self, *statuses: str) -> list[Item]:
        """The letters that stand there."""
        return [letter for letter in self.letters.values() if letter["status"] in statuses]

    @property
    def replayed(self) -> list[Sent]:
        """The messages whose letter was sent back at least once."""
        letters = self.letters
        return [s for s in self.sent if s.message_id in letters and letters[s.message_id].get("number", 0) >= 1]


def _recovered(entry: Item) -> bool:
    return entry.get("state") == "COMPLETED" and bool(entry.get("history"))


def letter_id(queue_arn: str, message_id: str) -> str:
    """Derives a letter's id from queue and message, so the producer's list finds it without a search."""
    return str(uuid.uuid5(uuid.uuid5(uuid.NAMESPACE_URL, queue_arn), message_id))


class Books:
    """Reads the stage's queues and tables; never writes, and never receives a message."""

    def __init__(self, settings: Settings, outputs: Outputs, scope: str) -> None:
        self._outputs = outputs
        self._scope = scope
        self._queues = client("sqs", settings, outputs["endpoint"])
        self._tables = client("dynamodb", settings, outputs["endpoint"])

    def depths(self) -> Depths:
        """Messages in the queues now."""
        return Depths(self._depth("MainQueueUrl"), self._depth("DeadLetterQueueUrl"))

    def balance(self, sent: Sequence[Sent]) -> Balance:
        """Reads everything, along the way of a message, so that one that moves meanwhile is seen at least once."""
        depths = self.depths()
        order_ids = {s.order.order_id for s in sent}
        letter_ids = {self.letter_id(s.message_id): s.message_id for s in sent}
        ledger = self._get("LedgerTableName", [{"pk": f"{self._scope}#{key}"} for key in order_ids])
        orders = self._get("OrdersTableName", [{"order_id": key} for key in order_ids])
        letters = self._get("DeadLetterTableName", [{"pk": key, "sk": "head"} for key in letter_ids])
        return Balance(
            sent=sent,
            orders={item["order_id"]: item for item in orders},
            letters={letter_ids[item["pk"]]: item for item in letters},
            ledger={item["pk"].removeprefix(f"{self._scope}#"): item for item in ledger},
            depths=depths,
        )

    def letter_id(self, message_id: str) -> str:
        """Returns the id that a message's letter has."""
        return letter_id(self._outputs["MainQueueArn"], message_id)

    def _depth(self, output: str) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self._queues.get_queue_attributes(QueueUrl=self._outputs[output], AttributeNames=names)
        return sum(int(answer["Attributes"][name]) for name in names)

    def _get(self, output: str, keys: Iterable[dict[str, str]]) -> list[Item]:
        table = self._outputs[output]
        pending = [{name: {"S": value} for name, value in key.items()} for key in keys]
        found: list[Item] = []
        read = TypeDeserializer()
        while pending:
            batch, pending = pending[:BATCH_GET], pending[BATCH_GET:]
            request = {table: {"Keys": batch, "ConsistentRead": True}}
            answer = self._tables.batch_get_item(RequestItems=request)
            rows = answer["Responses"].get(table, [])
            found.extend({name: read.deserialize(value) for name, value in raw.items()} for raw in rows)
            pending += answer.get("UnprocessedKeys", {}).get(table, {}).get("Keys", [])
        return found
