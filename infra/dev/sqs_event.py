"""Events that Lambda makes of a queue's messages, and its reading of the answer. Decides, and touches nothing."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

Message = Mapping[str, Any]


def event(messages: Sequence[Message], queue_arn: str) -> dict[str, Any]:
    """The event of a batch, from what ReceiveMessage returned."""
    return {"Records": [_record(message, queue_arn) for message in messages]}


def _record(message: Message, queue_arn: str) -> dict[str, Any]:
    attributes = message.get("MessageAttributes", {})
    record = {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": dict(message.get("Attributes", {})),
        "messageAttributes": {name: _attribute(value) for name, value in attributes.items()},
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": queue_arn.split(":")[3],
    }
    if "MD5OfMessageAttributes" in message:
        record["md5OfMessageAttributes"] = message["MD5OfMessageAttributes"]
    return record


def _attribute(value: Mapping[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {"stringListValues": [], "binaryListValues": [], "dataType": value["DataType"]}
    if "StringValue" in value:
        shown["stringValue"] = value["StringValue"]
    if "BinaryValue" in value:
        shown["binaryValue"] = base64.b64encode(value["BinaryValue"]).decode("ascii")
    return shown


class BadAnswerError(ValueError):
    """The function answered what Lambda takes for a failure of the whole batch."""


def failures(answer: bytes, sent: Sequence[str]) -> set[str]:
    """The messages that an answer with partial responses leaves in the queue.

    Nothing, null, and a missing, null or empty list mean that all succeeded. What is not JSON, and an identifier that is missing,
    empty or of no message of the batch, fail the whole batch.
    """
    if not answer.strip():
        return set()
    try:
        parsed = json.loads(answer)
    except ValueError as error:
        raise BadAnswerError("the answer is not JSON") from error
    if parsed is None:
        return set()
    if not isinstance(parsed, dict):
        raise BadAnswerError("the answer is not an object with batchItemFailures")
    failed = parsed.get("batchItemFailures") or []
    if not isinstance(failed, list):
        raise BadAnswerError("batchItemFailures is not a list")
    found: set[str] = set()
    for item in failed:
        identifier = item.get("itemIdentifier") if isinstance(item, dict) else None
        if identifier not in sent:
            raise BadAnswerError(f"itemIdentifier {identifier!r} is of no message of the batch")
        found.add(str(identifier))
    return found
