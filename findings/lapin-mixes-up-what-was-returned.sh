#!/usr/bin/env bash
# lapin 4.12.3 (Rust, AMQP client; here with RabbitMQ 3.10.8): a message that was returned is handed to the confirmation of another one.
# The message that found no queue counts as taken, and one that is in its queue counts as returned.
#
# The broker returns a mandatory message without a queue, acknowledges it all the same, and acknowledges several in one frame. lapin goes
# through those in the order of a hash table, and gives what was returned to the first. It also logs what was returned with its body, as
# a warning: one byte a number, so a search of the log for the text finds nothing.
#
# Why it matters: whoever moves dead messages and deletes those that were confirmed deletes one that nobody has, and moves another twice.
# And the bodies that a failure handler has in its hands are personal data more often than not; here they are in its log.
set -euo pipefail
dir=$(mktemp -d)
broker= names=
trap 'for one in $broker $names; do kill "$one" 2> /dev/null || true; wait "$one" || true; done; rm -rf "$dir"' EXIT

mkdir "$dir/src"
cat > "$dir/Cargo.toml" <<'TOML'
[package]
name = "returned"
version = "0.0.0"
edition = "2024"

[dependencies]
lapin = { version = "=4.12.3", default-features = false, features = ["tokio"] }
tokio = { version = "1", features = ["macros", "rt-multi-thread"] }
tracing-subscriber = { version = "=0.3.23", default-features = false, features = ["fmt", "std"] }
TOML
cat > "$dir/src/main.rs" <<'RUST'
use std::fs::{File, read_to_string};

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions, QueuePurgeOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Confirmation, Connection, ConnectionProperties};

const ROUNDS: usize = 30;
const EACH: usize = 300;

#[tokio::main]
async fn main() {
    let [address, log]: [String; 2] = std::env::args().skip(1).collect::<Vec<_>>().try_into().unwrap();
    tracing_subscriber::fmt().with_ansi(false).with_writer(File::create(&log).unwrap()).init();
    let connection = Connection::connect(&address, ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    let durable = QueueDeclareOptions { durable: true, ..Default::default() };
    channel.queue_declare("here".into(), durable, FieldTable::default()).await.unwrap();
    let mandatory = BasicPublishOptions { mandatory: true, ..Default::default() };
    let persistent = BasicProperties::default().with_delivery_mode(2);
    let (mut taken, mut returned, mut queued) = (0, 0, 0);
    for _ in 0..ROUNDS {
        let mut sent = Vec::new();
        for number in 0..EACH {
            let queue = if number % 3 == 0 { "nowhere" } else { "here" };
            let body = format!("{queue} {number}");
            let answer = channel.basic_publish("".into(), queue.into(), mandatory, body.as_bytes(), persistent.clone()).await.unwrap();
            sent.push((queue, body, answer));
        }
        for (queue, body, answer) in sent {
            let Confirmation::Ack(message) = answer.await.unwrap() else { panic!("{body} was refused") };
            match (queue, message) {
                ("nowhere", None) => taken += 1,
                ("here", Some(_)) => returned += 1,
                _ => {}
            }
        }
        queued += channel.queue_purge("here".into(), QueuePurgeOptions::default()).await.unwrap();
    }
    let all = ROUNDS * EACH;
    println!("of {all} messages, a third of them to no queue, {queued} are in their queue");
    println!("in no queue and confirmed as taken: {taken}");
    println!("in their queue and confirmed as returned: {returned}");
    let log = read_to_string(log).unwrap();
    let warnings = |body: &str| log.lines().filter(|line| line.contains(" WARN ") && line.contains(body)).count();
    let (as_text, as_numbers) = (warnings("nowhere 0"), warnings(&format!("{:?}", b"nowhere 0")));
    println!("warnings in the log with the body of a round's first message: as text {as_text}, as numbers {as_numbers}");
    assert!(queued as usize == all / 3 * 2, "the broker has not taken what it should");
    assert!(taken > 0 && taken == returned, "what was returned is with the message that it belongs to now");
    assert!(as_text == 0 && as_numbers == ROUNDS, "the log has no bodies now");
}
RUST
cargo build --quiet --manifest-path "$dir/Cargo.toml" --target-dir "$dir/target"

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

"$dir/target/debug/returned" "amqp://guest:guest@127.0.0.1:$port" "$dir/client.log"
