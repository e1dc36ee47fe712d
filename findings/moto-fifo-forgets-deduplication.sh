#!/usr/bin/env bash
# moto 5.2.5 (PyPI): a FIFO queue forgets a deduplication id as soon as its message is deleted.
#
# Amazon SQS remembers the id for five minutes after the send, also when the message was received and deleted.
# A second send inside that time is answered with success, and nothing is delivered.
# moto drops the second send only while the first message is still in the queue. After the delete it delivers the message.
#
# Why it matters: a tool that replays a dead letter with its original deduplication id passes its tests on moto.
# On AWS the same replay, soon after the first send, is answered with success and the message is gone.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check 'moto[sqs]==5.2.5' 'boto3==1.43.117'

AWS_ACCESS_KEY_ID=x AWS_SECRET_ACCESS_KEY=x AWS_DEFAULT_REGION=us-east-1 "$dir/venv/bin/python" - <<'PYTHON'
import boto3
from moto import mock_aws

with mock_aws():
    sqs = boto3.client("sqs")
    queue = sqs.create_queue(QueueName="orders.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]

    def send():
        return sqs.send_message(QueueUrl=queue, MessageBody="order 7", MessageGroupId="g", MessageDeduplicationId="order-7")

    def receive():
        return sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])

    send()
    send()
    waiting = receive()
    print("two sends with one deduplication id, received:", len(waiting))
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=waiting[0]["ReceiptHandle"])
    send()
    again = receive()
    print("a third send, less than five minutes later but after the delete, received:", len(again), "(AWS: 0)")

assert len(waiting) == 1, "moto no longer deduplicates a message that waits"
assert len(again) == 1, "moto now remembers the deduplication id after the delete, as AWS does"
PYTHON
