#!/usr/bin/env bash
# MiniStack 1.5.33 (PyPI, an emulator of AWS): FilterLogEvents returns the first page of a log, and never a nextToken.
#
# AWS returns 10,000 events at most, or as many as `limit` says, and a nextToken while there is more. A paginator follows it.
# MiniStack cuts at the same numbers and says nothing of a rest: of 15,000 lines boto3's paginator finds the oldest 10,000.
# With a filter pattern it looks further, and finds the last line.
#
# Why it matters: a test reads a function's log for the message that failed, and asserts that there is none.
# It passes once the log is long, because the newest lines, where the failure is, are never shown.
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
import time

import boto3

logs = boto3.client("logs")
logs.create_log_group(logGroupName="consumer")
logs.create_log_stream(logGroupName="consumer", logStreamName="one")
begun = int(time.time() * 1000) - 600_000
for part in range(3):
    lines = [{"timestamp": begun + n, "message": f"handled order {n}"} for n in range(part * 5_000, (part + 1) * 5_000)]
    logs.put_log_events(logGroupName="consumer", logStreamName="one", logEvents=lines)

pages = list(logs.get_paginator("filter_log_events").paginate(logGroupName="consumer"))
found = [event["message"] for page in pages for event in page["events"]]
short = logs.filter_log_events(logGroupName="consumer", limit=100)
by_pattern = logs.filter_log_events(logGroupName="consumer", filterPattern='"order 14999"')["events"]
print("all pages:", len(found), "of 15000 lines, the last one", repr(found[-1]))
print("limit=100:", len(short["events"]), "lines, nextToken", short.get("nextToken"))
print("by pattern:", [event["message"] for event in by_pattern])
assert (len(pages), len(found), found[-1]) == (1, 10_000, "handled order 9999"), "the log has other pages now"
assert len(short["events"]) == 100 and "nextToken" not in short, "a cut page says so now"
assert [event["message"] for event in by_pattern] == ["handled order 14999"], "a pattern finds something else now"
PYTHON
