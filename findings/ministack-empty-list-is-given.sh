#!/usr/bin/env bash
# MiniStack 1.5.33 (PyPI, an emulator of AWS): in a condition of CloudFormation an empty CommaDelimitedList is not equal to the
# empty text, although the same Fn::Join of it is the empty text in an output.
#
# The usual way to ask whether a list parameter was given is !Not [!Equals [!Join ['', !Ref Keys], '']].
# MiniStack answers true for the parameter's default of '', so what depends on it is deployed. A list that is given is true as well.
# A condition over a String parameter is evaluated as by CloudFormation.
#
# Why it matters: statements and settings that are optional are always there on the emulator: a queue's key, a list of other queues.
# A test on it shows neither that the stack works without them, nor that a role does without the permission.
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


def given(parameter):
    return {"Fn::Not": [{"Fn::Equals": [parameter, ""]}]}


def either(condition):
    return {"Value": {"Fn::If": [condition, "given", "not given"]}}


joined = {"Fn::Join": ["", {"Ref": "Keys"}]}
template = {
    "Parameters": {"Keys": {"Type": "CommaDelimitedList", "Default": ""}, "Key": {"Type": "String", "Default": ""}},
    "Conditions": {"HasKeys": given(joined), "HasKey": given({"Ref": "Key"})},
    "Resources": {"Orders": {"Type": "AWS::SQS::Queue"}},
    "Outputs": {"Joined": {"Value": joined}, "Keys": either("HasKeys"), "Key": either("HasKey")},
}
stacks = boto3.client("cloudformation")
stacks.create_stack(StackName="orders", TemplateBody=json.dumps(template))
for _ in range(100):
    stack = stacks.describe_stacks(StackName="orders")["Stacks"][0]
    if not stack["StackStatus"].endswith("IN_PROGRESS"):
        break
    time.sleep(0.2)
outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
print(stack["StackStatus"], outputs)
assert stack["StackStatus"] == "CREATE_COMPLETE"
assert outputs == {"Joined": "", "Keys": "given", "Key": "not given"}, "conditions are evaluated in another way now"
PYTHON
