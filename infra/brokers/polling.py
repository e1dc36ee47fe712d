"""Common ground of the pollers that stand for Lambda's: how long they gather and rest, how bytes look, and the call Invoke."""

from __future__ import annotations

import http.client
import json
from typing import Any

WINDOW_SECONDS = 0.5
PAYLOAD_BYTES = 5_500_000
INVOKE_SECONDS = 900.0


class Invocations:
    """A function's invocations by a poller, one at a time."""

    def __init__(self, port: int, function: str) -> None:
        self._port, self._path = port, f"/2015-03-31/functions/{function}/invocations"

    def __call__(self, event: dict[str, Any]) -> Any:
        """Returns the function's answer, `None` for a failure."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=INVOKE_SECONDS)
        try:
            connection.request("POST", self._path, json.dumps(event))
            answer = connection.getresponse()
            said = answer.read()
            failed = answer.status != 200 or answer.getheader("X-Amz-Function-Error")
            return None if failed else (json.loads(said or b"null") or {})
        except (OSError, http.client.HTTPException, ValueError) as error:
            print(f"invocation failed: {error}", flush=True)
            return None
        finally:
            connection.close()


def rest(tries: int) -> float:
    """Returns the seconds to wait after so many failures in a row: how long Lambda waits nobody says."""
    return min(0.05 * float(1 << min(tries, 10)), 2.0)


def signed(value: bytes) -> list[int]:
    """Returns the bytes as Java has them, from -128 to 127."""
    return [byte - 256 if byte > 127 else byte for byte in value]
