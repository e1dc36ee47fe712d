"""The local stage: `up` builds, starts and deploys, `also` adds a variant's stack; `down` ends every process; `status` and
`logs` tell about it."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from infra.stack import deployment, emulator, logs, mappings
from infra.stack.deployment import DeploymentError, Outputs
from infra.stack.emulator import EmulatorError
from infra.stack.processes import Daemon, StillRunningError
from infra.stack.settings import FUNCTIONS, MODULES, TOOLS, Settings, exclusive, without_aws
from infra.stack.variants import VARIANTS


def up(settings: Settings, template: str = "template.yaml") -> Outputs:
    """Brings the stage up, or up to date; on failure nothing that it started is left running.

    `template` is a file in infra/, or anywhere by its whole path.
    """
    with exclusive(settings.folder):
        fresh = not is_up(settings)
        try:
            outputs = _bring_up(settings, template)
        except BaseException:
            if fresh:
                _end(settings)
            raise
    return outputs


def also(settings: Settings, variant: str) -> Outputs:
    """Deploys a variant of the stack beside the one that is up, from the same build."""
    with exclusive(settings.folder):
        outputs = deployment.read_outputs(settings)
        if outputs is None or not is_up(settings):
            raise DeploymentError(f"nothing is up in {settings.folder}: bring the stage up first")
        with timed(f"variant {variant} deployed"):
            return deployment.deploy_variant(settings, outputs["endpoint"], variant)


def down(settings: Settings) -> int:
    """Ends what `up` started; returns how many processes there were."""
    with exclusive(settings.folder):
        return _end(settings)


def is_up(settings: Settings) -> bool:
    """Returns true if this stage is running and deployed."""
    if not (_player(settings).alive() and settings.outputs.exists()):
        return False
    return settings.endpoint is not None or emulator.running_endpoint(settings) is not None


def _bring_up(settings: Settings, template: str) -> Outputs:
    if settings.endpoint is None and (running := emulator.running_endpoint(settings)) is not None:
        endpoint = running
        say(f"MiniStack is running on {endpoint}")
    elif settings.endpoint is None:
        _end(settings)
        endpoint = emulator.start(settings)
        say(f"MiniStack started on {endpoint}")
    else:
        endpoint = settings.endpoint
    with timed("functions built"):
        deployment.build(settings, template)
    with timed("stack deployed"):
        outputs = deployment.deploy(settings, endpoint, template=template)
    mappings.on_again(deployment.client("lambda", settings, endpoint), settings.folder, say)
    player = _player(settings)
    if not player.alive():
        command = [str(TOOLS / "python"), "-m", "infra.stack.cloudwatch"]
        own = {} if settings.credentials else dict(os.environ)
        player.start(command, {**without_aws(), **own, **settings.client_environment(endpoint), **MODULES}, cwd=settings.folder)
        say("CloudWatch's player started")
    return outputs


def _player(settings: Settings) -> Daemon:
    return Daemon("cloudwatch", settings.folder)


def _end(settings: Settings) -> int:
    outputs = deployment.read_outputs(settings)
    if outputs is not None and emulator.running_endpoint(settings) == outputs["endpoint"]:
        logs.keep(settings, outputs)
    ended = _player(settings).stop() + emulator.end(settings)
    stale = (*settings.folder.glob("outputs*.json"), *settings.folder.glob("*.env"), *settings.folder.glob("mappings-off.*"))
    for leftover in (settings.folder / "endpoint", *stale):
        leftover.unlink(missing_ok=True)
    shutil.rmtree(settings.folder / "tmp", ignore_errors=True)
    return ended


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Says what was done and how long it took."""
    started = time.monotonic()
    yield
    say(f"{what} in {time.monotonic() - started:.1f} s")


def say(line: str) -> None:
    """Prints a line for the person who waits."""
    sys.stdout.write(f"stage: {line}\n")
    sys.stdout.flush()


def end_on_signal() -> None:
    """Makes an interruption an exception, so that what was started is ended."""

    def stop(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, stop)


def _status(settings: Settings) -> int:
    outputs = deployment.read_outputs(settings)
    if outputs is None or not is_up(settings):
        say(f"nothing is up in {settings.folder}")
        return 1
    for key, value in sorted(outputs.items()):
        sys.stdout.write(f"  {key:26} {value}\n")
    return 0


def _logs(settings: Settings, function: str) -> int:
    outputs = deployment.read_outputs(settings)
    if outputs is None:
        say(f"nothing is up in {settings.folder}")
        return 1
    for line in logs.read(settings, outputs, function):
        sys.stdout.write(f"{line}\n")
    return 0


def main() -> int:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("up", "down", "status"):
        commands.add_parser(name)
    commands.add_parser("also").add_argument("variant", choices=sorted(VARIANTS))
    commands.add_parser("logs").add_argument("function", choices=FUNCTIONS)
    arguments = parser.parse_args()
    end_on_signal()
    settings = Settings.read()
    settings.isolate()
    try:
        if arguments.command == "up":
            up(settings)
        elif arguments.command == "also":
            also(settings, arguments.variant)
            return 0
        elif arguments.command == "down":
            say(f"{down(settings)} processes ended; the functions' logs, if any, are in {settings.folder}")
            return 0
        return _logs(settings, arguments.function) if arguments.command == "logs" else _status(settings)
    except (DeploymentError, EmulatorError, StillRunningError) as error:
        sys.stderr.write(f"stage: {error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
