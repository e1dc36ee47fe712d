"""Layers of packages: the local stack imports none of the others, the rules for templates stand alone, and checks look at all but these."""

from __future__ import annotations

import ast
import unittest
from pathlib import Path

from infra.stack.settings import INFRA

MAY_IMPORT = {
    "stack": {"stack"},
    "demo": {"demo", "stack"},
    "brokers": {"brokers", "demo", "stack"},
    "kafka": {"brokers", "gates", "kafka", "stack"},
    "rabbitmq": {"brokers", "gates", "rabbitmq", "stack"},
    "dev": {"dev", "gates", "stack"},
    "checks": {"checks", "demo", "dev", "stack"},
    "gates": {"gates"},
}


def imported(file: Path) -> set[str]:
    """The packages of infra that a file imports."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
        elif isinstance(node, ast.Import):
            names.update(one.name for one in node.names)
    return {name.split(".")[1] for name in names if name.startswith("infra.")}


class Layers(unittest.TestCase):
    def test_a_package_imports_only_what_stands_below_it(self) -> None:
        wrong = [
            f"infra/{package}/{file.name} imports {', '.join(sorted(strange))}"
            for package, allowed in MAY_IMPORT.items()
            for file in sorted((INFRA / package).glob("*.py"))
            if (strange := imported(file) - allowed)
        ]
        self.assertEqual(wrong, [])

    def test_every_package_has_its_place(self) -> None:
        self.assertEqual({file.parent.name for file in INFRA.glob("*/__init__.py")}, set(MAY_IMPORT))


if __name__ == "__main__":
    unittest.main()
