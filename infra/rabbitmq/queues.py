"""Queue of the demo, with its dead letter queue: messages in and out, and how many are not settled."""

from __future__ import annotations

import contextlib
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pika
from pika.exceptions import AMQPError

from infra.brokers.account import Dead, Origin
from infra.brokers.letters import text
from infra.brokers.source import Names, Source, SourceError
from infra.rabbitmq.broker import PASSWORD, USER, Broker
from infra.rabbitmq.poller import parameters
from infra.rabbitmq.release import chosen
from infra.rabbitmq.settling import Reading

QUEUE = "orders"
DEAD = "orders.dead"
# The function makes them, one for each delay of its schedule.
DELAYS = "orders.delay."
BROKER = "stage"
# What Amazon MQ makes of a queue that names no type, from 4.2 on.
QUORUM = {"x-queue-type": "quorum"}
HEADERS: dict[str, Any] = {
    "trace": "t-1",
    "raw": b"\xff",
    "lines": 7,
    "express": True,
    "note": None,
    "customer": {"tier": "gold", "orders": 12, "blocked": False},
    "tags": ["new", 3],
}


class Queues(Source):
    """Queue and dead letter queue, on a broker of their own."""

    def __init__(self, folder: Path, reading: Reading, without_id: str) -> None:
        self._reading, self._without_id = reading, without_id
        self._broker = Broker(folder)
        self._connection: pika.BlockingConnection | None = None
        self._seen: Counter[Dead] = Counter()
        self.names = Names("rabbitmq", f"rabbitmq://{BROKER}/{QUEUE}", QUEUE, DEAD, "message", _origin_of_letter)

    def start(self) -> str:
        """Starts the broker, and makes both queues; delay queues are the function's own."""
        self._broker.start()
        try:
            self._connection = self._connect()
            self._channel = self._connection.channel()
            self._channel.confirm_delivery()
            for name in (QUEUE, DEAD):
                self._channel.queue_declare(name, durable=True, arguments={**QUORUM, **chosen().without_limit})
        except BaseException:
            self.stop()
            raise
        return self._broker.endpoint

    def stop(self) -> int:
        """Ends the broker, running or not."""
        if self._connection is not None:
            with contextlib.suppress(AMQPError):
                self._connection.close()
            self._connection = None
        return self._broker.stop()

    def variables(self) -> dict[str, str]:
        """Returns what functions need to know of the queues."""
        return {
            "RABBITMQ_QUEUE": QUEUE,
            "RABBITMQ_BROKER": BROKER,
            "RABBITMQ_ENDPOINT": self._broker.endpoint,
            "RABBITMQ_USER": USER,
            "RABBITMQ_PASSWORD": PASSWORD,
            "RABBITMQ_DEAD_LETTER_QUEUE": DEAD,
            "RABBITMQ_WITHOUT_ID": self._without_id,
        }

    def poller(self, name: str, port: int, seed: int) -> list[str]:
        """Returns the command of a queue's poller."""
        function = self.names.processor if name == QUEUE else self.names.indexer
        command = [sys.executable, "-m", "infra.rabbitmq.poller", "--address", self._broker.address, "--queue", name]
        command += ["--function", function, "--function-port", str(port)]
        return [*command, "--reading", self._reading.value, "--seed", str(seed)]

    def send(self, order_id: str, body: str) -> None:
        """Sends a message; every other order has a `message-id`, the same each time it is sent."""
        properties = pika.BasicProperties(
            content_type="application/json",
            delivery_mode=pika.DeliveryMode.Persistent.value,
            message_id=message_id(order_id),
            headers={**HEADERS, "order": order_id},
        )
        try:
            # One that reaches no queue is confirmed all the same, unless it is mandatory.
            self._channel.basic_publish("", QUEUE, body.encode(), properties, mandatory=True)
        except AMQPError as error:
            raise SourceError(f"message was not taken: {error!r}") from error

    def unsettled(self, name: str) -> int:
        """Counts the messages of a queue, and of the main one also those that wait in delay queues."""

        def count() -> int:
            depths = self._broker.depths()
            return sum(depth for queue, depth in depths.items() if queue == name or (name == QUEUE and queue.startswith(DELAYS)))

        # A message may have gone from one queue to another behind the count's back; it stands there a second later.
        return count() or self._later(count)

    def _later(self, count: Callable[[], int]) -> int:
        if self._connection is not None:
            self._connection.sleep(1.0)
        return count()

    def dead(self) -> list[Dead]:
        """Looks at the dead letter queue without taking anything: all that was read is given back."""
        connection = self._connect()
        try:
            channel = connection.channel()
            found: list[Dead] = []
            while (delivery := channel.basic_get(DEAD))[0] is not None:
                found.append(_dead(delivery[1], delivery[2]))
            # All of them: it is there for the next one who looks, before the connection has ended.
            channel.basic_nack(0, multiple=True, requeue=True)
        finally:
            connection.close()
        self._seen |= Counter(found)
        return list(self._seen.elements())

    def _connect(self) -> pika.BlockingConnection:
        return pika.BlockingConnection(parameters(self._broker.address))


def message_id(order_id: str) -> str | None:
    """Returns the `message-id` of an order: none for every other one, as of producers that set none."""
    return f"m-{order_id}" if int(order_id[-1]) % 2 else None


def _dead(properties: pika.BasicProperties, body: bytes) -> Dead:
    """An order's messages are told apart by their body: it names order and amount."""
    headers: dict[str, Any] = properties.headers or {}
    order_id = str(headers.get("order", ""))
    kept = all(headers.get(name) == value for name, value in HEADERS.items()) and properties.content_type == "application/json"
    identity = message_id(order_id) if order_id else None
    return Dead(body, order_id, (body.decode(),), str(headers.get("failure-reason", "")), kept and properties.message_id == identity)


def _origin_of_letter(item: dict[str, Any]) -> Origin:
    return (text(item, "original_payload"),)
