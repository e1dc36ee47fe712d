"""The plain drain that everybody writes first: receive ten, put each, delete ten."""

import json
import resource
import sys
import time
from typing import Any

import boto3


def main(endpoint: str, table: str) -> None:
    session = boto3.Session("test", "test", region_name="us-east-1")
    sqs = session.client("sqs", endpoint_url=endpoint)
    letters = session.resource("dynamodb", endpoint_url=endpoint).Table(table)
    queue = f"{endpoint}/000000000000/bench-dead"
    start, cpu = time.monotonic(), time.process_time()
    while messages := sqs.receive_message(
        QueueUrl=queue,
        MaxNumberOfMessages=10,
        WaitTimeSeconds=1,
        MessageSystemAttributeNames=["All"],
        MessageAttributeNames=["All"],
    ).get("Messages"):
        for message in messages:
            letters.put_item(
                Item={
                    "pk": message["MessageId"],
                    "sk": "head",
                    "original_payload": message["Body"],
                    "message_attributes": message.get("MessageAttributes", {}),
                    "sent_timestamp": message["Attributes"]["SentTimestamp"],
                    "status": "PENDING",
                }
            )
        entries: list[Any] = [{"Id": str(place), "ReceiptHandle": message["ReceiptHandle"]} for place, message in enumerate(messages)]
        sqs.delete_message_batch(QueueUrl=queue, Entries=entries)
    seconds, cpu = time.monotonic() - start, time.process_time() - cpu
    peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"seconds": seconds, "cpu": cpu, "peak_kb": peak_kb}))


main(*sys.argv[1:])
