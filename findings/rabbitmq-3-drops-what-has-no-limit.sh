#!/usr/bin/env bash
# RabbitMQ 3.10.8 (Debian 12's package, here with pika 1.4.4): a quorum queue with x-delivery-limit -1 drops a message after its first
# delivery. RabbitMQ 4 takes -1 for "no limit", and has a limit of 20 without the argument; 3.10 has none without it.
#
# So no one argument is right for both: the declaration that keeps messages on 4 loses them on 3.10, and no error is raised by either.
#
# Why it matters: whoever prepares queues for 4 before the broker is 4 loses each message that comes again, a whole batch with one failure.
set -euo pipefail
dir=$(mktemp -d)
names= server=
trap 'kill $server $names 2> /dev/null || true; wait 2> /dev/null || true; rm -rf "$dir"' EXIT

python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check pika==1.4.4
mkdir "$dir/debs" "$dir/unpacked" "$dir/data"
packages=(rabbitmq-server=3.10.8-1.1+deb12u1)
for part in asn1 base crypto eldap inets mnesia os-mon parsetools public-key runtime-tools ssl syntax-tools tools xmerl; do
  packages+=("erlang-$part=1:25.2.3+dfsg-1+deb12u4")
done
(cd "$dir/debs" && apt-get -qq download "${packages[@]}" 2> /dev/null) || { echo "apt has not these packages here" >&2; exit 1; }
for package in "$dir"/debs/*.deb; do dpkg-deb --extract "$package" "$dir/unpacked"; done
# Debian's script knows one folder only.
sed -i "s#ROOTDIR=/usr/lib/erlang#ROOTDIR=$dir/unpacked/usr/lib/erlang#" "$dir/unpacked/usr/lib/erlang/bin/erl"

read -r port epmd node < <(python3 -c '
import socket
held = [socket.socket() for _ in range(3)]
for one in held: one.bind(("127.0.0.1", 0))
print(*(one.getsockname()[1] for one in held))')
printf 'listeners.tcp.1 = 127.0.0.1:%s\nlog.file = false\n' "$port" > "$dir/data/rabbitmq.conf"
echo '[].' > "$dir/data/enabled_plugins"
export HOME="$dir/data" PATH="$dir/unpacked/usr/lib/erlang/bin:$PATH" ERL_EPMD_ADDRESS=127.0.0.1 ERL_EPMD_PORT="$epmd" \
  RABBITMQ_NODENAME=finding@localhost RABBITMQ_DIST_PORT="$node" RABBITMQ_CONFIG_FILE="$dir/data/rabbitmq.conf" \
  RABBITMQ_ENABLED_PLUGINS_FILE="$dir/data/enabled_plugins" RABBITMQ_MNESIA_BASE="$dir/data/mnesia" RABBITMQ_LOG_BASE="$dir/data/log" \
  RABBITMQ_CONF_ENV_FILE=/dev/null RABBITMQ_PID_FILE="$dir/data/pid" \
  RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-start_epmd false -kernel inet_dist_use_interface {127,0,0,1}"
epmd -port "$epmd" -address 127.0.0.1 > "$dir/epmd.log" 2>&1 &
names=$!
"$dir"/unpacked/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server > "$dir/server.log" 2>&1 &
server=$!
for _ in $(seq 300); do (exec 3<> "/dev/tcp/127.0.0.1/$port") 2> /dev/null && break; sleep 0.1; done

cat > "$dir/seen.py" <<'PY'
import sys
import pika

channel = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", int(sys.argv[1]))).channel()
channel.confirm_delivery()
for title, limit in (("without the argument", {}), ("x-delivery-limit -1", {"x-delivery-limit": -1}), ("x-delivery-limit 2", {"x-delivery-limit": 2})):
    channel.queue_declare(title, durable=True, arguments={"x-queue-type": "quorum", **limit})
    channel.basic_publish("", title, b"the message")
    deliveries = 0
    for method, _, _ in channel.consume(title, inactivity_timeout=3):
        if method is None or deliveries == 30:
            break
        deliveries += 1
        channel.basic_nack(method.delivery_tag, requeue=True)
    channel.cancel()
    print(f"{title}: {'30 and more' if deliveries == 30 else deliveries}")
PY
seen=$("$dir/venv/bin/python" "$dir/seen.py" "$port")
echo "$seen"
diff <(echo "$seen") - <<'SEEN' || { echo "RabbitMQ counts otherwise now" >&2; exit 1; }
without the argument: 30 and more
x-delivery-limit -1: 1
x-delivery-limit 2: 3
SEEN
