"""The recorder between two real connections: every byte goes on, and the caller is known by its process. Run by `make test-stage`."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from infra.stack.peers import ENDED, UNKNOWN_CALLER, Peers
from infra.stack.recorder import Recorder

CALLER = """
import sys, http.client
connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]))
signed = "AWS4-HMAC-SHA256 Credential=123456789012/20261128/eu-central-1/dynamodb/aws4_request"
for body in ('{"TableName": "t"}', '{"TableName": "t"}', "not json"):
    connection.request("POST", "/", body, {"Authorization": signed, "X-Amz-Target": "DynamoDB_20120810.GetItem"})
    answer = connection.getresponse()
    assert answer.read().decode() == body.upper() and answer.status == 200
"""


class Upstream(BaseHTTPRequestHandler):
    """Answers with what it got, louder."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).upper()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Logs nothing about the request."""


class ARecording(unittest.TestCase):
    def test_each_kind_of_call_is_one_line_with_the_function_that_made_it_and_what_is_not_understood_is_one_too(self) -> None:
        upstream = ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
        threading.Thread(target=upstream.serve_forever, daemon=True).start()
        self.addCleanup(upstream.server_close)
        self.addCleanup(upstream.shutdown)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "calls.jsonl"
            code, said = asyncio.run(self._call(upstream.server_port, file))
            lines = [json.loads(line) for line in file.read_text().splitlines()]
        self.assertEqual(code, 0, said)
        self.assertEqual([(line["function"], line["action"]) for line in lines], [("f-1", "dynamodb:GetItem"), ("f-1", "not understood")])
        # A caller without a name is unknown, and one that is gone is not taken for one.
        self.assertEqual((self.unknown, self.gone), (UNKNOWN_CALLER, ENDED))
        self.assertEqual(lines[0]["resource"], "arn:aws:dynamodb:eu-central-1:123456789012:table/t")

    async def _call(self, upstream: int, file: Path) -> tuple[int | None, str]:
        served: list[Recorder] = []

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await served[0].serve(reader, writer)

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        served.append(Recorder(port, upstream, file))
        async with server:
            environment = {**os.environ, "AWS_LAMBDA_FUNCTION_NAME": "f-1"}
            command = (sys.executable, "-c", CALLER, str(port))
            caller = await asyncio.create_subprocess_exec(*command, env=environment, stderr=subprocess.PIPE)
            _, said = await caller.communicate()
            with socket.create_connection(("127.0.0.1", port)) as connection:
                self.unknown = Peers(port).function(connection.getsockname()[1])
                mine = connection.getsockname()[1]
            self.gone = Peers(port).function(mine)
            return caller.returncode, said.decode()


if __name__ == "__main__":
    unittest.main()
