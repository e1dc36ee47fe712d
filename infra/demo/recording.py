"""Records the command at work on the local stage: orders die, a person finds the cause, mends it, and sends them back.

The commands run in a terminal of their own (a pty). What they write is kept with its times as an asciicast (version 2), which
`make pictures` plays in a browser to draw the picture of the README.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios
import time
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from infra.demo.demo import DemoError
from infra.demo.incidents import CURRENCIES, Night
from infra.stack import deployment, stage
from infra.stack.deployment import DeploymentError
from infra.stack.emulator import EmulatorError
from infra.stack.processes import StillRunningError
from infra.stack.settings import COMMAND, ROOT, Settings, without_aws

COLUMNS, ROWS = 100, 30
# A key, what a reader needs to begin, and to have read.
KEY_SECONDS, PAUSE_SECONDS, READ_SECONDS = 0.035, 0.4, 2.5
CAST = ROOT / "target" / "recording" / "redrive.cast"


@dataclass
class Recording:
    """Events of a terminal, each with its second. Waiting between the commands is left out."""

    night: Night
    events: list[tuple[float, str]] = field(default_factory=list)
    now: float = 0.0

    def write(self, text: str, seconds: float) -> None:
        """Adds what appears, and the time until the next event."""
        self.events.append((round(self.now, 3), text))
        self.now += seconds

    def typed(self, *arguments: str) -> None:
        """Types a command and shows what it writes, as it comes."""
        shown = " ".join(f'"{one}"' if " " in one else one for one in arguments)
        self.write("\x1b[1;32m$\x1b[0m ", PAUSE_SECONDS)
        for key in f"redrive {shown}":
            self.write(key, KEY_SECONDS)
        self.write("\r\n", 0.0)
        self._run(arguments)
        self.write("\r\n", READ_SECONDS)

    def _run(self, arguments: tuple[str, ...]) -> None:
        main, other = pty.openpty()
        fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        night = self.night
        environment = {**without_aws(), **night.settings.client_environment(night.outputs["endpoint"]), "TERM": "xterm-256color"}
        given = [str(COMMAND), "--outputs", str(night.settings.outputs), "--by", "ann", *arguments]
        began, at = time.monotonic(), self.now
        with subprocess.Popen(given, env=environment, stdin=other, stdout=other, stderr=other, close_fds=True) as running:
            os.close(other)
            while True:
                try:
                    piece = os.read(main, 65_536)
                except OSError:  # the last one who had the terminal open has closed it
                    break
                if not piece:
                    break
                self.now = at + time.monotonic() - began
                self.write(piece.decode(errors="replace"), 0.0)
        os.close(main)
        if running.returncode != 0:
            raise DemoError(f"redrive {arguments[0]} ended with {running.returncode}")

    def save(self, file: Path) -> None:
        """Writes the asciicast to a file."""
        file.parent.mkdir(parents=True, exist_ok=True)
        head = {"version": 2, "width": COLUMNS, "height": ROWS, "title": "redrive"}
        lines = [json.dumps(head), *(json.dumps([second, "o", text]) for second, text in self.events)]
        lines.append(json.dumps([round(self.now, 3), "o", ""]))
        file.write_text("\n".join(lines) + "\n")


def play(night: Night) -> Recording:
    """Sends orders that die of three causes, and types what a person types."""
    night.operator.support(CURRENCIES)
    broken = [night.order("chf", number, currency="CHF") for number in range(120)]
    broken += [night.order("amount", number, amount_minor=-5) for number in range(14)]
    broken += [night.order("bare", number, currency=None) for number in range(9)]
    night.send(broken)
    night.wait("until the queues are empty", night.settled)
    recording = Recording(night)
    recording.typed("causes")
    recording.typed("find", broken[17].order_id)
    # The mended consumer is deployed meanwhile.
    night.operator.support([*CURRENCIES, "CHF"])
    recording.typed("replay", "--code", "currency", "--why", "CHF is supported since v42", "--yes", "--watch")
    recording.typed("causes")
    return recording


def main() -> int:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.parse_args()
    stage.end_on_signal()
    settings = Settings.read()
    settings.isolate()
    console = Console(highlight=False)
    ours = not stage.is_up(settings)
    try:
        outputs = stage.up(settings) if ours else deployment.read_outputs(settings)
        if outputs is None:
            raise DemoError("the stage is up but has no outputs")
        play(Night(settings, outputs, console)).save(CAST)
    except (DemoError, DeploymentError, EmulatorError, StillRunningError) as error:
        console.print(f"[bold red]recording:[/] {error}", markup=True)
        return 1
    finally:
        if ours:
            stage.say(f"{stage.down(settings)} processes ended")
    console.print(f"Recorded in {CAST.relative_to(ROOT)}", markup=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
