#!/usr/bin/env bash
# cargo-lambda 1.9.2 (PyPI, the binary behind `cargo lambda watch`): the deadline that it tells a function
# is ten minutes after the start of 1970, for every invocation.
#
# Lambda's header Lambda-Runtime-Deadline-Ms is a point in time: milliseconds since 1970, some minutes ahead.
# The local server of cargo lambda always sends 600000, which looks like a duration.
#
# Why it matters: a consumer that stops before its deadline and hands the rest of a batch back sees no time left.
# On the local server it gives every message back and runs none, or its guard has to be switched off to try anything.
set -euo pipefail
dir=$(mktemp -d)
server=
stop() { if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; fi; rm -rf "$dir"; }
trap stop EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check cargo-lambda==1.9.2

# An empty package: the function itself is played by curl below, so nothing is compiled.
mkdir -p "$dir/function/src"
printf '[package]\nname = "consumer"\nversion = "0.0.0"\nedition = "2021"\n' > "$dir/function/Cargo.toml"
echo 'fn main() {}' > "$dir/function/src/main.rs"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cd "$dir/function"
"$dir/venv/bin/cargo-lambda" lambda watch --only-lambda-apis --invoke-address 127.0.0.1 --invoke-port "$port" > "$dir/log" 2>&1 &
server=$!
api=http://127.0.0.1:$port
for _ in $(seq 100); do
  grep -q 'starting Runtime server' "$dir/log" && break
  sleep 0.2
done

deadline() { # one invocation, answered; prints the deadline that the function was given
  curl -sS -m 20 -o "$dir/event" -D "$dir/head" "$api/.rt/2018-06-01/runtime/invocation/next" &
  local next=$!
  curl -sS -m 20 -o "$dir/answer" -d '{"Records": []}' "$api/2015-03-31/functions/_/invocations" &
  local invocation=$!
  wait "$next"
  local id
  id=$(tr -d '\r' < "$dir/head" | sed -n 's/^lambda-runtime-aws-request-id: //Ip')
  curl -sS -m 20 -o "$dir/done" -d '{"batchItemFailures": []}' "$api/.rt/2018-06-01/runtime/invocation/$id/response"
  wait "$invocation"
  tr -d '\r' < "$dir/head" | sed -n 's/^lambda-runtime-deadline-ms: //Ip'
}

first=$(deadline)
sleep 1
second=$(deadline)
now=$(date +%s%3N)
echo "deadline of the first invocation:  $first"
echo "deadline of one a second later:    $second"
echo "the clock says:                    $now"
[ "$first" = 600000 ] && [ "$second" = 600000 ] || { echo "the deadline is another now" >&2; exit 1; }
