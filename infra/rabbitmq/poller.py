"""Poller that stands for Lambda's event source mapping of Amazon MQ for RabbitMQ. It is not Lambda's.

It gathers a batch, makes the event, invokes, and answers the broker: all of the batch, or nothing of it. Now and then the answer is lost
on purpose, and the settled batch comes once more. How a failed batch is returned is a choice: AWS's documents leave it open. Not known
either, and not shown: how long Lambda waits after a failure, and what it does when the broker is away.
"""

from __future__ import annotations

import argparse
import datetime
import itertools
import random
import time
from typing import Any

import pika
from pika.exceptions import AMQPError

from infra.brokers.polling import PAYLOAD_BYTES, WINDOW_SECONDS, Invocations, rest
from infra.rabbitmq.settling import Message, Reading, Step, after, event

ARN = "arn:aws:mq:us-east-1:000000000000:broker:stage:b-00000000-0000-0000-0000-000000000000"
LOOK_SECONDS = 0.05


class Mapping:
    """Event source mapping: one consumer of one queue, and one invocation at a time."""

    def __init__(self, broker: pika.ConnectionParameters, queue: str, reading: Reading, invoke: Invocations, batch: int) -> None:
        self._broker, self._queue, self._reading, self._invoke, self._batch = broker, queue, reading, invoke, batch
        self._open()

    def _open(self) -> None:
        self._delivered: list[Message] = []
        self._connection = pika.BlockingConnection(self._broker)
        self._channel = self._connection.channel()
        # Never more than a batch is out: what waits here would be lost to other consumers.
        self._channel.basic_qos(prefetch_count=self._batch)
        self._channel.basic_consume(self._queue, lambda _channel, *delivery: self._delivered.append(message(*delivery)))

    def run(self, chance: random.Random, lost: float) -> None:
        """Polls until the process is ended."""
        failures = 0
        while True:
            batch = self._gather()
            if not batch:
                continue
            answer = self._invoke(event(batch, self._queue, self._broker.virtual_host, ARN))
            self._settle(batch, after(answer, self._reading, lost=chance.random() < lost))
            failures = failures + 1 if answer is None else 0
            if failures:
                time.sleep(rest(failures))

    def _gather(self) -> list[Message]:
        """Gathers a batch, for the window or until it is full."""
        end = time.monotonic() + WINDOW_SECONDS
        while len(self._delivered) < self._batch and time.monotonic() < end:
            self._connection.process_data_events(time_limit=LOOK_SECONDS)
        sizes = itertools.accumulate(len(one.body) * 4 // 3 for one in self._delivered)
        # One that is larger than all of them may be goes alone.
        count = max(1, sum(size <= PAYLOAD_BYTES for size in sizes))
        batch, self._delivered = self._delivered[:count], self._delivered[count:]
        return batch

    def _settle(self, batch: list[Message], step: Step) -> None:
        last = batch[-1].tag
        match step:
            case Step.ACK:
                self._channel.basic_ack(last, multiple=True)
            case Step.NACK:
                self._channel.basic_nack(last, multiple=True, requeue=True)
            case Step.REJECT:
                for one in batch:
                    self._channel.basic_reject(one.tag, requeue=True)
            case Step.CLOSE:
                self._connection.close()
                self._open()


def parameters(address: str, virtual_host: str = "/") -> pika.ConnectionParameters:
    """Returns how a client connects; without heartbeats, which nobody sends during an invocation."""
    made = pika.URLParameters(address)
    made.virtual_host = virtual_host
    made.heartbeat = 0
    return made


def message(method: Any, properties: pika.BasicProperties, body: bytes) -> Message:
    """Takes over what a consumer was given."""
    sent = properties.timestamp
    given = {
        "contentType": properties.content_type,
        "contentEncoding": properties.content_encoding,
        "deliveryMode": properties.delivery_mode,
        "priority": properties.priority,
        "correlationId": properties.correlation_id,
        "replyTo": properties.reply_to,
        "expiration": properties.expiration,
        "messageId": properties.message_id,
        "timestamp": None if sent is None else datetime.datetime.fromtimestamp(sent, datetime.UTC),
        "type": properties.type,
        "userId": properties.user_id,
        "appId": properties.app_id,
        "clusterId": properties.cluster_id,
    }
    return Message(method.delivery_tag, body, method.redelivered, properties.headers or {}, given)


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", required=True, help="amqp://USER:PASSWORD@HOST:PORT")
    parser.add_argument("--queue", required=True)
    parser.add_argument("--virtual-host", default="/")
    parser.add_argument("--function", required=True)
    parser.add_argument("--function-port", type=int, required=True)
    parser.add_argument("--reading", type=Reading, required=True)
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--lost", type=float, default=0.2, help="share of settled batches whose acknowledgement is lost")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    print("This poller stands for Lambda's event source mapping, and is not Lambda's.", flush=True)
    invoke = Invocations(given.function_port, given.function)
    try:
        mapping = Mapping(parameters(given.address, given.virtual_host), given.queue, given.reading, invoke, given.batch)
        mapping.run(random.Random(given.seed), given.lost)  # noqa: S311 (which batches come again)
    except AMQPError as error:
        raise SystemExit(f"the broker is away: {error!r}") from error


if __name__ == "__main__":
    main()
