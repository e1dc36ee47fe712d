"""Function as Lambda runs it: processes behind the runtime interface, a new one when all are busy or one has died.

The emulator of the stage runs functions, too, and feeds them nothing of a broker. Here a process can be killed in the midst of its work.
"""

from __future__ import annotations

import contextlib
import json
import queue
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

LOOK_SECONDS = 0.1


@dataclass
class Invocation:
    """An event on its way to a process, and the answer on its way back."""

    event: bytes
    deadline: float
    """Seconds since the epoch."""
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    answer: queue.Queue[tuple[str, Any]] = field(default_factory=queue.Queue)
    """`response` or `error`, and what was said."""


class Environment:
    """Execution environment: one process and its runtime interface."""

    def __init__(self, program: Path, variables: Mapping[str, str], log: Path) -> None:
        self._waiting: queue.Queue[Invocation] = queue.Queue()
        self._running: dict[str, Invocation] = {}
        self._server = _Server(("127.0.0.1", 0), _interface(self, program.name))
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        own = {
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._server.server_port}",
            "AWS_LAMBDA_FUNCTION_NAME": program.name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
            "AWS_LAMBDA_LOG_STREAM_NAME": log.stem,
        }
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [str(program)], env={**variables, **own}, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )

    def invoke(self, event: bytes, seconds: float) -> tuple[str, Any]:
        """Gives the process an event, and returns its answer; a process that dies or is late has failed."""
        invocation = Invocation(event, time.time() + seconds)
        self._waiting.put(invocation)
        while time.time() < invocation.deadline:
            with contextlib.suppress(queue.Empty):
                return invocation.answer.get(timeout=LOOK_SECONDS)
            if self.process.poll() is not None:
                return "error", {"errorType": "Runtime.ExitError"}
        self.end()
        return "error", {"errorType": "Sandbox.Timedout"}

    def next(self) -> Invocation | None:
        """Waits for an event for the process."""
        while self.process.poll() is None:
            with contextlib.suppress(queue.Empty):
                invocation = self._waiting.get(timeout=LOOK_SECONDS)
                self._running[invocation.request_id] = invocation
                return invocation
        return None

    def answered(self, request_id: str, kind: str, said: Any) -> None:
        """Takes the answer of the process."""
        if (invocation := self._running.pop(request_id, None)) is not None:
            invocation.answer.put((kind, said))

    def end(self) -> None:
        """Ends the process and its runtime interface."""
        self.process.kill()
        self.process.wait()
        threading.Thread(target=self._server.shutdown, daemon=True).start()


class Function:
    """Pool of environments, one invocation in each at a time."""

    def __init__(self, program: Path, variables: Mapping[str, str], folder: Path, timeout_seconds: float) -> None:
        self._program, self._variables, self._folder = program, variables, folder
        self._timeout = timeout_seconds
        self._idle: list[Environment] = []
        self._all: list[Environment] = []
        self._lock = threading.Lock()

    def invoke(self, event: bytes) -> tuple[str, Any]:
        """Invokes the function, and returns `response` or `error` with what was said."""
        with self._lock:
            idle = [one for one in self._idle if one.process.poll() is None]
            environment = idle.pop() if idle else self._start()
            self._idle = idle
            if environment not in self._all:
                self._all.append(environment)
        answer = environment.invoke(event, self._timeout)
        with self._lock:
            if environment.process.poll() is None:
                self._idle.append(environment)
        return answer

    def _start(self) -> Environment:
        return Environment(self._program, self._variables, self._folder / f"function-{len(self._all)}.log")

    def configure(self, variables: Mapping[str, str]) -> None:
        """Gives the function other variables: what runs with the former ones is ended, and its batch comes again."""
        with self._lock:
            self._variables = dict(variables)
            for environment in self._all:
                environment.process.kill()

    def kill_one(self) -> bool:
        """Kills the process that was started last; returns false if none runs."""
        with self._lock:
            running = [one for one in self._all if one.process.poll() is None]
            if running:
                running[-1].process.kill()
            return bool(running)

    def log(self) -> str:
        """Returns what the process that was started last has printed."""
        newest = self._folder / f"function-{len(self._all) - 1}.log"
        return newest.read_text(errors="replace") if newest.exists() else ""

    @property
    def started(self) -> int:
        """Number of processes so far."""
        return len(self._all)

    def end(self) -> None:
        """Ends the processes of all environments."""
        for environment in self._all:
            environment.end()


def serve(function: Function) -> ThreadingHTTPServer:
    """Serves Lambda's call Invoke for a poller, on a free port."""

    class Invoke(_Quiet):
        def do_POST(self) -> None:
            kind, said = function.invoke(self.body())
            self.say(200, json.dumps(said).encode(), {} if kind == "response" else {"X-Amz-Function-Error": "Unhandled"})

    server = _Server(("127.0.0.1", 0), Invoke)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class _Server(ThreadingHTTPServer):
    """Server whose clients are killed on purpose."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Reports what goes wrong here, and not that a client is gone."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Quiet(BaseHTTPRequestHandler):
    """HTTP as both interfaces speak it, without a line a request."""

    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the name of the base class)
        """Logs nothing of a request."""

    def body(self) -> bytes:
        """Reads the body, chunked or not."""
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def say(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        """Answers the request; whoever asked may be dead by now."""
        with contextlib.suppress(OSError):
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)


def _interface(environment: Environment, name: str) -> type[BaseHTTPRequestHandler]:
    """The runtime interface of an environment, version 2018-06-01."""

    class Interface(_Quiet):
        def do_GET(self) -> None:
            if (invocation := environment.next()) is None:
                return
            self.say(
                200,
                invocation.event,
                {
                    "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
                    "Lambda-Runtime-Deadline-Ms": str(int(invocation.deadline * 1000)),
                    "Lambda-Runtime-Invoked-Function-Arn": f"arn:aws:lambda:us-east-1:000000000000:function:{name}",
                    "Content-Type": "application/json",
                },
            )

        def do_POST(self) -> None:
            *_, request_id, kind = self.path.split("/")
            body = self.body()
            environment.answered(request_id, kind, json.loads(body or b"null"))
            self.say(202, b"", {})

    return Interface
