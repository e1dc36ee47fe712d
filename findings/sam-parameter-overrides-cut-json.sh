#!/usr/bin/env bash
# aws-sam-cli 1.170.0 (PyPI): a parameter whose value is JSON is cut at its first quotation mark, without a word.
#
# `sam deploy --parameter-overrides 'Rules=[{"queue":"orders"}]'` hands CloudFormation `[{`. Quotation marks around the
# value do not help; with each mark inside of it escaped by a backslash as well, the value arrives whole.
#
# Why it matters: policies, routes and lists of queues are JSON in a parameter. What is cut may still be deployed, and
# then the stack does less than was written, or its function fails at the first dead message.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check aws-sam-cli==1.170.0

SAM_CLI_TELEMETRY=0 "$dir/venv/bin/python" - <<'PYTHON'
from samcli.cli.types import CfnParameterOverridesType

given = {
    "plain JSON": 'Rules=[{"queue":"orders"}]',
    "in quotation marks": 'Rules="[{"queue":"orders"}]"',
    "each mark escaped": r'Rules="[{\"queue\":\"orders\"}]"',
}
seen = {}
for name, text in given.items():
    seen[name] = CfnParameterOverridesType().convert((text,), None, None).get("Rules")
    print(f"{name}: {text} -> {seen[name]}")
assert seen["plain JSON"] == "[{", "plain JSON is read in another way now"
assert seen["each mark escaped"] == '[{"queue":"orders"}]', "escaped JSON is read in another way now"
PYTHON
