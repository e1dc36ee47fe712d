"""Processes that outlive the command that started them, each in a session of its own (Linux).

A session is what makes the end certain: MiniStack's functions are children of MiniStack, and stay in its
session when it is gone.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

GRACE_SECONDS = 5.0


class StillRunningError(RuntimeError):
    """A process survived its end."""


@dataclass(frozen=True)
class Daemon:
    """A detached process known by its pid file and its log."""

    name: str
    folder: Path

    @property
    def log(self) -> Path:
        """Everything the process has printed since its start."""
        return self.folder / f"{self.name}.log"

    @property
    def _pid_file(self) -> Path:
        return self.folder / f"{self.name}.pid"

    def start(self, command: Sequence[str], environment: Mapping[str, str], cwd: Path) -> None:
        """Starts the command as the leader of a new session."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as log:
            process = subprocess.Popen(
                command,
                env=dict(environment),
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._pid_file.write_text(json.dumps({"pid": process.pid, "started": _started(process.pid)}))

    def alive(self) -> bool:
        """Whether the process that was started is still there, and not another one with its number."""
        known = self._known()
        return known is not None and known[1] is not None and _started(known[0]) == known[1]

    def stop(self) -> int:
        """Ends the process and everything in its session; returns how many there were."""
        known = self._known()
        if known is None:
            return 0
        pid, started = known
        reused = _started(pid) not in (started, None)
        members = [] if reused else _session(pid)
        _signal(members, signal.SIGTERM)
        if not _gone(pid, members):
            _signal(_session(pid), signal.SIGKILL)
            if not _gone(pid, members):
                raise StillRunningError(f"{self.name}: processes {_session(pid)} would not end")
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
        self._pid_file.unlink(missing_ok=True)
        return len(members)

    def tail(self, lines: int = 20) -> str:
        """The end of the log, for an error message."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _known(self) -> tuple[int, int | None] | None:
        try:
            entry = json.loads(self._pid_file.read_text())
        except (FileNotFoundError, ValueError):
            return None
        return entry["pid"], entry["started"]


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat after the command's name; none for a process that is gone or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in ("Z", "X") else fields


def _started(pid: int) -> int | None:
    """The process's start in clock ticks since boot: with its number it is unmistakable."""
    fields = _stat(pid)
    return int(fields[19]) if fields else None


def _session(leader: int) -> list[int]:
    """Every process of the session; the kernel gives its number to no one else while one is left."""
    pids = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return [pid for pid in pids if (fields := _stat(pid)) and int(fields[3]) == leader]


def _signal(pids: Sequence[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def _gone(leader: int, members: Sequence[int]) -> bool:
    """Waits for the session to be empty."""
    if not members:
        return True
    deadline = time.monotonic() + GRACE_SECONDS
    while time.monotonic() < deadline:
        if not _session(leader):
            return True
        time.sleep(0.05)
    return False
