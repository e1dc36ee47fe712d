"""Servers on 127.0.0.1: a port for one, and whether it answers."""

from __future__ import annotations

import socket
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit


def free_port(wanted: int = 0) -> int:
    """The wanted port, or any if that is 0. Raises OSError if it is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", wanted))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    """Returns true if something takes connections there."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def healthy(endpoint: str, path: str) -> bool:
    """Returns true if the server answers there with 200."""
    connection = HTTPConnection(urlsplit(endpoint).netloc, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (HTTPException, OSError):
        return False
    finally:
        connection.close()
