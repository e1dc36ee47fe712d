"""Peers of loopback connections (Linux): the function at the other end is found by its socket in /proc.

MiniStack gives all functions one set of credentials, so a request does not say whose it is; the process's environment does.
"""

from __future__ import annotations

import os
from pathlib import Path

NAME = b"AWS_LAMBDA_FUNCTION_NAME="
UNKNOWN_CALLER = "nobody known"
ENDED = "ended meanwhile"


class Peers:
    """Remembers the processes that it has met, and asks them first."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._met: dict[int, str] = {}

    def function(self, port: int) -> str:
        """The function that has connected from this port; or an unknown caller, or one that was killed after it had asked."""
        inode = self._inode(port)
        link = f"socket:[{inode}]"
        for pid in [*self._met, *_processes()] if inode else []:
            if _holds(pid, link):
                self._met[pid] = _name(pid) or UNKNOWN_CALLER
                return self._met[pid]
            self._met.pop(pid, None)
        return UNKNOWN_CALLER if inode and self._inode(port) == inode else ENDED

    def _inode(self, port: int) -> str | None:
        """The socket from that port to ours; none once nobody holds it."""
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[1] == f"0100007F:{port:04X}" and fields[2] == f"0100007F:{self._port:04X}":
                return fields[9] if fields[9] != "0" else None
        return None


def _processes() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _holds(pid: int, link: str) -> bool:
    try:
        with os.scandir(f"/proc/{pid}/fd") as entries:
            return any(_target(entry.path) == link for entry in entries)
    except OSError:
        return False


def _target(path: str) -> str:
    try:
        return str(Path(path).readlink())
    except OSError:
        return ""


def _name(pid: int) -> str | None:
    try:
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return None
    return next((one.removeprefix(NAME).decode() for one in variables if one.startswith(NAME)), None)
