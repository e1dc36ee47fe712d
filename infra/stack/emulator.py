"""MiniStack: the AWS that the stage runs on, bound to loopback."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from infra.stack.loopback import free_port, healthy, listens
from infra.stack.processes import Daemon
from infra.stack.settings import MINISTACK, MODULES, Settings

START_SECONDS = 30.0
HEALTH = "/_ministack/health"


class EmulatorError(RuntimeError):
    """The emulator did not come up."""


def daemon(settings: Settings) -> Daemon:
    """The emulator of this stage, running or not."""
    return Daemon("ministack", settings.folder)


def recorder(settings: Settings) -> Daemon:
    """The recorder of what the functions ask, running or not."""
    return Daemon("recorder", settings.folder)


def running_endpoint(settings: Settings) -> str | None:
    """Returns the endpoint of this stage's emulator, if it answers."""
    endpoint_file = settings.folder / "endpoint"
    if not (daemon(settings).alive() and endpoint_file.exists()):
        return None
    endpoint = endpoint_file.read_text()
    return endpoint if healthy(endpoint, HEALTH) else None


def start(settings: Settings) -> str:
    """Starts MiniStack and waits until it is healthy; returns its endpoint."""
    port = _port(settings.port)
    endpoint = f"http://127.0.0.1:{port}"
    scratch = settings.folder / "tmp"  # unpacked functions; MiniStack leaves them behind when it is killed
    scratch.mkdir(parents=True, exist_ok=True)
    process = daemon(settings)
    seen_by_functions = _record(settings, port) if settings.recorded else endpoint
    process.start([str(MINISTACK)], _environment(settings, seen_by_functions, port, scratch), cwd=settings.folder)
    (settings.folder / "endpoint").write_text(endpoint)
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.alive():
        if healthy(endpoint, HEALTH):
            return endpoint
        time.sleep(0.1)
    log = process.tail()
    end(settings)
    raise EmulatorError(f"MiniStack did not become healthy on {endpoint}:\n{log}")


def end(settings: Settings) -> int:
    """Ends MiniStack, its functions, and what recorded their calls; returns how many processes there were."""
    return daemon(settings).stop() + recorder(settings).stop()


def _record(settings: Settings, port: int) -> str:
    """Starts the recorder in front of MiniStack's port, and returns where the functions are to call."""
    mine = free_port()
    settings.calls.unlink(missing_ok=True)
    process = recorder(settings)
    command = [sys.executable, "-m", "infra.stack.recorder", str(mine), str(port), str(settings.calls)]
    process.start(command, {"PATH": os.environ.get("PATH", os.defpath), **MODULES}, cwd=settings.folder)
    deadline = time.monotonic() + START_SECONDS
    while not listens(mine):
        if time.monotonic() > deadline or not process.alive():
            raise EmulatorError(f"the recorder did not start:\n{process.tail()}")
        time.sleep(0.05)
    return f"http://127.0.0.1:{mine}"


def _environment(settings: Settings, endpoint: str, port: int, scratch: Path) -> dict[str, str]:
    """Functions inherit all of this, so nothing of the user's environment goes in but the path."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(scratch),
        "TMPDIR": str(scratch),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "MINISTACK_REGION": settings.region,
        # Two servers that would listen on all interfaces.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        # Functions see an endpoint only if the server has one.
        **settings.client_environment(endpoint),
    }


def _port(wanted: int) -> int:
    try:
        return free_port(wanted)
    except OSError as error:
        raise EmulatorError(f"port {wanted} is taken; choose another with STAGE_PORT") from error
