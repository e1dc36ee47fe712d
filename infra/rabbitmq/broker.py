"""RabbitMQ broker on loopback: the real one, of Debian's packages, with a folder, a cookie and ports of its own.

`python -m infra.rabbitmq.broker run COMMAND...` starts one, runs a command that finds it by REDRIVE_TEST_AMQP, and ends it.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from infra.rabbitmq.packages import ERLANG, SERVER
from infra.stack.loopback import free_port, listens
from infra.stack.processes import Daemon
from infra.stack.stage import end_on_signal

USER = PASSWORD = "guest"  # noqa: S105 (of every new broker, and good on loopback alone)
ADDRESS_VARIABLE = "REDRIVE_TEST_AMQP"
START_SECONDS = 60.0
CONFIGURATION = """\
listeners.tcp.1 = 127.0.0.1:{port}
log.console = true
log.console.level = warning
log.file = false
vm_memory_high_watermark.absolute = 512MiB
disk_free_limit.absolute = 100MB
"""
# A copy whose queue was full or gone when its delay ended is tried again after this many milliseconds; by default after 180,000.
ADVANCED = "[{rabbit, [{dead_letter_worker_publisher_confirm_timeout, 2000}]}].\n"


class BrokerError(RuntimeError):
    """Broker that is not there, did not come up, or did not take what it was given."""


def start(folder: Path) -> int:
    """Starts the broker, and returns the port of its AMQP; of a start that failed nothing is left."""
    if not is_here():
        raise BrokerError(f"there is no RabbitMQ in {SERVER}: make unpacks it there, where apt has it")
    data = folder / "rabbitmq-data"
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir(parents=True)
    port, names, distribution = free_port(), free_port(), free_port()
    (data / "rabbitmq.conf").write_text(CONFIGURATION.format(port=port))
    (data / "advanced.config").write_text(ADVANCED)
    (data / "enabled_plugins").write_text("[].\n")
    environment = _environment(data, names, distribution)
    try:
        # Erlang's registry of names, which the broker would start as a process that nobody ends.
        _epmd(folder).start([_program("bin/epmd"), "-port", str(names), "-address", "127.0.0.1"], environment, cwd=data)
        _wait(_epmd(folder), lambda: listens(names))
        scripts = next((SERVER.resolve() / "usr/lib/rabbitmq/lib").glob("rabbitmq_server-*/sbin"))
        _broker(folder).start([str(scripts / "rabbitmq-server")], environment, cwd=data)
        _wait(_broker(folder), lambda: listens(port))
    except BaseException:
        stop(folder)
        raise
    return port


def stop(folder: Path) -> int:
    """Ends the broker of this folder, running or not; returns the number of its processes."""
    return _broker(folder).stop() + _epmd(folder).stop()


def is_here() -> bool:
    """Returns true if the packages were unpacked."""
    return SERVER.is_dir()


def address(port: int) -> str:
    """Returns the address of a broker, with its user."""
    return f"amqp://{USER}:{PASSWORD}@127.0.0.1:{port}"


def listening(folder: Path) -> list[str]:
    """Returns the addresses on which the broker and its registry take connections."""
    return sorted([*_broker(folder).listens(), *_epmd(folder).listens()])


def _broker(folder: Path) -> Daemon:
    return Daemon("rabbitmq", folder)


def _epmd(folder: Path) -> Daemon:
    return Daemon("epmd", folder)


def _program(name: str) -> str:
    return str(SERVER.resolve() / ERLANG / name)


def _environment(data: Path, names: int, distribution: int) -> dict[str, str]:
    """Nothing of the user's own: the folder is its home, where the cookie is, too."""
    return {
        "PATH": f"{_program('bin')}:{os.environ.get('PATH', os.defpath)}",
        "HOME": str(data),
        "LANG": "C.UTF-8",
        "ERL_ROOTDIR": str(SERVER.resolve() / ERLANG),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "ERL_EPMD_PORT": str(names),
        "RABBITMQ_NODENAME": "redrive@localhost",
        "RABBITMQ_DIST_PORT": str(distribution),
        "RABBITMQ_CONFIG_FILE": str(data / "rabbitmq.conf"),
        "RABBITMQ_ADVANCED_CONFIG_FILE": str(data / "advanced.config"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(data / "enabled_plugins"),
        "RABBITMQ_MNESIA_BASE": str(data / "mnesia"),
        "RABBITMQ_LOG_BASE": str(data / "log"),
        "RABBITMQ_CONF_ENV_FILE": os.devnull,
        "RABBITMQ_PID_FILE": str(data / "pid"),
        # Two schedulers that sleep when there is nothing to do: others work here, too.
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-start_epmd false -kernel inet_dist_use_interface {127,0,0,1} +S 2:2 +sbwt none",
    }


def _wait(process: Daemon, ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.alive():
        if ready():
            return
        time.sleep(0.1)
    raise BrokerError(f"{process.name} did not come up:\n{process.tail()}")


def run(command: Sequence[str]) -> int:
    """Runs a command beside a broker of its own, and returns the command's exit code."""
    with tempfile.TemporaryDirectory(prefix="rabbitmq-") as name:
        folder = Path(name)
        try:
            environment = {**os.environ, ADDRESS_VARIABLE: address(start(folder))}
            return subprocess.run(command, env=environment, check=False).returncode
        finally:
            stop(folder)


def main() -> int:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    action = actions.add_parser("run", help="runs a command beside a broker of its own")
    action.add_argument("command", nargs=argparse.REMAINDER)
    given = parser.parse_args()
    end_on_signal()
    if not given.command:
        parser.error("run wants a command")
    try:
        return run(given.command)
    except BrokerError as error:
        print(f"rabbitmq: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
