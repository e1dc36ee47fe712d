"""Poller that stands for Lambda's event source mapping of a self-managed Kafka cluster, in Stream mode. It is not Lambda's.

It polls, makes the event, invokes, and delivers again what is not done. Nothing is committed before the whole batch is settled. Now
and then it delivers a settled batch once more, as a commit that was lost would. Which records come again after a partial answer is a
choice: AWS's documents leave it open. Not known either, and not shown: how Lambda scales its pollers, and when it rebalances.
"""

from __future__ import annotations

import argparse
import itertools
import random
import time
from collections.abc import Sequence
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition

from infra.brokers.polling import PAYLOAD_BYTES, WINDOW_SECONDS, Invocations, rest
from infra.kafka.settling import Reading, Record, event, to_commit, to_redeliver

TIMESTAMPS = {1: "CREATE_TIME", 2: "LOG_APPEND_TIME"}


class Mapping:
    """Event source mapping: one consumer, and one invocation at a time."""

    def __init__(self, servers: str, topic: str, reading: Reading, function_port: int, batch: int) -> None:
        self._servers, self._reading, self._batch = servers, reading, batch
        self._invoke = Invocations(function_port, "kafka-processor")
        # Under the name of its predecessor it has the partitions at once: a member that was killed says no goodbye.
        self._consumer = Consumer({**consumer(servers, topic), "group.instance.id": "poller"})
        self._consumer.subscribe([topic])
        self._topic = topic

    def run(self, chance: random.Random, delivered_again: float) -> None:
        """Polls until the process is ended."""
        while True:
            records = self._poll()
            if not records:
                continue
            self._settle(records)
            if chance.random() < delivered_again:
                self._settle(records)
            offsets = [TopicPartition(self._topic, partition, offset) for partition, offset in to_commit(records).items()]
            try:
                self._consumer.commit(offsets=offsets, asynchronous=False)
            except KafkaException as error:
                # Another member has the partitions now, and delivers the batch again.
                print(f"commit failed: {error}", flush=True)

    def _poll(self) -> list[Record]:
        """Gathers a batch: of any partitions, each in order, for the window or until it is full."""
        records: list[Record] = []
        size, end = 0, time.monotonic() + WINDOW_SECONDS
        while len(records) < self._batch and size < PAYLOAD_BYTES and (left := end - time.monotonic()) > 0:
            for message in self._consumer.consume(self._batch - len(records), timeout=left):
                if message.error():
                    print(f"poll failed: {message.error()}", flush=True)
                    continue
                records.append(record(message))
                size += len(message.value() or b"") * 4 // 3
        return records

    def _settle(self, records: Sequence[Record]) -> None:
        """Invokes until nothing of the batch is left: its partitions are blocked meanwhile."""
        for tries in itertools.count():
            records = to_redeliver(records, self._invoke(event(records, self._servers)), self._reading)
            if not records:
                return
            time.sleep(rest(tries))


def consumer(servers: str, topic: str) -> dict[str, Any]:
    """Settings of the mapping's consumer; its group is named after the topic."""
    return {
        **quiet(servers),
        "group.id": f"lambda-{topic}",
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
        "session.timeout.ms": 6000,
        "heartbeat.interval.ms": 500,
    }


def quiet(servers: str) -> dict[str, Any]:
    """Settings of any client: what goes wrong is its answer, and no line on the screen."""
    return {"bootstrap.servers": servers, "log_level": 0}


def record(message: Any) -> Record:
    """Takes over what a consumer has read."""
    kind, timestamp = message.timestamp()
    return Record(
        topic=message.topic(),
        partition=message.partition(),
        offset=message.offset(),
        timestamp=timestamp,
        timestamp_type=TIMESTAMPS.get(kind, "NO_TIMESTAMP_TYPE"),
        key=message.key(),
        value=message.value(),
        headers=tuple(message.headers() or ()),
    )


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--servers", required=True)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--function-port", type=int, required=True)
    parser.add_argument("--reading", type=Reading, required=True)
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--delivered-again", type=float, default=0.2, help="share of settled batches that come once more")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    print("This poller stands for Lambda's event source mapping, and is not Lambda's.", flush=True)
    mapping = Mapping(given.servers, given.topic, given.reading, given.function_port, given.batch)
    mapping.run(random.Random(given.seed), given.delivered_again)  # noqa: S311 (which batches come again)


if __name__ == "__main__":
    main()
