"""Runs the commands of docs/own-project.md in a temporary folder, and holds the template that they write to SAM and to our rules."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from infra.stack.settings import COMMAND, MODULES, ROOT, TOOLS, without_aws

PAGE = ROOT / "docs" / "own-project.md"
NAME = "order-charger"


def block(page: str) -> str:
    """Returns the block of the page that is run."""
    found = re.search(r"^<!-- own project -->\n```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    if found is None:
        raise SystemExit(f"{PAGE} has no block under <!-- own project -->")
    return found[1]


def environment() -> dict[str, str]:
    """Returns the environment of a user who has the command on the path, and no AWS settings."""
    path = os.pathsep.join((str(COMMAND.parent), os.environ.get("PATH", os.defpath)))
    return {**without_aws(), "PATH": path, "REDRIVE": str(ROOT), "CARGO_NET_OFFLINE": "true"}


def validate(project: Path) -> None:
    """Holds the project's template to SAM, cfn-lint and our rules."""
    own = {**without_aws(), **MODULES, "SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": "us-east-1"}
    for command in (
        [str(TOOLS / "sam"), "validate", "--lint"],
        [str(TOOLS / "python"), "-m", "infra.gates.check", str(project / "template.yaml")],
    ):
        subprocess.run(command, cwd=project, env=own, stdin=subprocess.DEVNULL, check=True)


def main() -> int:
    """Runs the block line by line, and says how long each took."""
    with tempfile.TemporaryDirectory() as folder:
        where, validated = Path(folder), False
        for line in block(PAGE.read_text()).splitlines():
            if line.startswith("cd "):
                where /= line.removeprefix("cd ")
                continue
            sys.stdout.write(f"$ {line}\n")
            sys.stdout.flush()
            started = time.monotonic()
            done = subprocess.run(["bash", "-c", line], cwd=where, env=environment(), stdin=subprocess.DEVNULL, check=False)
            if done.returncode != 0:
                sys.stderr.write(f"{PAGE.relative_to(ROOT)}: {line} ended with {done.returncode}\n")
                return 1
            sys.stdout.write(f"{line}: {time.monotonic() - started:.0f} s\n")
            if not validated:
                validate(where / NAME)
                validated = True
    return 0


if __name__ == "__main__":
    sys.exit(main())
