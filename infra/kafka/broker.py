"""Kafka broker on loopback: noida-db, a small one that keeps its records in memory. Nothing is shown here of a broker's own crash."""

from __future__ import annotations

import importlib.util
import os
import shutil
import stat
import time
from pathlib import Path

from infra.brokers.source import SourceError
from infra.stack.loopback import free_port, listens
from infra.stack.processes import Daemon

START_SECONDS = 15.0


def daemon(folder: Path) -> Daemon:
    """The broker of this folder, running or not."""
    return Daemon("kafka", folder)


def start(folder: Path) -> str:
    """Starts the broker, and returns its bootstrap servers."""
    port = free_port()
    data = folder / "kafka-data"
    # What an earlier run has left is written to a file at its end.
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir(parents=True)
    process = daemon(folder)
    command = [str(_program()), "start", "--only", "kafka", "--host", "127.0.0.1", "--kafka-port", str(port), "--data-dir", str(data)]
    process.start(command, {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(data)}, cwd=folder)
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.alive():
        if listens(port):
            return f"127.0.0.1:{port}"
        time.sleep(0.05)
    log = process.tail()
    process.stop()
    raise SourceError(f"the broker did not come up on port {port}:\n{log}")


def _program() -> Path:
    """The compiled broker in its package: the package's own script would start it as a child, whose number nobody knows."""
    found = importlib.util.find_spec("noida_db")
    if found is None or found.origin is None:
        raise SourceError("noida-db is not installed: make installs it into .venv/kafka")
    program = Path(found.origin).parent / "noida-db"
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return program
