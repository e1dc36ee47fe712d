"""Integration events: what the functions tell a bus fits its schema, and the page's rule finds it. The examples are the functions' own,
held to them by `tests/tests/flow/announcing.rs`."""

from __future__ import annotations

import json
import re
import unittest
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

from infra.stack.settings import ROOT

FOLDER = ROOT / "docs" / "events"
EXAMPLES: dict[str, dict[str, Any]] = json.loads((FOLDER / "examples.json").read_text())


def schema(detail_type: str) -> dict[str, Any]:
    """Returns the schema of a detail type."""
    found: dict[str, Any] = json.loads((FOLDER / f"{detail_type.lower().replace(' ', '-')}.schema.json").read_text())
    return found


def problems(detail_type: str, detail: Any) -> list[str]:
    """Returns what of a detail its schema does not allow, or does not explain."""
    of = schema(detail_type)
    found = [error.message for error in Draft202012Validator(of, format_checker=FormatChecker()).iter_errors(detail)]
    return found + sorted(f"{name} is not explained" for name in _unknown(of, detail))


def _unknown(of: dict[str, Any], value: Any) -> set[str]:
    if not isinstance(value, dict):
        return set()
    known = of.get("properties", {})
    return (set(value) - set(known)) | {name for key in set(value) & set(known) for name in _unknown(known[key], value[key])}


class Events(unittest.TestCase):
    def test_every_schema_is_one_and_has_an_example(self) -> None:
        self.assertEqual({schema(name)["title"] for name in EXAMPLES}, set(EXAMPLES))
        self.assertEqual(len(list(FOLDER.glob("*.schema.json"))), len(EXAMPLES))
        for name in EXAMPLES:
            Draft202012Validator.check_schema(schema(name))

    def test_what_the_bus_is_told_fits_its_schema(self) -> None:
        for name, detail in EXAMPLES.items():
            self.assertEqual(problems(name, detail), [], name)

    def test_a_field_that_is_missing_wrong_or_unexplained_is_found(self) -> None:
        created = EXAMPLES["Letter Created"]
        for wrong in ({**created, "body": "x"}, {**created, "deaths": -1}, {**created, "at": "now"}, {}):
            self.assertNotEqual(problems("Letter Created", wrong), [], wrong)

    def test_the_rule_of_the_page_finds_what_it_is_for(self) -> None:
        page = (ROOT / "docs" / "events.md").read_text()
        patterns = [json.loads(block) for block in re.findall(r"^```json\n(.*?)^```", page, re.MULTILINE | re.DOTALL)]
        rules = [pattern for pattern in patterns if "detail-type" in pattern and isinstance(pattern["source"], list)]
        self.assertTrue(rules)
        for rule in rules:
            self.assertEqual(rule["source"], ["redrive"])
            for name in rule["detail-type"]:
                for field, values in rule.get("detail", {}).items():
                    allowed = schema(name)["properties"][field].get("enum", values)
                    self.assertLessEqual(set(values), set(allowed), f"{name}: {field}")

    def test_the_event_of_the_page_is_an_example(self) -> None:
        page = (ROOT / "docs" / "events.md").read_text()
        blocks = [json.loads(block) for block in re.findall(r"^```json\n(.*?)^```", page, re.MULTILINE | re.DOTALL)]
        shown = [block for block in blocks if isinstance(block.get("source"), str)]
        self.assertEqual([block["detail"] for block in shown], [EXAMPLES[block["detail-type"]] for block in shown])
        self.assertTrue(shown)


if __name__ == "__main__":
    unittest.main()
