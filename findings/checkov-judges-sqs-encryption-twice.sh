#!/usr/bin/env bash
# checkov 3.3.30 (PyPI): a queue encrypted by SQS's own keys passes CKV_AWS_27 in Terraform and fails it in CloudFormation.
#
# Both files ask for the same thing: SqsManagedSseEnabled, or sqs_managed_sse_enabled, is true.
# The check "all data stored in the SQS queue is encrypted" knows the setting in Terraform only.
# In CloudFormation nothing but KmsMasterKeyId passes.
#
# Why it matters: to make the check green, a dead-letter queue gets a KMS key. From then on EventBridge, SNS and
# CloudWatch need rights on that key too, and what they cannot encrypt for the queue never arrives in it.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check checkov==3.3.30

mkdir "$dir/stack"
cat > "$dir/stack/template.yaml" <<'YAML'
AWSTemplateFormatVersion: "2010-09-09"
Resources:
  Dead: {Type: AWS::SQS::Queue, Properties: {SqsManagedSseEnabled: true}}
YAML
cat > "$dir/stack/main.tf" <<'HCL'
resource "aws_sqs_queue" "dead" {
  sqs_managed_sse_enabled = true
}
HCL
"$dir/venv/bin/checkov" -d "$dir/stack" --check CKV_AWS_27 --skip-download --soft-fail -o json 2>"$dir/errors" >"$dir/report.json" \
  || { cat "$dir/errors" >&2; exit 1; }
"$dir/venv/bin/python" - "$dir/report.json" <<'PYTHON'
import json
import sys

seen = {}
for report in json.load(open(sys.argv[1])):
    for verdict in ("passed_checks", "failed_checks"):
        for check in report["results"][verdict]:
            seen[report["check_type"]] = (check["check_id"], verdict)
for language, verdict in sorted(seen.items()):
    print(language, *verdict)
assert seen == {
    "cloudformation": ("CKV_AWS_27", "failed_checks"),
    "terraform": ("CKV_AWS_27", "passed_checks"),
}, "checkov now judges both alike"
PYTHON
