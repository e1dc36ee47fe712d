"""Commands of a page, typed as its reader types them: blocks that are marked, in their order, on the stage that is up."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.stack.deployment import Outputs
from infra.stack.settings import COMMAND, ROOT, Settings, without_aws

AWS = ROOT / ".venv" / "aws" / "bin"
MARKED = re.compile(r"^<!-- walk: (?P<step>[a-z ]+) -->\n```sh\n(?P<block>.*?)^```", re.MULTILINE | re.DOTALL)
PATIENCE_SECONDS = 180.0
# A person says yes where the command asks. The doctor's 5 says that it has found something: that is its answer. For SQS, version 1 of
# the AWS command line does not look at AWS_ENDPOINT_URL.
AS_A_PERSON = """
redrive() {
  case $1 in
    replay|discard|erase|free|eject|import) command redrive "$@" --yes ;;
    doctor) command redrive "$@" || [ $? = 5 ] ;;
    *) command redrive "$@" ;;
  esac
}
aws() {
  command aws --endpoint-url "$AWS_ENDPOINT_URL" "$@"
}
"""


class WalkError(RuntimeError):
    """Step of a page that went another way than the page says."""


def steps(page: str) -> dict[str, str]:
    """Returns the marked blocks of a page by their names, in their order."""
    found = [(match["step"], match["block"]) for match in MARKED.finditer(page)]
    named = dict(found)
    if len(named) != len(found):
        raise WalkError("two blocks of a page have the same name")
    return named


def filled(block: str, words: Mapping[str, str]) -> str:
    """Returns the block with whole words that stand for something (ID, JOB) replaced by what they stand for."""
    pattern = "|".join(rf"(?<![\w/-]){re.escape(word)}(?![\w/-])" for word in words)
    return re.sub(pattern, lambda found: words[found[0]], block) if words else block


@dataclass
class Walk:
    """A reader of one page, in a folder of their own."""

    settings: Settings
    outputs: Outputs
    page: Path
    file: Path
    """Outputs of the stack that the command looks at."""

    def __post_init__(self) -> None:
        """Reads the steps of the page, and makes an empty folder to work in."""
        self.left = steps(self.page.read_text())
        self.folder = self.settings.folder / "walks" / self.page.stem
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.log = self.settings.folder / "walks.log"

    def step(self, name: str, words: Mapping[str, str] | None = None, **variables: str) -> str:
        """Types the next block, which must have this name; returns what it printed."""
        following = next(iter(self.left), None)
        if following != name:
            raise WalkError(f"{self.page.name}: the next step is {following}, not {name}")
        block = filled(self.left.pop(name), words or {})
        done = subprocess.run(
            ["bash", "-c", f"set -euo pipefail\n{AS_A_PERSON}\n{block}"],
            cwd=self.folder,
            env=self._environment(variables),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        with self.log.open("a") as log:
            log.write(f"\n# {self.page.name}: {name}\n{block}{done.stdout}{done.stderr}[{done.returncode}]\n")
        if done.returncode != 0:
            raise WalkError(f"{self.page.name}: {name} ended with {done.returncode}: {(done.stderr or done.stdout)[-600:]}")
        return done.stdout

    def end(self) -> None:
        """Ends the walk: no step may be left."""
        if self.left:
            raise WalkError(f"{self.page.name}: nobody has walked {', '.join(self.left)}")

    def _environment(self, variables: Mapping[str, str]) -> dict[str, str]:
        path = os.pathsep.join((str(COMMAND.parent), str(AWS), os.environ.get("PATH", os.defpath)))
        clients = self.settings.client_environment(self.outputs["endpoint"])
        own = {"PATH": path, "REDRIVE_OUTPUTS": str(self.file), "REDRIVE_BY": "ann", "COLUMNS": "100", "AWS_PAGER": ""}
        return {**without_aws(), **clients, **own, **variables}
