#!/usr/bin/env bash
# MiniStack 1.5.33 (PyPI, an emulator of AWS): it takes five requests that Amazon SQS refuses.
#
# A queue's name of 81 characters (80 at the most), a name with a blank in it, a delay of 901 seconds (900),
# eleven message attributes (10), and a standard queue as the dead-letter queue of a FIFO queue (must be FIFO).
# Other limits it does enforce, so one cannot guess: a visibility timeout of 43,201 seconds is refused.
#
# Why it matters: a retry that grows past 15 minutes, a replay that adds its eleventh attribute, or a stack's long
# name works on the emulator, and fails on AWS at the moment when a message has failed already.
set -euo pipefail
dir=$(mktemp -d)
server=
stop() { if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; fi; rm -rf "$dir"; }
trap stop EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check ministack==1.5.33 boto3==1.43.106

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
export AWS_ENDPOINT_URL=http://127.0.0.1:$port AWS_ACCESS_KEY_ID=x AWS_SECRET_ACCESS_KEY=x AWS_DEFAULT_REGION=us-east-1
cd "$dir"
BIND_HOST=127.0.0.1 MINISTACK_HOST=127.0.0.1 GATEWAY_PORT=$port IOT_MTLS_ENABLED=0 SFTP_ENABLED=0 \
  "$dir/venv/bin/ministack" > "$dir/log" 2>&1 &
server=$!
for _ in $(seq 150); do
  curl -fs "$AWS_ENDPOINT_URL/_ministack/health" >/dev/null && break
  sleep 0.2
done

timeout 60 "$dir/venv/bin/python" - <<'PYTHON'
import json

import boto3
from botocore.exceptions import ClientError

sqs = boto3.client("sqs")
queue = sqs.create_queue(QueueName="orders")["QueueUrl"]
arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 3})
eleven = {f"a{n}": {"DataType": "String", "StringValue": "x"} for n in range(11)}
requests = {
    "a name of 81 characters": lambda: sqs.create_queue(QueueName="q" * 81),
    "a name with a blank": lambda: sqs.create_queue(QueueName="my orders"),
    "a delay of 901 seconds": lambda: sqs.send_message(QueueUrl=queue, MessageBody="x", DelaySeconds=901),
    "eleven attributes": lambda: sqs.send_message(QueueUrl=queue, MessageBody="x", MessageAttributes=eleven),
    "a standard dead-letter queue of a FIFO queue":
        lambda: sqs.create_queue(QueueName="orders.fifo", Attributes={"FifoQueue": "true", "RedrivePolicy": redrive}),
    "a visibility timeout of 43,201 seconds":
        lambda: sqs.create_queue(QueueName="slow", Attributes={"VisibilityTimeout": "43201"}),
}
taken = {}
for name, request in requests.items():
    try:
        request()
        taken[name] = True
    except ClientError:
        taken[name] = False
    print(f"{name}: {'taken' if taken[name] else 'refused'}")
assert list(taken.values()) == [True] * 5 + [False], "the emulator judges these requests in another way now"
PYTHON
