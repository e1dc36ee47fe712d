"""Holds templates to this folder's rules: `check.py` ours, with all settings, `check.py FILE...` others, such as CDK's.

`check.py mutants` breaks our templates in one place each, and sees that a rule finds it.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from infra.gates import access, pages, paging, parameters, people, queues, sizes, variables, watching
from infra.gates.mutants import MUTANTS, survivors
from infra.gates.rules import ALL, findings
from infra.gates.settings import INFRA, REFUSED, cases
from infra.gates.template import Template, load

# Importing them has entered their rules.
ROOMS = (queues, access, people, watching, paging, parameters, sizes, variables)


def ours() -> list[str]:
    """Returns what is wrong with our templates, in all settings."""
    wrong = []
    for name, settings in cases().items():
        source = load(INFRA / name)
        for case, values in settings.items():
            wrong += [f"{name}, {case}: {found}" for found in findings(Template(source, values))]
        for values in REFUSED[name]:
            if not Template(source, values).refused():
                wrong.append(f"{name}: takes settings that do not fit together: {values}")
    return wrong


def main(arguments: list[str]) -> int:
    """Runs the command line."""
    started = time.monotonic()
    if arguments == ["mutants"]:
        wrong, what = survivors(), f"{len(MUTANTS)} mutants of {len(ALL)} rules"
    elif arguments:
        wrong = [f"{path}: {found}" for path in arguments for found in findings(Template(load(Path(path)), {}))]
        what = f"{len(arguments)} templates by {len(ALL)} rules"
    else:
        wrong = [*ours(), *pages.stale()]
        what = f"{sum(map(len, cases().values()))} settings by {len(ALL)} rules, {len(pages.HEADS)} pages"
    for line in wrong:
        sys.stdout.write(f"{line}\n")
    sys.stdout.write(f"gates: {what}: {len(wrong)} findings in {time.monotonic() - started:.1f} s\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
