"""The real libraries of Powertools beside the processor: an emulator on loopback, and the test that runs both languages."""

from __future__ import annotations

import os
import subprocess
import sys

from infra.stack import emulator
from infra.stack.settings import ROOT, Settings, without_aws

PYTHON = ROOT / ".venv" / "peers" / "bin" / "python"
NODE = ROOT / "bench" / "peers" / "typescript"


def main() -> int:
    """Runs the test, and ends the emulator."""
    settings = Settings.read({"STAGE_DIR": "target/stage-powertools", "STAGE_PORT": "0"})
    settings.folder.mkdir(parents=True, exist_ok=True)
    endpoint = emulator.start(settings)
    own = {
        "POWERTOOLS_PYTHON": os.environ.get("POWERTOOLS_PYTHON") or str(PYTHON),
        "POWERTOOLS_NODE": os.environ.get("POWERTOOLS_NODE") or str(NODE),
    }
    try:
        command = ["cargo", "test", "--workspace", "--locked", "--test", "powertools", "--", "--ignored"]
        return subprocess.run(
            command, cwd=ROOT, env={**without_aws(), **settings.client_environment(endpoint), **own}, check=False
        ).returncode
    finally:
        emulator.end(settings)


if __name__ == "__main__":
    sys.exit(main())
