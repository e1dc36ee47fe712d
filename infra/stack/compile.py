"""Compiles the functions for the stage ahead of `sam build`, which then finds everything done.

It needs no more than cargo-lambda and zig, so it can run while the rest is being installed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterable

from infra.stack.settings import BUILD_ENVIRONMENT, COMPILED, FUNCTIONS, ROOT, TOOLS, exclusive, without_aws

LOG = COMPILED / "build.log"


def functions(names: Iterable[str]) -> int:
    """Compiles one function after the other, each in its own folder, as `sam build` does it; returns the compiler's exit code."""
    sys.stdout.write(f"compiling the functions; the first time it takes minutes ({LOG.relative_to(ROOT)})\n")
    sys.stdout.flush()
    path = f"{TOOLS}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    environment = {**without_aws(), **BUILD_ENVIRONMENT, "PATH": path}
    started = time.monotonic()
    with exclusive(COMPILED), LOG.open("wb") as log:
        for function in names:
            command = ["cargo", "lambda", "build", "--release", "--bin", function]
            folder = ROOT / "functions" / function
            done = subprocess.run(command, cwd=folder, env=environment, stdout=log, stderr=log, check=False)
            if done.returncode != 0:
                sys.stderr.write("\n".join(LOG.read_text(errors="replace").splitlines()[-40:]) + "\n")
                return done.returncode
    sys.stdout.write(f"functions compiled in {time.monotonic() - started:.0f} s\n")
    return 0


def main() -> int:
    """Compiles the functions of this checkout."""
    return functions(FUNCTIONS)


if __name__ == "__main__":
    sys.exit(main())
