"""Movers from queue to queue: receive ten, then send and delete each, as everybody writes it first, or ten a call, as sqsmover does."""

import json
import resource
import sys
import time
from collections.abc import Sequence
from typing import Any

import boto3


def each(sqs: Any, dead: str, main: str, messages: Sequence[Any]) -> None:
    for message in messages:
        attributes = message.get("MessageAttributes", {})
        sqs.send_message(QueueUrl=main, MessageBody=message["Body"], MessageAttributes=attributes)
        sqs.delete_message(QueueUrl=dead, ReceiptHandle=message["ReceiptHandle"])


def ten(sqs: Any, dead: str, main: str, messages: Sequence[Any]) -> None:
    entries = [
        {
            "Id": str(place),
            "MessageBody": message["Body"],
            "MessageAttributes": message.get("MessageAttributes", {}),
        }
        for place, message in enumerate(messages)
    ]
    sent = sqs.send_message_batch(QueueUrl=main, Entries=entries)
    # What was not sent must not be deleted.
    entries = [{"Id": entry["Id"], "ReceiptHandle": messages[int(entry["Id"])]["ReceiptHandle"]} for entry in sent["Successful"]]
    sqs.delete_message_batch(QueueUrl=dead, Entries=entries)


def main(endpoint: str, at_once: str, count: str) -> None:
    session = boto3.Session("test", "test", region_name="us-east-1")
    sqs = session.client("sqs", endpoint_url=endpoint)
    queues = (f"{endpoint}/000000000000/bench-dead", f"{endpoint}/000000000000/bench")
    move, moved = ten if at_once == "10" else each, 0
    start, cpu = time.monotonic(), time.process_time()
    while messages := sqs.receive_message(
        QueueUrl=queues[0],
        MaxNumberOfMessages=10,
        WaitTimeSeconds=1,
        MessageSystemAttributeNames=["All"],
        MessageAttributeNames=["All"],
    ).get("Messages"):
        move(sqs, *queues, messages)
        moved += len(messages)
    seconds, cpu = time.monotonic() - start, time.process_time() - cpu
    if moved != int(count):
        raise SystemExit(f"{moved} of {count} messages were moved")
    peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"seconds": seconds, "cpu": cpu, "peak_kb": peak_kb}))


main(*sys.argv[1:])
