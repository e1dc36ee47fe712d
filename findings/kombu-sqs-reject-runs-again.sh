#!/usr/bin/env bash
# kombu 5.7.0 (PyPI), Celery's messaging library: on SQS a message that is rejected without requeue is not discarded.
#
# reject() makes no call to SQS at all. The message comes back after its visibility timeout and runs again, until the
# queue's redrive policy takes it. On kombu's other transports reject() is the end of it: one run.
# requeue() does the same as reject() on SQS: it neither sends the message anew nor makes it visible at once.
#
# Why it matters: a task that says "never again" (Celery's Reject) still runs maxReceiveCount times, each a whole
# visibility timeout later. Without a redrive policy it runs until its retention ends.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check 'kombu[sqs]==5.7.0' 'moto[server]==5.2.5'

AWS_ACCESS_KEY_ID=x AWS_SECRET_ACCESS_KEY=x AWS_DEFAULT_REGION=us-east-1 timeout 90 "$dir/venv/bin/python" - <<'PYTHON'
import json
import logging
import socket
import time

import boto3
from kombu import Connection, Consumer, Queue
from moto.server import ThreadedMotoServer

logging.disable()
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
sqs = boto3.client("sqs", endpoint_url=f"http://{host}:{port}")


def waiting(url):
    answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return sum(int(answer["ApproximateNumberOfMessages" + kind]) for kind in ("", "Delayed", "NotVisible"))


def runs(connection, name, act, ended):
    """How often a message is handed to a consumer that always answers it by `act`."""
    count = 0

    def consume(_, message):
        nonlocal count
        count += 1
        getattr(message, act)()

    connection.Producer().publish({"order": 1}, exchange="", routing_key=name, serializer="json")
    with Consumer(connection.channel(), queues=[Queue(name, routing_key=name)], callbacks=[consume], accept=["json"]):
        until = time.monotonic() + 25
        while not ended(count) and time.monotonic() < until:
            try:
                connection.drain_events(timeout=1)
            except (socket.timeout, TimeoutError):
                pass
    return count


def on_sqs(act):
    dead = sqs.create_queue(QueueName=f"{act}-dead")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 3})
    url = sqs.create_queue(QueueName=act, Attributes={"VisibilityTimeout": "1", "RedrivePolicy": redrive})["QueueUrl"]
    own = {"url": url, "region": "us-east-1", "access_key_id": "x", "secret_access_key": "x"}
    options = {"region": "us-east-1", "is_secure": False, "wait_time_seconds": 1, "predefined_queues": {act: own}}
    with Connection(f"sqs://x:x@{host}:{port}", transport_options=options) as connection:
        count = runs(connection, act, act, lambda _: waiting(url) == 0 and waiting(dead) == 1 or waiting(url) + waiting(dead) == 0)
    return count, waiting(dead)


with Connection("memory://") as connection:
    until = time.monotonic() + 4
    elsewhere = runs(connection, "orders", "reject", lambda _: time.monotonic() > until)
print(f"memory, reject: {elsewhere} run")
seen = {}
for act in ("ack", "reject", "requeue"):
    seen[act] = on_sqs(act)
    print(f"SQS, {act}: runs {seen[act][0]}, then in the dead-letter queue {seen[act][1]}")
server.stop()
assert elsewhere == 1, "reject() now runs again on the memory transport"
assert seen == {"ack": (1, 0), "reject": (3, 1), "requeue": (3, 1)}, "reject() or requeue() now reaches SQS"
PYTHON
