"""Decisions of an event source mapping of RabbitMQ: what its event says, and how a batch goes back. Touches nothing.

AWS's documents do not say how a failed batch is returned to its queue. So each way is an answer here, and everything has to hold under
all of them. No partial answer exists: a batch is done as a whole, or comes again as a whole.
"""

from __future__ import annotations

import base64
import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from typing import Any

from infra.brokers.polling import signed


class Reading(Enum):
    """Way in which a failed batch is returned."""

    NACK = "nack"
    """All of it at once, by `basic.nack`."""
    REJECT = "reject"
    """Message by message, by `basic.reject`."""
    CLOSED = "closed"
    """By the end of the connection: the broker gives unanswered messages to the next one."""


class Step(Enum):
    """Step by which a batch is answered after its invocation."""

    ACK = "ack"
    NACK = "nack"
    REJECT = "reject"
    CLOSE = "close"


@dataclass(frozen=True)
class Message:
    """Message, as a consumer is given it."""

    tag: int
    """Number of the delivery, on its channel."""
    body: bytes
    redelivered: bool = False
    headers: Mapping[str, Any] = field(default_factory=dict)
    properties: Mapping[str, Any] = field(default_factory=dict)
    """Properties by the names of Lambda's event, without the headers; what is missing was not set."""


PROPERTIES = (
    "contentType",
    "contentEncoding",
    "deliveryMode",
    "priority",
    "correlationId",
    "replyTo",
    "expiration",
    "messageId",
    "timestamp",
    "type",
    "userId",
    "appId",
    "clusterId",
)


def event(messages: Sequence[Message], queue: str, virtual_host: str, broker: str) -> dict[str, Any]:
    """Makes Lambda's event; `broker` is the ARN of an Amazon MQ broker."""
    return {
        "eventSource": "aws:rmq",
        "eventSourceArn": broker,
        "rmqMessagesByQueue": {f"{queue}::{virtual_host}": [_document(message) for message in messages]},
    }


def _document(message: Message) -> dict[str, Any]:
    # A property that was not set is null there, priority included.
    properties = {name: _java(message.properties.get(name), as_text=True) for name in PROPERTIES}
    return {
        "basicProperties": {**properties, "headers": _java(message.headers), "bodySize": len(message.body)},
        "redelivered": message.redelivered,
        "data": base64.b64encode(message.body).decode(),
    }


def _java(value: Any, *, as_text: bool = False) -> Any:
    """Returns a value as the Java client's objects look in JSON: a text of a header is an object with bytes, a time is a text."""
    if isinstance(value, str) and not as_text:
        return {"bytes": signed(value.encode())}
    if isinstance(value, bytes | bytearray):
        return {"bytes": signed(bytes(value))}
    if isinstance(value, datetime.datetime):
        # As the locale of an American has it.
        return f"{value:%b} {value.day}, {value.year}, {value.hour % 12 or 12}:{value:%M:%S} {'PM' if value.hour >= 12 else 'AM'}"
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, Mapping):
        return {name: _java(one) for name, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_java(one) for one in value]
    return value


def after(answer: Any, reading: Reading, *, lost: bool) -> Step:
    """Decides what is done with a batch; `None` is a failed invocation, every other answer is success, whatever it says.

    `lost`: an acknowledgement that does not arrive, after which the broker delivers the batch once more.
    """
    if answer is not None:
        return Step.CLOSE if lost else Step.ACK
    return {Reading.NACK: Step.NACK, Reading.REJECT: Step.REJECT, Reading.CLOSED: Step.CLOSE}[reading]
