#!/usr/bin/env bash
# aws-sam-translator 1.115.0 (PyPI, the code behind AWS::Serverless-2016-10-31): a dead-letter queue of your own
# is wired up with the right to send for one kind of event, and without it for three others.
#
# ScheduleV2 with DeadLetterConfig.Arn: the role gets sqs:SendMessage on the queue.
# EventBridgeRule and Schedule with DeadLetterConfig.Arn, SNS with RedrivePolicy: no policy of the queue appears.
# EventBridgeRule with DeadLetterConfig.Type SQS (the queue is made by SAM): the policy appears.
# EventBridge and SNS may send to a queue only where the queue's own policy lets them.
#
# Why it matters: the template deploys, the console shows a dead-letter queue, and it stays empty:
# what could not be delivered is dropped, and only a metric (InvocationsFailedToBeSentToDlq) tells.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check aws-sam-translator==1.115.0

"$dir/venv/bin/python" - <<'PYTHON'
import json
import logging

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

logging.disable()

OWN = {"Arn": {"Fn::GetAtt": ["Mine", "Arn"]}}
KINDS = {
    "EventBridgeRule, own queue": {"Type": "EventBridgeRule", "Properties": {"Pattern": {"source": ["shop"]}, "DeadLetterConfig": OWN}},
    "Schedule, own queue": {"Type": "Schedule", "Properties": {"Schedule": "rate(1 hour)", "DeadLetterConfig": OWN}},
    "SNS, own queue": {"Type": "SNS", "Properties": {"Topic": {"Ref": "Topic"}, "RedrivePolicy": {"deadLetterTargetArn": OWN["Arn"]}}},
    "ScheduleV2, own queue": {"Type": "ScheduleV2", "Properties": {"ScheduleExpression": "rate(1 hour)", "DeadLetterConfig": OWN}},
    "EventBridgeRule, queue made by SAM": {"Type": "EventBridgeRule", "Properties": {"Pattern": {"source": ["shop"]}, "DeadLetterConfig": {"Type": "SQS"}}},
}


def may_send(event):
    function = {"Runtime": "python3.13", "Handler": "app.handler", "InlineCode": "def handler(e, c): pass", "Events": {"Event": event}}
    template = {"Resources": {
        "Mine": {"Type": "AWS::SQS::Queue"},
        "Topic": {"Type": "AWS::SNS::Topic"},
        "Function": {"Type": "AWS::Serverless::Function", "Properties": function},
    }}
    translator = Translator({}, Parser(), boto_session=boto3.Session(region_name="us-east-1"))
    text = json.dumps(translator.translate(template, {}))
    assert '"DeadLetterConfig"' in text or '"RedrivePolicy"' in text or "deadLetterTargetArn" in text
    return "sqs:SendMessage" in text


seen = {kind: may_send(event) for kind, event in KINDS.items()}
for kind, allowed in seen.items():
    print(f"{kind}: {'may send' if allowed else 'NO permission to send'}")
assert list(seen.values()) == [False, False, False, True, True], "SAM now wires the permission differently"
PYTHON
