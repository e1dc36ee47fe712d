#!/usr/bin/env bash
# taskiq-aio-sqs 2.1.1 with taskiq 0.13.0 (PyPI): a message whose task raised is deleted,
# in each of the three modes that acknowledge by themselves, also in "when_executed".
#
# "Executed" means that the task ran, not that it succeeded. The queue's redrive policy never gets to act:
# the message is gone after one receive, whatever maxReceiveCount says.
# In the mode "manual" the message stays, and comes back after its visibility timeout.
#
# Why it matters: who hangs a dead-letter queue on the queue of such a worker finds it empty for ever.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check taskiq-aio-sqs==2.1.1 taskiq==0.13.0 'moto[server]==5.2.5'

AWS_ACCESS_KEY_ID=x AWS_SECRET_ACCESS_KEY=x AWS_DEFAULT_REGION=us-east-1 timeout 90 "$dir/venv/bin/python" - <<'PYTHON'
import asyncio
import json
import logging

import boto3
from moto.server import ThreadedMotoServer
from taskiq.acks import AcknowledgeType
from taskiq.receiver import Receiver
from taskiq_aio_sqs import SQSBroker

logging.disable()
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
ENDPOINT = "http://{}:{}".format(*server.get_host_and_port())
sqs = boto3.client("sqs", endpoint_url=ENDPOINT)


async def outcome(mode):
    """Runs and what is left of one message whose task always raises."""
    dead = sqs.create_queue(QueueName=f"{mode.value}-dead")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 3})
    queue = sqs.create_queue(QueueName=mode.value, Attributes={"RedrivePolicy": redrive})["QueueUrl"]
    broker = SQSBroker(
        mode.value, endpoint_url=ENDPOINT, region_name="us-east-1",
        aws_access_key_id="x", aws_secret_access_key="x", wait_time_seconds=1,
    )
    ran = asyncio.Event()

    @broker.task(task_name="charge")
    async def charge():
        ran.set()
        raise RuntimeError("the provider is down")

    await broker.startup()
    await charge.kiq()
    finish = asyncio.Event()
    listening = asyncio.create_task(Receiver(broker, ack_type=mode).listen(finish))
    await asyncio.wait_for(ran.wait(), 15)
    finish.set()
    await asyncio.wait_for(listening, 15)
    await broker.shutdown()
    answer = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    return sum(int(answer["ApproximateNumberOfMessages" + kind]) for kind in ("", "Delayed", "NotVisible"))


left = {mode.value: asyncio.run(outcome(mode)) for mode in AcknowledgeType}
server.stop()
for mode, count in left.items():
    print(f"{mode}: the task raised once, messages left in the queue: {count}")
assert left == {"when_received": 0, "when_executed": 0, "when_saved": 0, "manual": 1}, "failed messages are now kept"
PYTHON
