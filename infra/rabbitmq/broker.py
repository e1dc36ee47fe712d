"""RabbitMQ broker on loopback: the real one, of Debian's packages, with a folder, a cookie and ports of its own.

`python -m infra.rabbitmq.broker run COMMAND...` starts one, runs a command that finds it by REDRIVE_TEST_AMQP, and ends it.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from infra.brokers.source import SourceError
from infra.rabbitmq.release import ERLANG, OLDEST, chosen
from infra.stack.loopback import free_port, listens
from infra.stack.processes import Daemon
from infra.stack.stage import end_on_signal

USER = PASSWORD = "guest"  # noqa: S105 (of every new broker, and good on loopback alone)
ADDRESS_VARIABLE = "REDRIVE_TEST_AMQP"
# A copy whose queue was full or gone when its delay ended is tried again after this many milliseconds; by default after 180,000.
ADVANCED = "[{rabbit, [{dead_letter_worker_publisher_confirm_timeout, 2000}]}].\n"
NODE = "redrive@localhost"
START_SECONDS = 60.0
# A quorum queue tells others what it held some seconds ago, and its own machine what it holds. One that is just being made has no
# machine yet: somebody is about to put a message there.
DEPTHS = """\
Count = fun(Queue) ->
  case amqqueue:get_type(Queue) of
    rabbit_quorum_queue ->
      case ra:consistent_query(amqqueue:get_pid(Queue), fun rabbit_fifo:query_messages_total/1) of
        {ok, Count, _} -> Count;
        _ -> 1
      end;
    _ ->
      [{messages, Count}] = rabbit_amqqueue:info(Queue, [messages]), Count
  end
end,
[{binary_to_atom(element(4, amqqueue:get_name(Queue))), Count(Queue)} || Queue <- rabbit_amqqueue:list()].
"""
# A second user, with the rights that the functions' user needs, and with no other.
PUBLISHER = """\
rabbit_auth_backend_internal:add_user(<<"publisher">>, <<"publisher">>, <<"tests">>),
rabbit_auth_backend_internal:set_permissions(
  <<"publisher">>, <<"/">>, <<"[.]delay[.]">>, <<"^amq[.]default$">>, <<"[.]delay[.]">>, <<"tests">>).
"""
CONFIGURATION = """\
listeners.tcp.1 = 127.0.0.1:{port}
log.console = true
log.console.level = warning
log.file = false
vm_memory_high_watermark.absolute = 512MiB
disk_free_limit.absolute = 100MB
"""


class Broker:
    """Broker of a folder: its data, its cookie, and three ports that nobody else has."""

    def __init__(self, folder: Path) -> None:
        self._release = chosen()
        self._data = folder / "rabbitmq-data"
        self._server, self._registry = Daemon("rabbitmq", folder), Daemon("epmd", folder)
        self._port, self._names = free_port(), free_port()

    def start(self) -> None:
        """Starts the broker without anything of an earlier run; of a start that failed nothing is left."""
        for release in (self._release, OLDEST):
            if not release.folder.is_dir():
                raise SourceError(f"there is no RabbitMQ in {release.folder}: make unpacks it there, where apt has it")
        shutil.rmtree(self._data, ignore_errors=True)
        self._data.mkdir(parents=True)
        (self._data / "rabbitmq.conf").write_text(CONFIGURATION.format(port=self._port))
        (self._data / "advanced.config").write_text(ADVANCED)
        (self._data / "enabled_plugins").write_text("[].\n")
        try:
            # Erlang's registry of names: the broker would start one that nobody ends.
            self._registry.start(
                [_program("bin/epmd"), "-port", str(self._names), "-address", "127.0.0.1"], self._environment(), self._data
            )
            _wait(self._registry, lambda: listens(self._names))
            self._server.start(self._release.command(self._data), self._environment(), self._data)
            _wait(self._server, lambda: listens(self._port))
        except BaseException:
            self.stop()
            raise

    def stop(self) -> int:
        """Ends the broker, running or not; returns the number of its processes."""
        return self._server.stop() + self._registry.stop()

    @property
    def address(self) -> str:
        """Returns the address with the user that every new broker has."""
        return f"amqp://{USER}:{PASSWORD}@127.0.0.1:{self._port}"

    @property
    def endpoint(self) -> str:
        """Returns the address without a user."""
        return f"amqp://127.0.0.1:{self._port}"

    def depths(self) -> dict[str, int]:
        """Counts the messages of each queue, with those that a consumer has not answered: AMQP itself counts only the others."""
        told = self._evaluate(DEPTHS)
        return {name: int(count) for name, count in re.findall(r"\{'?([^',{}]+)'?, ?(\d+)\}", told)}

    def add_publisher(self) -> None:
        """Adds the user `publisher`, whose password is its name, and who may publish and delay, and nothing else."""
        self._evaluate(PUBLISHER)

    def _evaluate(self, expression: str) -> str:
        """Has the broker evaluate Erlang, and returns what it answers."""
        asked = subprocess.run(
            [_program("bin/erl_call"), "-sname", NODE, "-e"],
            input=expression,
            env={**self._environment(), "HOME": str(self._data)},
            capture_output=True,
            text=True,
            timeout=START_SECONDS,
            check=False,
        )
        if asked.returncode != 0 or not asked.stdout.startswith("{ok, "):
            raise SourceError(f"the broker does not do what it is asked to: {asked.stdout.strip()} {asked.stderr.strip()}")
        return asked.stdout

    def _environment(self) -> dict[str, str]:
        """Nothing of the user's own: the folder is its home, where the cookie is, too."""
        data = self._release.inside(self._data)
        return {
            "PATH": self._release.path(),
            "HOME": str(data),
            "LANG": "C.UTF-8",
            "ERL_ROOTDIR": str(self._release.folder.resolve() / ERLANG),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self._names),
            "RABBITMQ_NODENAME": NODE,
            "RABBITMQ_DIST_PORT": str(free_port()),
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


def _program(name: str) -> str:
    return str(OLDEST.folder.resolve() / ERLANG / name)


def _wait(process: Daemon, ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.alive():
        if ready():
            return
        time.sleep(0.1)
    raise SourceError(f"{process.name} did not come up:\n{process.tail()}")


def run(command: Sequence[str]) -> int:
    """Runs a command beside a broker of its own, and returns the command's exit code."""
    with tempfile.TemporaryDirectory(prefix="rabbitmq-") as name:
        broker = Broker(Path(name))
        try:
            broker.start()
            broker.add_publisher()
            return subprocess.run(command, env={**os.environ, ADDRESS_VARIABLE: broker.address}, check=False).returncode
        finally:
            broker.stop()


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
    except SourceError as error:
        print(f"rabbitmq: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
