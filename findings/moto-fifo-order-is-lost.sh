#!/usr/bin/env bash
# moto 5.2.5 (PyPI): a FIFO queue's sequence numbers do not rise, and a group arrives in its dead-letter queue
# with its last message in front.
#
# SQS says of SequenceNumber that it continues to increase within a message group. moto draws it at random.
# When all messages of a group have used up their receives, moto moves the last one on the first receive,
# and the others on the next one: sent a b c d, dead d a b c.
#
# Why it matters: a tool that replays a group in order, or finds out by the sequence number which letter is older,
# cannot be tested on moto. It replays the newest change first there, and a check on the order fails by chance.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check 'moto[sqs]==5.2.5' 'boto3==1.43.117'

AWS_ACCESS_KEY_ID=x AWS_SECRET_ACCESS_KEY=x AWS_DEFAULT_REGION=us-east-1 "$dir/venv/bin/python" - <<'PYTHON'
import json
import time

import boto3
from moto import mock_aws

with mock_aws():
    sqs = boto3.client("sqs")

    def queue(name, **attributes):
        url = sqs.create_queue(QueueName=name, Attributes={"FifoQueue": "true", **attributes})["QueueUrl"]
        return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    def send(url, body):
        return int(sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId="g", MessageDeduplicationId=body)["SequenceNumber"])

    def receive(url):
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
        return [message["Body"] for message in answer.get("Messages", [])]

    numbered, _ = queue("numbered.fifo")
    numbers = [send(numbered, str(n)) for n in range(20)]
    rising = numbers == sorted(numbers)
    print("sequence numbers of twenty messages of one group rise:", rising)

    dead, arn = queue("dead.fifo")
    orders, _ = queue("orders.fifo", VisibilityTimeout="1", RedrivePolicy=json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 1}))
    for body in "abcd":
        send(orders, body)
    first = receive(orders)
    print("received once, and not deleted:", first)
    for _ in range(2):
        time.sleep(1.5)
        assert receive(orders) == []
    letters = receive(dead)
    print("received from the dead-letter queue:", letters)

assert not rising, "sequence numbers rise now"
assert first == ["a", "b", "c", "d"]
assert letters == ["d", "a", "b", "c"], "dead letters are in another order now"
PYTHON
