#!/usr/bin/env bash
# MiniStack 1.5.33 (PyPI, an emulator of AWS): a Kafka event source mapping made by CloudFormation comes up "Enabled",
# although the emulator has no poller for Kafka.
#
# CreateEventSourceMapping refuses the same source: "Unsupported event source ARN".
# CloudFormation ends with CREATE_COMPLETE for it, and the mapping is listed with State Enabled.
# There is no broker anywhere, and LastProcessingResult still says "No records processed", as on an idle topic.
#
# Why it matters: a local stage of a Kafka consumer deploys and looks healthy, and nothing ever runs.
# A test that waits for "no dead letters" is green because no record was read.
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
import time

import boto3
from botocore.exceptions import ClientError

SOURCE = {
    "EventSourceArn": "arn:aws:kafka:us-east-1:000000000000:cluster/orders/00000000-0000-4000-8000-000000000000-1",
    "Topics": ["orders"], "StartingPosition": "TRIM_HORIZON",
}
trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}]}
function = {
    "FunctionName": "consumer", "Runtime": "python3.11", "Handler": "index.handler",
    "Role": {"Fn::GetAtt": ["Role", "Arn"]}, "Code": {"ZipFile": "def handler(event, context): pass"},
}
template = {"Resources": {
    "Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": trust}},
    "Consumer": {"Type": "AWS::Lambda::Function", "Properties": function},
    "Mapping": {"Type": "AWS::Lambda::EventSourceMapping", "Properties": {"FunctionName": {"Ref": "Consumer"}, **SOURCE}},
}}
stacks, functions = boto3.client("cloudformation"), boto3.client("lambda")
stacks.create_stack(StackName="kafka", TemplateBody=json.dumps(template))
for _ in range(100):
    status = stacks.describe_stacks(StackName="kafka")["Stacks"][0]["StackStatus"]
    if not status.endswith("IN_PROGRESS"):
        break
    time.sleep(0.2)
mappings = functions.list_event_source_mappings(FunctionName="consumer")["EventSourceMappings"]
listed = [(mapping["State"], mapping["LastProcessingResult"]) for mapping in mappings]
try:
    functions.create_event_source_mapping(FunctionName="consumer", **SOURCE)
    direct = "created"
except ClientError as error:
    direct = error.response["Error"]["Message"]
print("by CloudFormation:", status, listed)
print("by the API:", direct)
assert (status, listed) == ("CREATE_COMPLETE", [("Enabled", "No records processed")]), "CloudFormation's mapping is shown in another way now"
assert direct.startswith("Unsupported event source ARN"), "the API takes Kafka sources now"
PYTHON
