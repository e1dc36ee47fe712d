"""Processes that outlive the command that started them, each in a session of its own (Linux).

A session is what makes the end certain: MiniStack's functions are children of MiniStack, and stay in its
session when it is gone.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

GRACE_SECONDS = 5.0
LISTENING = "0A"  # in /proc/net/tcp


class StillRunningError(RuntimeError):
    """A process survived its end."""


@dataclass(frozen=True)
class Daemon:
    """A detached process known by its pid file and its log."""

    name: str
    folder: Path

    @property
    def log(self) -> Path:
        """Returns the file with all that the process has printed since its start."""
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
        """Returns true if the process that was started still runs, and not another one with its number."""
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

    def kill(self) -> None:
        """Kills the process alone, as a crash would, and waits for its end."""
        if (known := self._known()) is not None and _started(known[0]) == known[1]:
            _signal([known[0]], signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(known[0], 0)

    def listens(self) -> list[str]:
        """The addresses on which the process and everything in its session take connections."""
        known = self._known()
        sockets = {target for pid in _session(known[0]) for target in _sockets(pid)} if known else set()
        return sorted(address for inode, address in _listening() if inode in sockets)

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


def _sockets(pid: int) -> set[str]:
    """The inodes of the process's sockets."""
    found = set()
    with contextlib.suppress(OSError):
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                target = str(entry.readlink())
                if target.startswith("socket:["):
                    found.add(target[len("socket:[") : -1])
    return found


def _listening() -> Iterator[tuple[str, str]]:
    """Every listening TCP socket: its inode and its address."""
    for table, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTENING:
                host, _, port = fields[1].partition(":")
                # Words of four bytes in the machine's order.
                words = [int(host[at : at + 8], 16).to_bytes(4, sys.byteorder) for at in range(0, len(host), 8)]
                yield fields[9], f"{socket.inet_ntop(family, b''.join(words))}:{int(port, 16)}"


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
