"""World of the demo: broker, tables, function and poller on loopback, and a hand that kills them."""

from __future__ import annotations

import random
import sys
import threading
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from infra.demo.orders import KNOWN_CURRENCIES, NEW_CURRENCY
from infra.kafka import broker, function
from infra.kafka.letters import LetterFunctions, program
from infra.kafka.poller import consumer, quiet, record
from infra.kafka.settling import Reading, Record
from infra.stack import emulator
from infra.stack.deployment import client
from infra.stack.processes import Daemon
from infra.stack.settings import COMMAND, MODULES, ROOT, Settings

TOPIC = "orders"
DEAD = "orders.dead"
PARTITIONS = 3
LEDGER, ORDERS = "kafka-ledger", "kafka-orders"
SCOPE = "orders"
PROGRAM = ROOT / "target" / "debug" / "kafka-processor"
# Short, so that what waits is often not done when the invocation ends.
FUNCTION_SECONDS = 6
SECONDS = 10.0


class World:
    """Everything that runs; ended as a whole."""

    def __init__(self, settings: Settings, reading: Reading, order: str, seed: int) -> None:
        self._settings, self._reading, self._seed = settings, reading, seed
        self.kills = 0
        try:
            endpoint = emulator.start(settings)
            self.servers = broker.start(settings.folder)
            self.tables = client("dynamodb", settings, endpoint)
            self._make_tables()
            self._make_topics()
        except BaseException:
            self._end_servers()
            raise
        self._variables = {**settings.client_environment(endpoint), **_variables(self.servers, reading, order)}
        self.function = function.Function(PROGRAM, self._variables, settings.folder, FUNCTION_SECONDS)
        self.letters = LetterFunctions(settings, endpoint, _variables(self.servers, reading, order))
        self._invoke = function.serve(self.function)
        self._producer = Producer(
            {"bootstrap.servers": self.servers, "acks": "all", "enable.idempotence": True, "log.connection.close": False}
        )

    def complaint(self) -> str:
        """Returns the last lines of the newest process of the function: what is in the way, as a rule."""
        return "\n".join(self.function.log().splitlines()[-5:])

    def end(self) -> int:
        """Ends everything, and returns the number of processes of broker, poller and emulator."""
        self._invoke.shutdown()
        self.function.end()
        self.letters.end()
        # A client that outlives its broker complains on the screen.
        del self._producer
        return self._poller(TOPIC).stop() + self._poller(DEAD).stop() + self._end_servers()

    def _end_servers(self) -> int:
        return broker.daemon(self._settings.folder).stop() + emulator.end(self._settings)

    def poll(self, topic: str = TOPIC) -> None:
        """Starts a poller of a topic."""
        port = self._invoke.server_port if topic == TOPIC else self.letters.indexer_port
        command = [sys.executable, "-m", "infra.kafka.poller", "--servers", self.servers, "--topic", topic]
        command += ["--function-port", str(port), "--reading", self._reading.value]
        command += ["--seed", str(self._seed + self.kills)]
        self._poller(topic).start(command, MODULES, cwd=self._settings.folder)

    def kill_indexing(self) -> None:
        """Kills the indexer and the poller of the dead letter topic, and starts them again as Lambda would."""
        self.kills += self.letters.indexer.kill_one() + 1
        self._poller(DEAD).kill()
        self.poll(DEAD)

    def cure(self) -> None:
        """Gives the processor a configuration with which orders in the new currency are charged."""
        self._variables["SUPPORTED_CURRENCIES"] = ",".join([*KNOWN_CURRENCIES, NEW_CURRENCY])
        self.function.configure(self._variables)

    def kill_now_and_then(self, times: int) -> threading.Thread:
        """Kills function and poller by turns, at moments that the seed chooses, and starts them again as Lambda would."""
        chance = random.Random(self._seed)  # noqa: S311 (moments of a test, the same for the same seed)

        def kill() -> None:
            for number in range(times):
                threading.Event().wait(chance.uniform(0.3, 3.0))
                if number % 2 == 0:
                    self.kills += self.function.kill_one()
                else:
                    self._poller(TOPIC).kill()
                    self.kills += 1
                    self.poll()

        thread = threading.Thread(target=kill, daemon=True)
        thread.start()
        return thread

    def send(self, order_id: str, body: str) -> None:
        """Sends a record with the order's id as its key."""
        refused: list[Any] = []
        headers = [("trace", b"t-1"), ("trace", b"\xff")]
        self._producer.produce(TOPIC, key=order_id, value=body, headers=headers, on_delivery=lambda error, _: refused.append(error))
        if self._producer.flush(SECONDS) or refused != [None]:
            raise broker.BrokerError(f"record was not taken: {refused}")

    def unsettled(self, topic: str = TOPIC) -> int:
        """Counts the records that the mapping of a topic has not committed yet."""
        reader = Consumer(consumer(self.servers, topic))
        try:
            partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
            ends = {one.partition: reader.get_watermark_offsets(one, timeout=SECONDS)[1] for one in partitions}
            done = {one.partition: max(one.offset, 0) for one in reader.committed(partitions, timeout=SECONDS)}
            return sum(end - done.get(partition, 0) for partition, end in ends.items())
        finally:
            reader.close()

    def dead(self) -> list[Record]:
        """Reads the dead letter topic from its beginning."""
        settings = {**consumer(self.servers, DEAD), "group.id": "account", "enable.partition.eof": False}
        reader = Consumer(settings)
        try:
            partitions = [TopicPartition(DEAD, number, 0) for number in range(PARTITIONS)]
            left = sum(reader.get_watermark_offsets(one, timeout=SECONDS)[1] for one in partitions)
            reader.assign(partitions)
            found: list[Record] = []
            while len(found) < left:
                messages = reader.consume(left - len(found), timeout=SECONDS)
                if not messages or any(message.error() for message in messages):
                    raise broker.BrokerError(f"{DEAD} could not be read: {len(found)} of {left} records")
                found += [record(message) for message in messages]
            return found
        finally:
            reader.close()

    def _poller(self, topic: str) -> Daemon:
        return Daemon(f"poller-{topic}", self._settings.folder)

    def _make_tables(self) -> None:
        for name, key in ((LEDGER, "pk"), (ORDERS, "order_id")):
            self.tables.create_table(
                TableName=name,
                KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
            )

    def _make_topics(self) -> None:
        admin = AdminClient(quiet(self.servers))
        for future in admin.create_topics([NewTopic(name, PARTITIONS, 1) for name in (TOPIC, DEAD)]).values():
            future.result(SECONDS)


def _variables(servers: str, reading: Reading, order: str) -> dict[str, str]:
    return {
        "KAFKA_TOPICS": TOPIC,
        "KAFKA_CLUSTER": "stage",
        "KAFKA_BOOTSTRAP_SERVERS": servers,
        "KAFKA_DEAD_LETTER_TOPIC": DEAD,
        "KAFKA_SECURITY": "none",
        "KAFKA_ORDER": order,
        "KAFKA_ANSWER": reading.answer,
        "LEDGER_TABLE_NAME": LEDGER,
        "LEDGER_SCOPE": SCOPE,
        "IDEMPOTENCY_KEY_POINTER": "/order_id",
        "ORDERS_TABLE_NAME": ORDERS,
        "SUPPORTED_CURRENCIES": ",".join(KNOWN_CURRENCIES),
        "RETRY_SCHEDULE": "1s,1s,2s,2s,4s,4s",
        "HANDLER_TIMEOUT_SECONDS": "2",
        "FUNCTION_TIMEOUT_SECONDS": str(FUNCTION_SECONDS),
    }


def exists() -> bool:
    """Returns true if functions and command were compiled."""
    return all(one.exists() for one in (PROGRAM, program("kafka-indexer"), program("kafka-replay"), COMMAND))
