"""Kafka topic of the demo, with its dead letter topic: records in and out, and how many are not committed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from infra.brokers.account import Dead, Origin
from infra.brokers.letters import text
from infra.brokers.source import Names, Source, SourceError
from infra.kafka import broker
from infra.kafka.poller import consumer, quiet, record
from infra.kafka.settling import Reading, Record

TOPIC = "orders"
DEAD = "orders.dead"
CLUSTER = "stage"
PARTITIONS = 3
SECONDS = 10.0
TRACES = (("trace", b"t-1"), ("trace", b"\xff"))


class Topic(Source):
    """Topic and dead letter topic of three partitions, on a broker of their own."""

    def __init__(self, folder: Path, reading: Reading, order: str) -> None:
        self._folder, self._reading, self._order = folder, reading, order
        self._servers = ""
        self._producer: Producer | None = None
        self.names = Names("kafka", f"kafka://{CLUSTER}/{TOPIC}", TOPIC, DEAD, "record", _origin_of_letter)

    def start(self) -> str:
        """Starts the broker, and makes both topics."""
        self._servers = broker.start(self._folder)
        try:
            admin = AdminClient(quiet(self._servers))
            for future in admin.create_topics([NewTopic(name, PARTITIONS, 1) for name in (TOPIC, DEAD)]).values():
                future.result(SECONDS)
        except BaseException:
            self.stop()
            raise
        self._producer = Producer(
            {"bootstrap.servers": self._servers, "acks": "all", "enable.idempotence": True, "log.connection.close": False}
        )
        return self._servers

    def stop(self) -> int:
        """Ends the broker, running or not."""
        # A client that outlives its broker complains on the screen.
        self._producer = None
        return broker.daemon(self._folder).stop()

    def variables(self) -> dict[str, str]:
        """Returns what functions need to know of the topics."""
        return {
            "KAFKA_TOPICS": TOPIC,
            "KAFKA_CLUSTER": CLUSTER,
            "KAFKA_BOOTSTRAP_SERVERS": self._servers,
            "KAFKA_DEAD_LETTER_TOPIC": DEAD,
            "KAFKA_SECURITY": "none",
            "KAFKA_ORDER": self._order,
            "KAFKA_ANSWER": self._reading.answer,
        }

    def poller(self, name: str, port: int, seed: int) -> list[str]:
        """Returns the command of a topic's poller."""
        command = [sys.executable, "-m", "infra.kafka.poller", "--servers", self._servers, "--topic", name]
        return [*command, "--function-port", str(port), "--reading", self._reading.value, "--seed", str(seed)]

    def send(self, order_id: str, body: str) -> None:
        """Sends a record with the order's id as its key."""
        refused: list[Any] = []
        if self._producer is None:
            raise SourceError("the broker has not been started")
        self._producer.produce(TOPIC, key=order_id, value=body, headers=list(TRACES), on_delivery=lambda error, _: refused.append(error))
        if self._producer.flush(SECONDS) or refused != [None]:
            raise SourceError(f"record was not taken: {refused}")

    def unsettled(self, name: str) -> int:
        """Counts the records that the mapping of a topic has not committed yet."""
        reader = Consumer(consumer(self._servers, name))
        try:
            partitions = [TopicPartition(name, number) for number in range(PARTITIONS)]
            ends = {one.partition: reader.get_watermark_offsets(one, timeout=SECONDS)[1] for one in partitions}
            done = {one.partition: max(one.offset, 0) for one in reader.committed(partitions, timeout=SECONDS)}
            return sum(end - done.get(partition, 0) for partition, end in ends.items())
        finally:
            reader.close()

    def dead(self) -> list[Dead]:
        """Reads the dead letter topic from its beginning."""
        settings = {**consumer(self._servers, DEAD), "group.id": "account", "enable.partition.eof": False}
        reader = Consumer(settings)
        try:
            partitions = [TopicPartition(DEAD, number, 0) for number in range(PARTITIONS)]
            left = sum(reader.get_watermark_offsets(one, timeout=SECONDS)[1] for one in partitions)
            reader.assign(partitions)
            found: list[Record] = []
            while len(found) < left:
                messages = reader.consume(left - len(found), timeout=SECONDS)
                if not messages or any(message.error() for message in messages):
                    raise SourceError(f"{DEAD} could not be read: {len(found)} of {left} records")
                found += [record(message) for message in messages]
            return [_dead(one) for one in found]
        finally:
            reader.close()


def _dead(one: Record) -> Dead:
    """The key is the order's; the first headers are kept in their order, repeats included."""
    origin = (_header(one, "original-partition"), _header(one, "original-offset"))
    kept = one.headers[: len(TRACES)] == TRACES
    return Dead(one.value or b"", (one.key or b"").decode(), origin, _header(one, "failure-reason"), kept)


def _header(one: Record, name: str) -> str:
    return next((value.decode() for own, value in one.headers if own == name and value is not None), "")


def _origin_of_letter(item: dict[str, Any]) -> Origin:
    return text(item, "source_partition"), text(item, "source_offset")
