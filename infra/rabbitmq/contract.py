"""Contract of broker and poller, tried on a real broker: `make test-rabbitmq-broker` runs it. The function here counts, and no more."""

from __future__ import annotations

import json
import tempfile
import threading
import unittest
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from unittest.mock import patch

import pika

from infra.brokers.source import SourceError
from infra.rabbitmq.broker import Broker
from infra.rabbitmq.poller import parameters
from infra.rabbitmq.queues import DEAD, HEADERS, QUEUE, Queues
from infra.rabbitmq.release import chosen
from infra.rabbitmq.settling import Reading
from infra.stack.processes import Daemon
from infra.stack.settings import MODULES

PATIENCE = 15.0
MESSAGES = 250
BATCH = 100
# More than RabbitMQ 4 makes by itself.
DELIVERIES = 50


class Counting:
    """Function that fails for its first invocations, and counts what it is given."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.batches: list[list[dict[str, Any]]] = []
        self.changed = threading.Condition()
        self.answers = threading.Event()
        self.answers.set()
        counting = self

        class Invoke(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with counting.changed:
                    failed = len(counting.batches) < counting.failures
                    counting.batches.append(event["rmqMessagesByQueue"][f"{QUEUE}::/"])
                    counting.changed.notify_all()
                counting.answers.wait(PATIENCE)
                # The poller may have been ended meanwhile.
                with suppress(OSError):
                    self.send_response(200)
                    if failed:
                        self.send_header("X-Amz-Function-Error", "Unhandled")
                    self.send_header("Content-Length", "2")
                    self.end_headers()
                    self.wfile.write(b"{}")

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the name of the base class)
                """Logs nothing of a request."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Invoke)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def deliveries(self) -> Counter[str]:
        """Number of deliveries by body."""
        return Counter(one["data"] for batch in self.batches for one in batch)

    def wait(self, deliveries: int) -> bool:
        """Waits until it was given so many messages, or more."""
        with self.changed:
            return self.changed.wait_for(lambda: self.deliveries.total() >= deliveries, PATIENCE)

    def end(self) -> None:
        """Ends the server of its invocations."""
        self.answers.set()
        self.server.shutdown()
        self.server.server_close()


class Ends(unittest.TestCase):
    def test_broker_and_registry_listen_on_loopback_alone_and_leave_nothing(self) -> None:
        with self._broker() as (made, daemons):
            made.start()
            heard = [address for one in daemons for address in one.listens()]
            self.assertGreaterEqual(len(heard), 3)
            self.assertIn(f"RabbitMQ {chosen().number}.", daemons[0].tail(1000))
            self.assertEqual([one for one in heard if not one.startswith(("127.0.0.1:", "::1:"))], [])
            self.assertEqual((made.stop(), made.stop()), (3, 0))
            self.assertEqual([one.alive() for one in daemons], [False, False])

    def test_a_start_that_fails_leaves_no_process(self) -> None:
        with self._broker() as (made, daemons), patch("infra.rabbitmq.broker.CONFIGURATION", "there.is.no.such = setting\n"):
            with self.assertRaises(SourceError):
                made.start()
            self.assertEqual([one.alive() for one in daemons], [False, False])

    @contextmanager
    def _broker(self) -> Iterator[tuple[Broker, list[Daemon]]]:
        with tempfile.TemporaryDirectory(prefix="rabbitmq-") as name:
            made = Broker(Path(name))
            try:
                yield made, [Daemon(one, Path(name)) for one in ("rabbitmq", "epmd")]
            finally:
                made.stop()


class Mappings(unittest.TestCase):
    """Mappings of one broker; each begins with empty queues."""

    folder: ClassVar[Path]
    queues: ClassVar[Queues]

    @classmethod
    def setUpClass(cls) -> None:
        """Starts the broker for all of them."""
        cls.folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="rabbitmq-")))
        cls.queues = Queues(cls.folder, Reading.NACK, "hash")
        cls.addClassCleanup(cls.queues.stop)
        cls.queues.start()

    def test_a_failed_batch_comes_again_whole_and_a_settled_one_does_not(self) -> None:
        for reading in Reading:
            with self.subTest(reading), self._polled(reading=reading, failures=1) as function:
                self.assertTrue(function.wait(MESSAGES + BATCH))
                self.assertTrue(any(self.queues.unsettled(QUEUE) == 0 for _ in range(10)))
                self.assertEqual((len(function.deliveries), function.deliveries.total()), (MESSAGES, MESSAGES + BATCH))
                again = {one["data"] for batch in function.batches for one in batch if one["redelivered"]}
                self.assertEqual(again, {one["data"] for one in function.batches[0]})

    def test_a_batch_whose_acknowledgement_is_lost_comes_once_more(self) -> None:
        with self._polled(lost=1.0) as function:
            self.assertTrue(function.wait(MESSAGES + BATCH))
            function.answers.clear()
            self.assertTrue(function.wait(function.deliveries.total() + 1))
            # What the function has under way is counted, too.
            self.assertEqual(self.queues.unsettled(QUEUE), MESSAGES)

    def test_an_event_has_what_was_sent(self) -> None:
        with self._polled() as function:
            self.assertTrue(function.wait(MESSAGES))
            given = function.batches[0][0]["basicProperties"]
            self.assertLessEqual(set(HEADERS), set(given["headers"]))
            self.assertEqual((given["headers"]["lines"], given["headers"]["express"]), (7, True))
            self.assertEqual(given["headers"]["customer"]["tier"], {"bytes": list(b"gold")})
            self.assertEqual((given["priority"], given["deliveryMode"]), (None, 2))
            self.assertEqual({one["basicProperties"]["messageId"] for batch in function.batches for one in batch}, {None, "m-o-1"})

    def test_a_dead_message_is_judged_by_what_stands_beside_its_body_and_a_look_takes_none(self) -> None:
        sent: dict[str, Any] = {"content_type": "application/json", "message_id": "m-o-1", "headers": {**HEADERS, "order": "o-1"}}
        changes: dict[str, Any] = {"content_type": "text/plain", "message_id": None, "headers": {**HEADERS, "order": "o-1", "lines": 8}}
        lacking: dict[str, Any] = {"headers": {"order": "o-1"}}
        with self._channel() as channel:
            channel.queue_purge(DEAD)
            for number, one in enumerate([{}, *({name: value} for name, value in changes.items()), lacking]):
                channel.basic_publish("", DEAD, f"{number}".encode(), pika.BasicProperties(**{**sent, **one}))
        looks = [sorted((one.body, one.kept) for one in self.queues.dead()) for _ in range(2)]
        judged = [(b"0", True), (b"1", False), (b"2", False), (b"3", False), (b"4", False)]
        self.assertEqual((looks, self.queues.unsettled(DEAD)), ([judged, judged], 5))

    def test_a_message_is_not_given_up_however_often_its_batch_fails(self) -> None:
        with self._channel() as channel:
            channel.queue_purge(QUEUE)
            self.queues.send("o-1", "{}")
            for _ in range(DELIVERIES):
                taken = next(channel.consume(QUEUE, inactivity_timeout=PATIENCE))
                self.assertIsNotNone(taken[0], "it is gone")
                channel.basic_nack(taken[0].delivery_tag, requeue=True)
            channel.cancel()
        self.assertEqual(self.queues.unsettled(QUEUE), 1)

    @contextmanager
    def _polled(self, reading: Reading = Reading.NACK, lost: float = 0.0, failures: int = 0) -> Iterator[Counting]:
        """Fills the queue, and has a poller read it."""
        with self._channel() as channel:
            channel.queue_purge(QUEUE)
            channel.queue_purge(DEAD)
        for number in range(MESSAGES):
            self.queues.send(f"o-{number % 2}", f"body {number}")
        function, poller = Counting(failures), Daemon("poller", self.folder)
        command = self.queues.poller(QUEUE, function.server.server_port, 1)
        try:
            poller.start([*command, "--reading", reading.value, "--lost", str(lost)], MODULES, self.folder)
            yield function
        finally:
            poller.stop()
            function.end()

    @contextmanager
    def _channel(self) -> Iterator[Any]:
        with pika.BlockingConnection(parameters(self.queues.variables()["RABBITMQ_ENDPOINT"])) as connection:
            channel = connection.channel()
            channel.confirm_delivery()
            yield channel


if __name__ == "__main__":
    unittest.main()
