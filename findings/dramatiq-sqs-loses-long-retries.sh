#!/usr/bin/env bash
# dramatiq-sqs 0.4.4 with dramatiq 2.2.1 (PyPI): a message whose next retry is more than 15 minutes away is deleted.
# It is not retried, and it does not go to the dead-letter queue that the broker made (dead_letter=True).
#
# A retry is a new send with a delay. SQS takes 15 minutes at the most, so the broker raises MessageDelayTooLong.
# The worker logs that and acknowledges the message all the same.
# The script runs one failing actor with five retries allowed, and a first backoff above 15 minutes.
#
# Why it matters: an outage makes backoffs grow, so the messages that were tried longest are the ones that vanish.
# The dead-letter queue stays empty, so nobody is told.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check dramatiq-sqs==0.4.4 dramatiq==2.2.1 'moto[sqs]==5.2.5' 'boto3==1.43.117'

AWS_ACCESS_KEY_ID=x AWS_SECRET_ACCESS_KEY=x AWS_DEFAULT_REGION=us-east-1 timeout 60 "$dir/venv/bin/python" - <<'PYTHON'
import logging
import time

import boto3
import dramatiq
from dramatiq_sqs import SQSBroker
from moto import mock_aws

logging.disable()
MINUTE = 60_000


def left(name):
    """Messages of a queue, whether they wait, are delayed or are in flight."""
    sqs = boto3.client("sqs")
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return sum(int(answer["ApproximateNumberOfMessages" + kind]) for kind in ("", "Delayed", "NotVisible"))


def outcome(queue, backoff):
    """Runs and what is left of one message whose actor always fails."""
    broker = SQSBroker(namespace="shop", dead_letter=True)
    runs = []

    def charge():
        runs.append(1)
        raise RuntimeError("the provider is down")

    actor = dramatiq.actor(charge, broker=broker, queue_name=queue, max_retries=5, min_backoff=backoff, max_backoff=backoff)
    actor.send()
    worker = dramatiq.Worker(broker, worker_timeout=1000, worker_threads=1)
    worker.start()
    deadline = time.monotonic() + 20
    while not runs and time.monotonic() < deadline:
        time.sleep(0.1)
    worker.stop()
    return len(runs), left(f"shop_{queue}"), left(f"shop_{queue}_dlq")


with mock_aws():
    short = outcome("short", 5 * MINUTE)
    long = outcome("long", 40 * MINUTE)
for name, (runs, waiting, dead) in (("5 minutes", short), ("40 minutes", long)):
    print(f"backoff {name}: runs {runs}, left in the queue {waiting}, in its dead-letter queue {dead}")
assert short == (1, 1, 0), "a retry within 15 minutes is no longer kept as a delayed message"
assert long == (1, 0, 0), "a retry beyond 15 minutes no longer vanishes"
PYTHON
