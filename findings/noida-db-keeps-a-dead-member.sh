#!/usr/bin/env bash
# noida-db 0.2.3 (broker that speaks Kafka, for tests; here with confluent-kafka 2.16.1): a consumer that was killed stays in its group.
# Its successor is given no partition for a minute and more, with a session timeout of six seconds.
#
# A member that leaves in good order gives its partitions up at once. So does a killed one whose successor comes under the same
# group.instance.id (static membership). Apache Kafka ends a member's session when its heartbeats stop for the session timeout.
#
# Why it matters: whoever proves with kill -9 that no message is lost or run twice sees nothing at all there: the test hangs, as if the
# consumer under test were broken.
set -euo pipefail
dir=$(mktemp -d)
broker=
trap '[ -z "$broker" ] || kill "$broker" 2> /dev/null; wait 2> /dev/null; rm -rf "$dir"' EXIT

python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check noida-db==0.2.3 confluent-kafka==2.16.1
binary=$("$dir/venv/bin/python" -c 'import noida_db, pathlib; print(pathlib.Path(noida_db.__file__).parent / "noida-db")')
chmod +x "$binary"
port=$("$dir/venv/bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$binary" start --only kafka --host 127.0.0.1 --kafka-port "$port" --data-dir "$dir/data" > "$dir/broker.log" 2>&1 &
broker=$!

cat > "$dir/member.py" <<'PY'
import sys
from confluent_kafka import Consumer

servers, group, name = sys.argv[1:]
static = {"group.instance.id": name} if name else {}
member = Consumer({"bootstrap.servers": servers, "group.id": group, "auto.offset.reset": "earliest", "enable.auto.commit": False,
                   "session.timeout.ms": 6000, "heartbeat.interval.ms": 500, **static})
member.subscribe(["dead"])
while True:
    message = member.poll(0.2)
    if message is not None and message.error() is None:
        print(message.value().decode(), flush=True)
PY
cat > "$dir/seen.py" <<'PY'
import select, subprocess, sys
from confluent_kafka import Producer

servers, member = sys.argv[1:]
producer = Producer({"bootstrap.servers": servers})
producer.produce("dead", value="the record")
assert producer.flush(30) == 0

def start(group, name):
    return subprocess.Popen([sys.executable, member, servers, group, name], stdout=subprocess.PIPE, text=True)

for group, name, title in (("plain", "", "a new member"), ("static", "one", "a member of the same instance id")):
    first = start(group, name)
    assert first.stdout.readline().strip() == "the record"
    first.kill()
    first.wait()
    second = start(group, name)
    ready, _, _ = select.select([second.stdout], [], [], 60)
    print(f"{title}, within 60 s:", second.stdout.readline().strip() if ready else "nothing")
    second.kill()
    second.wait()
PY
for _ in $(seq 100); do (exec 3<> "/dev/tcp/127.0.0.1/$port") 2> /dev/null && break; sleep 0.1; done
seen=$("$dir/venv/bin/python" "$dir/seen.py" "127.0.0.1:$port" "$dir/member.py")
echo "$seen"
diff <(echo "$seen") - <<'SEEN' || { echo "noida-db answers otherwise now" >&2; exit 1; }
a new member, within 60 s: nothing
a member of the same instance id, within 60 s: the record
SEEN
