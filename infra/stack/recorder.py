"""Stands on loopback between the functions and MiniStack, passes every byte on, and writes down which permissions were needed.

`recorder.py PORT UPSTREAM FILE`: each combination of function, action and resource is one line of the file, written before the
first such request goes on, so that nothing is missing whenever the recorder is ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from pathlib import Path

from infra.stack.calls import NotUnderstoodError, calls
from infra.stack.peers import Peers

HEAD_LIMIT = 1024 * 1024
PIECE = 64 * 1024


class Recorder:
    """Recorder of the requests to one MiniStack."""

    def __init__(self, port: int, upstream: int, file: Path) -> None:
        self._upstream = upstream
        self._file = file
        self._peers = Peers(port)
        self._seen: set[tuple[str, str, str, tuple[str, ...]]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves one connection of a client, for as long as it lasts."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            answers, onward = await asyncio.open_connection("127.0.0.1", self._upstream)
            # Asked at once: whoever has connected may be killed before it is answered.
            who = self._peers.function(writer.get_extra_info("peername")[1])
            back = asyncio.create_task(_pump(answers, writer))
            try:
                await self._pass_on(reader, onward, who)
            finally:
                onward.close()
                await back
        writer.close()

    async def _pass_on(self, reader: asyncio.StreamReader, onward: asyncio.StreamWriter, who: str) -> None:
        while not reader.at_eof():
            head = await reader.readuntil(b"\r\n\r\n")
            path, headers = _parsed(head)
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            self._note(who, path, headers, body)
            onward.write(head + body)
            await onward.drain()

    def _note(self, who: str, path: str, headers: dict[str, str], body: bytes) -> None:
        try:
            if "transfer-encoding" in headers:
                raise NotUnderstoodError(f"a request to {path} of unknown length")
            needed = [(call.action, call.resource, call.attributes) for call in calls(path, headers, body)]
        except (NotUnderstoodError, KeyError, TypeError) as error:
            needed = [("not understood", f"{type(error).__name__}: {error}", ())]
        for action, resource, attributes in needed:
            if (who, action, resource, attributes) not in self._seen:
                self._seen.add((who, action, resource, attributes))
                line = {"function": who, "action": action, "resource": resource, "attributes": attributes}
                with self._file.open("a") as file:
                    file.write(json.dumps(line) + "\n")


def _parsed(head: bytes) -> tuple[str, dict[str, str]]:
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return first.split(" ")[1], {name.strip().lower(): value.strip() for name, _, value in pairs}


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while piece := await reader.read(PIECE):
            writer.write(piece)
            await writer.drain()
    writer.close()


async def record(port: int, upstream: int, file: Path) -> None:
    """Records until it is ended."""
    file.touch()
    server = await asyncio.start_server(Recorder(port, upstream, file).serve, "127.0.0.1", port, limit=HEAD_LIMIT)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(record(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])))
