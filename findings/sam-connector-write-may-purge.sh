#!/usr/bin/env bash
# aws-sam-translator 1.115.0 (PyPI, the code behind AWS::Serverless-2016-10-31): a connector with Write on a queue
# lets the function delete messages and purge the queue, beside sending to it.
#
# The policy has sqs:SendMessage, sqs:DeleteMessage, sqs:ChangeMessageVisibility and sqs:PurgeQueue.
# The policy template SQSSendMessagePolicy of the same package has sqs:SendMessage and nothing that removes a message.
#
# Why it matters: whoever gives a producer, or a consumer that hands messages over to a dead-letter queue,
# "Write" instead of the policy template gives it the right to empty that queue in one call.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check aws-sam-translator==1.115.0

"$dir/venv/bin/python" - <<'PYTHON'
import logging

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.policy_template_processor.processor import PolicyTemplatesProcessor
from samtranslator.translator.translator import Translator

logging.disable()

function = {"Runtime": "python3.13", "Handler": "app.handler", "InlineCode": "def handler(e, c): pass"}
connector = {"Source": {"Id": "Producer"}, "Destination": {"Id": "Dead"}, "Permissions": ["Write"]}
template = {"Resources": {
    "Dead": {"Type": "AWS::SQS::Queue"},
    "Producer": {"Type": "AWS::Serverless::Function", "Properties": function},
    "ProducerToDead": {"Type": "AWS::Serverless::Connector", "Properties": connector},
}}
translator = Translator({}, Parser(), boto_session=boto3.Session(region_name="us-east-1"))
policy = translator.translate(template, {})["Resources"]["ProducerToDeadPolicy"]["Properties"]["PolicyDocument"]
by_connector = sorted(action for statement in policy["Statement"] for action in statement["Action"])

templates = PolicyTemplatesProcessor.get_default_policy_templates_json()["Templates"]
by_template = templates["SQSSendMessagePolicy"]["Definition"]["Statement"][0]["Action"]

print("connector with Write: ", by_connector)
print("SQSSendMessagePolicy: ", by_template)
assert by_connector == ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:PurgeQueue", "sqs:SendMessage"], "the connector's actions changed"
assert by_template == ["sqs:SendMessage*"], "the policy template's actions changed"
PYTHON
