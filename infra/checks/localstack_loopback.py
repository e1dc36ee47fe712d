"""LocalStack's runtime, listening where GATEWAY_LISTEN says: its own server takes the port of that setting and every interface.

Run by the Python that has localstack-core; see localstack_sqs.py, which also looks at where it listens.
"""

from __future__ import annotations

from typing import Any

from twisted.internet import endpoints


class _OnLoopback(endpoints.TCP4ServerEndpoint):  # type: ignore[misc]
    def __init__(self, reactor: Any, port: int, backlog: int = 50) -> None:
        super().__init__(reactor, port, backlog, interface="127.0.0.1")


if __name__ == "__main__":
    endpoints.TCP4ServerEndpoint = _OnLoopback
    from localstack.runtime.main import main

    main()
