"""The newest Python of this machine that is at least as new as wanted: `newest_python 3.13` prints its path, or says what is missing.

Looked at are what PYTHON names, each pythonX.Y on PATH, and pyenv's versions. A name does not say what a Python is: each is asked.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

Version = tuple[int, int]
NAME = re.compile(r"python3(\.\d+)?$")
ASK = "import sys; print(*sys.version_info[:2])"


def candidates(environment: Mapping[str, str]) -> list[Path]:
    """Every Python that may be there, each once."""
    found = [Path(name) for name in [environment.get("PYTHON", "")] if os.sep in name]
    folders = [Path(folder) for folder in environment.get("PATH", os.defpath).split(os.pathsep) if folder]
    folders += sorted(Path(environment.get("HOME", "/")).glob(".pyenv/versions/3.*/bin"))
    for folder in folders:
        try:
            found += sorted(entry for entry in folder.iterdir() if NAME.fullmatch(entry.name))
        except OSError:
            continue
    return list(dict.fromkeys(found))


def version(python: Path) -> Version | None:
    """Returns the version that a Python says it has, if it runs at all."""
    try:
        said = subprocess.run([str(python), "-c", ASK], capture_output=True, text=True, timeout=10, check=True).stdout.split()
        return int(said[0]), int(said[1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None


def newest(known: Iterable[tuple[Path, Version | None]], least: Version) -> Path | None:
    """The newest of them; of two that are alike the first."""
    fitting = [(version, -place, python) for place, (python, version) in enumerate(known) if version and version >= least]
    return max(fitting)[2] if fitting else None


def main() -> int:
    """Runs the command line."""
    wanted = sys.argv[1]
    major, minor = (int(part) for part in wanted.split("."))
    found = newest(((python, version(python)) for python in candidates(os.environ)), (major, minor))
    if found is None:
        sys.stderr.write(
            f"needs Python {wanted} or newer, and there is none on PATH or among pyenv's: install one, or name it with PYTHON=/path\n"
        )
        return 1
    sys.stdout.write(f"{found}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
