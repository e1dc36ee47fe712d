#!/usr/bin/env bash
# amazon-sqs-extended-client 1.0.1 (PyPI): sending a large message leaves the client's own mark in the caller's
# dictionary of attributes. A small message sent with the same dictionary carries the mark, too, and can never be received.
#
# send_message stores a body above 256 KiB in S3 and adds ExtendedPayloadSize to the MessageAttributes it was given.
# The next large message with that dictionary is refused: the name is reserved.
# The next small one is sent with the mark and with its plain body. The receiving client takes the body for a pointer
# and raises, for the whole receive: the messages that came with it are not returned either.
#
# Why it matters: attributes such as a tenant or a type are often built once and used for many messages.
# One such message blocks its neighbours receive after receive, until all of them are dead letters.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check amazon-sqs-extended-client==1.0.1 'moto[s3,sqs]==5.2.5' 'boto3==1.43.117'

AWS_ACCESS_KEY_ID=x AWS_SECRET_ACCESS_KEY=x AWS_DEFAULT_REGION=us-east-1 "$dir/venv/bin/python" - <<'PYTHON'
import boto3
import sqs_extended_client  # replaces boto3's session
from moto import mock_aws

with mock_aws():
    boto3.client("s3").create_bucket(Bucket="large-bodies")
    sqs = boto3.client("sqs")
    sqs.large_payload_support = "large-bodies"
    queue = sqs.create_queue(QueueName="orders")["QueueUrl"]

    def receive():
        answer = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, VisibilityTimeout=0)
        return [message["Body"][:10] for message in answer.get("Messages", [])]

    attributes = {"tenant": {"DataType": "String", "StringValue": "a"}}
    sqs.send_message(QueueUrl=queue, MessageBody="x" * 300_000, MessageAttributes=attributes)
    names = sorted(attributes)
    print("attributes of the caller after the send:", names)
    before = receive()
    print("received:", before)

    try:
        sqs.send_message(QueueUrl=queue, MessageBody="y" * 300_000, MessageAttributes=attributes)
        second = "sent"
    except sqs_extended_client.exceptions.SQSExtendedClientException as error:
        second = str(error).strip()
    print("the next large message:", second)

    sqs.send_message(QueueUrl=queue, MessageBody="small", MessageAttributes=attributes)
    try:
        after = receive()
    except ValueError as error:
        after = type(error).__name__
    print("receive after a small message with the same attributes:", after)

assert names == ["ExtendedPayloadSize", "tenant"], "the caller's attributes are left alone now"
assert before == ["x" * 10]
assert "reserved" in second, "the second large message is sent now"
assert after == "JSONDecodeError", "the receive succeeds now"
PYTHON
