#!/usr/bin/env bash
# RabbitMQ 3.10.8 (broker; here with pika 1.4.4): a dead message that is sent back by way of a delay queue, with the headers that it came
# with, is confirmed and does not arrive, if it had expired or overflowed. One that had been rejected arrives.
#
# The broker stops what runs in a circle of dead letter queues without a rejection. It takes the circle from the header x-death, whoever
# published the message: so the client's publication counts as a step of the circle. A classic queue drops the message. A quorum queue
# that dead-letters at least once keeps it, and counts no message to a client. Without its headers the same message arrives.
#
# Why it matters: a replay copies the headers for fear of losing something, and a test of it rejects its message, as tests do. Then what
# expired or overflowed in an outage is replayed with a delay, all publications are confirmed, no queue has a message, and nothing arrives.
set -euo pipefail
dir=$(mktemp -d)
broker= names=
trap 'for one in $broker $names; do kill "$one" 2> /dev/null || true; wait "$one" || true; done; rm -rf "$dir"' EXIT

python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check pika==1.4.4
# RabbitMQ and what it needs of Erlang, as Debian 12 has them: unpacked, not installed.
packages=(rabbitmq-server=3.10.8-1.1+deb12u1)
for name in asn1 base crypto eldap inets mnesia os-mon parsetools public-key runtime-tools ssl syntax-tools tools xmerl; do
  packages+=("erlang-$name=1:25.2.3+dfsg-1+deb12u4")
done
(cd "$dir" && apt-get -qq -o APT::Sandbox::User=root download "${packages[@]}")
for file in "$dir"/*.deb; do dpkg-deb --extract "$file" "$dir"; done
erlang=$dir/usr/lib/erlang
sed -i "s|ROOTDIR=/usr/lib/erlang$|ROOTDIR=$erlang|" "$erlang/bin/erl"
# Python has let go of the ports only once it has ended.
ports=$(python3 -c 'import socket
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
print(*(one.getsockname()[1] for one in held))')
read -r port epmd dist <<< "$ports"
echo "[]." > "$dir/plugins"
printf '%s\n' "listeners.tcp.1 = 127.0.0.1:$port" "disk_free_limit.absolute = 100MB" > "$dir/rabbitmq.conf"
set -a
ERL_CRASH_DUMP=$dir/crash ERL_EPMD_ADDRESS=127.0.0.1 ERL_EPMD_PORT=$epmd RABBITMQ_DIST_PORT=$dist RABBITMQ_NODENAME=findings@localhost
RABBITMQ_CONFIG_FILE=$dir/rabbitmq.conf RABBITMQ_ENABLED_PLUGINS_FILE=$dir/plugins RABBITMQ_CONF_ENV_FILE=/dev/null
RABBITMQ_MNESIA_BASE=$dir/mnesia RABBITMQ_LOG_BASE=$dir/log RABBITMQ_PID_FILE=$dir/pid
RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-start_epmd false -kernel inet_dist_use_interface {127,0,0,1} +S 2:2 +sbwt none"
set +a
"$erlang/bin/epmd" > "$dir/epmd.log" 2>&1 &
names=$!
until "$erlang/bin/epmd" -names > /dev/null 2>&1; do kill -0 "$names"; sleep 0.1; done
HOME=$dir PATH=$erlang/bin:$PATH "$dir"/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server > "$dir/broker.log" 2>&1 &
broker=$!
until grep -qs "completed with 0 plugins" "$dir/broker.log"; do
  kill -0 "$broker" 2> /dev/null && ((SECONDS < 270)) ||
    { echo "RabbitMQ did not come up" >&2; tail "$dir/broker.log" "$dir/epmd.log" >&2; exit 1; }
  sleep 0.1
done

cat > "$dir/seen.py" <<'PY'
import sys, time
import pika

DELAYS = {"classic": {}, "quorum": {"x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish"}}
connection = pika.BlockingConnection(pika.URLParameters(sys.argv[1]))
channel = connection.channel()
# Each publication waits for its confirmation, and raises without it.
channel.confirm_delivery()

def declare(queue, to=None, **arguments):
    target = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": to} if to else {}
    channel.queue_declare(queue, durable=True, arguments={**target, **arguments})

def publish(queue, body, properties):
    channel.basic_publish("", queue, body, properties, mandatory=True)

def taken(queue, seconds=10):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        method, properties, body = channel.basic_get(queue)
        if method:
            return method.delivery_tag, properties, body
        connection.sleep(0.1)
    return None

def die(work, reason):
    """Has a message die in this queue."""
    publish(work, b"order-7", pika.BasicProperties(delivery_mode=2, expiration="100" if reason == "expired" else None))
    if reason == "rejected":
        channel.basic_reject(taken(work)[0], requeue=False)
    if reason == "maxlen":
        publish(work, b"order-8", pika.BasicProperties(delivery_mode=2))
        channel.basic_ack(taken(work)[0])

def arrives(kind, reason, keeps):
    work, dead, later = (f"{role} {kind} {reason} {keeps}" for role in ("work", "dead", "later"))
    declare(work, dead, **({"x-max-length": 1} if reason == "maxlen" else {}))
    declare(dead)
    declare(later, work, **{"x-queue-type": kind, "x-message-ttl": 500, **DELAYS[kind]})
    die(work, reason)
    tag, properties, body = taken(dead)
    assert body == b"order-7" and properties.headers["x-death"][0]["reason"] == reason
    if not keeps:
        properties.headers = None
    publish(later, body, properties)
    channel.basic_ack(tag)
    back = taken(work)
    assert back is None or back[2] == b"order-7"
    return "arrives" if back else "nothing in 10 s"

for kind in DELAYS:
    for reason in ("rejected", "expired", "maxlen"):
        kept, bare = (arrives(kind, reason, keeps) for keeps in (True, False))
        print(f"{reason}, sent back through a {kind} queue: {kept}; without its headers: {bare}")
declared = [f"{role} {kind} {reason} {keeps}" for role in ("work", "dead", "later") for kind in DELAYS
            for reason in ("rejected", "expired", "maxlen") for keeps in (True, False)]
told = [channel.queue_declare(one, passive=True).method.message_count for one in declared]
print("messages in all queues, as a client is told:", sum(told))
PY
# What the broker's own quorum queues count, the messages among them that they could not pass on.
cat > "$dir/held.erl" <<'ERL'
lists:sum([begin {ok, Count, _} = ra:consistent_query(amqqueue:get_pid(Queue), fun rabbit_fifo:query_messages_total/1), Count end
           || Queue <- rabbit_amqqueue:list(), amqqueue:get_type(Queue) == rabbit_quorum_queue]).
ERL
seen=$("$dir/venv/bin/python" "$dir/seen.py" "amqp://guest:guest@127.0.0.1:$port/%2F"
  echo -n "messages in the quorum queues, as the broker counts: "
  HOME=$dir "$erlang/bin/erl_call" -sname findings@localhost -e < "$dir/held.erl")
echo "$seen"
diff <(echo "$seen") - <<'SEEN' || { echo "RabbitMQ answers otherwise now" >&2; exit 1; }
rejected, sent back through a classic queue: arrives; without its headers: arrives
expired, sent back through a classic queue: nothing in 10 s; without its headers: arrives
maxlen, sent back through a classic queue: nothing in 10 s; without its headers: arrives
rejected, sent back through a quorum queue: arrives; without its headers: arrives
expired, sent back through a quorum queue: nothing in 10 s; without its headers: arrives
maxlen, sent back through a quorum queue: nothing in 10 s; without its headers: arrives
messages in all queues, as a client is told: 0
messages in the quorum queues, as the broker counts: {ok, 2}
SEEN
