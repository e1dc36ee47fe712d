"""Runs one function under `cargo lambda watch`, and, if a queue is named, a bridge that feeds it the queue's messages.

The bridge stands where Lambda's event source mapping stands: it receives, makes the event, invokes, and deletes what did not fail.
It works on one batch at a time. Meanwhile the queue's own mappings are off; they are on again when it ends, also after Ctrl-C. One
that was killed leaves a note in the stage's folder, and the next one, or `make stage`, puts things right.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.dev.sqs_event import BadAnswerError, event, failures
from infra.stack import deployment, mappings, stage
from infra.stack.settings import FUNCTIONS, ROOT, Settings

SHORT_POLL_SECONDS = 2
MAPPING_BATCH = 10
END_SECONDS = 10.0


class WatchError(RuntimeError):
    """Function that cannot be watched, or queue that cannot feed it."""


@dataclass(frozen=True)
class Queue:
    """A queue of the stage, as its consumer must know it."""

    url: str
    arn: str
    visibility_seconds: int
    redrive: Mapping[str, Any]
    dead_url: str | None

    def variables(self, deployed: Mapping[str, str]) -> dict[str, str]:
        """Returns what differs from the deployed function's environment if this is not the queue that it was deployed for."""
        if deployed.get("MAIN_QUEUE_ARN") == self.arn:
            return {}
        own = {
            "MAIN_QUEUE_URL": self.url,
            "MAIN_QUEUE_ARN": self.arn,
            "QUEUE_VISIBILITY_TIMEOUT_SECONDS": str(self.visibility_seconds),
        }
        if "maxReceiveCount" in self.redrive:
            own["MAX_RECEIVE_COUNT"] = str(self.redrive["maxReceiveCount"])
        if self.dead_url and "DEAD_LETTER_QUEUE_URL" in deployed:
            own["DEAD_LETTER_QUEUE_URL"] = self.dead_url
        return own


def find(sqs: Any, name: str, outputs: Mapping[str, str]) -> Queue:
    """The queue of this name or URL; `main` is the stage's own."""
    try:
        url = outputs["MainQueueUrl"] if name == "main" else name
        if "://" not in url:
            url = sqs.get_queue_url(QueueName=url)["QueueUrl"]
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        redrive = json.loads(attributes.get("RedrivePolicy") or "{}")
        dead = redrive.get("deadLetterTargetArn")
        dead_url = sqs.get_queue_url(QueueName=dead.rsplit(":", 1)[1])["QueueUrl"] if dead else None
    except ClientError as error:
        raise WatchError(f"no queue {name!r} on the stage (a name, a URL, or main): {error}") from error
    return Queue(url, attributes["QueueArn"], int(attributes["VisibilityTimeout"]), redrive, dead_url)


@dataclass(frozen=True)
class Target:
    """The watched function's own Lambda API, on loopback."""

    function: str
    port: int

    def listens(self) -> bool:
        """Returns true if cargo-lambda listens; it compiles on the first invocation."""
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def invoke(self, payload: Mapping[str, Any], limit_seconds: float) -> bytes:
        """Invokes the function and returns its answer; an error of the function is an error here."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=limit_seconds)
        try:
            body = json.dumps(payload).encode()
            connection.request("POST", f"/2015-03-31/functions/{self.function}/invocations", body)
            answer = connection.getresponse()
            text = answer.read()
            if answer.status != 200 or answer.getheader("x-amz-function-error"):
                raise BadAnswerError(f"the function failed ({answer.status}): {text.decode(errors='replace')[:500]}")
            return text
        except (OSError, HTTPException) as error:
            raise BadAnswerError(f"no answer from the watched function: {error}") from error
        finally:
            connection.close()


class Bridge:
    """The event source mapping's part."""

    def __init__(self, sqs: Any, queue: Queue, target: Target) -> None:
        self._sqs = sqs
        self._queue = queue
        self._target = target

    def step(self, batch_size: int) -> int:
        """Receives once, and works on what came; returns how many messages that were."""
        messages = self._sqs.receive_message(
            QueueUrl=self._queue.url,
            MaxNumberOfMessages=min(batch_size, MAPPING_BATCH),
            WaitTimeSeconds=SHORT_POLL_SECONDS,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        ).get("Messages", [])
        if messages:
            self._work(messages)
        return len(messages)

    def _work(self, messages: Sequence[Mapping[str, Any]]) -> None:
        ids = [message["MessageId"] for message in messages]
        started = time.monotonic()
        try:
            # A rebuild may take longer than the function's own timeout; after the visibility timeout nothing is ours any more.
            answer = self._target.invoke(event(messages, self._queue.arn), self._queue.visibility_seconds)
            failed = failures(answer, ids)
        except BadAnswerError as error:
            say(f"batch of {len(ids)} failed, nothing deleted: {error}")
            return
        done = [message for message in messages if message["MessageId"] not in failed]
        kept = self._delete(done)
        took = (time.monotonic() - started) * 1000
        say(f"batch of {len(ids)} in {took:.0f} ms: {len(done) - kept} deleted, {len(failed)} left to come again")

    def _delete(self, messages: Sequence[Mapping[str, Any]]) -> int:
        """Deletes them; returns how many SQS would not delete."""
        if not messages:
            return 0
        entries = [{"Id": str(n), "ReceiptHandle": one["ReceiptHandle"]} for n, one in enumerate(messages)]
        refused = self._sqs.delete_message_batch(QueueUrl=self._queue.url, Entries=entries).get("Failed", [])
        for entry in refused:
            say(f"not deleted: {messages[int(entry['Id'])]['MessageId']}: {entry.get('Message', entry['Code'])}")
        return len(refused)


@contextmanager
def watched(function: str, port: int, variables: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`cargo lambda watch` for as long as the context lasts. Ctrl-C reaches it by itself: it is in our process group."""
    command = ["cargo", "lambda", "watch", "-A", "127.0.0.1", "-P", str(port)]
    process = subprocess.Popen([*command, "--env-file", str(variables), "-p", function], cwd=ROOT)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def feed(process: subprocess.Popen[bytes], target: Target, bridge: Bridge, batch_size: int) -> None:
    """Receives until the watch ends. The first invocation, of an empty batch, waits for the compiler, so that no message does."""
    while not target.listens():
        _ended(process)
        time.sleep(0.1)
    while not _compiled(target):
        _ended(process)
        time.sleep(1.0)
    say("the function is ready; receiving")
    while True:
        _ended(process)
        try:
            bridge.step(batch_size)
        except (BotoCoreError, ClientError) as error:
            say(f"no receive this time: {error}")
            time.sleep(1.0)


def _compiled(target: Target) -> bool:
    try:
        target.invoke({"Records": []}, limit_seconds=3600)
    except BadAnswerError as error:
        say(f"not ready: {error}")
        return False
    return True


def _ended(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        raise WatchError(f"cargo lambda watch ended ({process.returncode})")


def say(line: str) -> None:
    """Prints a line between those of the watch."""
    sys.stdout.write(f"bridge: {line}\n")
    sys.stdout.flush()


def run(settings: Settings, function: str, port: int, queue_name: str | None) -> None:
    """Watches, and feeds if there is a queue, until it is interrupted."""
    outputs = deployment.read_outputs(settings)
    if outputs is None or not stage.is_up(settings):
        raise WatchError(f"no stage is up in {settings.folder}: make stage")
    variables = settings.folder / f"{function}.env"
    if queue_name is None:
        with watched(function, port, variables) as process:
            process.wait()
        return
    sqs = deployment.client("sqs", settings, outputs["endpoint"])
    lambdas = deployment.client("lambda", settings, outputs["endpoint"])
    queue = find(sqs, queue_name, outputs)
    deployed = dict(line.split("=", 1) for line in variables.read_text().splitlines())
    own = settings.folder / f"{function}.watch.env"
    deployment.write_environment(own, {**deployed, **queue.variables(deployed)})
    target = Target(function, port)
    if target.listens():
        raise WatchError(f"port {port} is taken; choose another with WATCH_PORT")
    with mappings.off(lambdas, queue.arn, settings.folder, say) as batch_size, watched(function, port, own) as process:
        feed(process, target, Bridge(sqs, queue, target), batch_size or MAPPING_BATCH)


def main() -> int:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("function", choices=FUNCTIONS)
    parser.add_argument("--port", type=int, default=int(os.environ.get("WATCH_PORT") or 9000))
    parser.add_argument("--queue", help="a name, a URL, or main")
    arguments = parser.parse_args()
    stage.end_on_signal()
    settings = Settings.read()
    settings.isolate()
    try:
        run(settings, arguments.function, arguments.port, arguments.queue or None)
    except SystemExit as end:
        return 0 if end.code == 128 + signal.SIGINT else int(end.code or 0)  # Ctrl-C is how a watch ends
    except (WatchError, mappings.MappingError) as error:
        sys.stderr.write(f"watch: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
