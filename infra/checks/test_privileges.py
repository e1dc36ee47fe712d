"""A role and a recording that fit give no finding, and each mutant of either gives its own. Run by `make test-stage`."""

from __future__ import annotations

import dataclasses
import unittest
from collections.abc import Mapping
from typing import Any

from infra.checks.privileges import Asked, Reason, Role, findings, missing, read_reasons

TABLE = "arn:aws:dynamodb:eu-central-1:1:table/app-Letters-1X"
STATEMENTS: list[dict[str, Any]] = [
    {"Sid": "Read", "Effect": "Allow", "Action": ["dynamodb:GetItem", "dynamodb:Query"], "Resource": [TABLE, f"{TABLE}/index/i"]},
    {"Sid": "Log", "Effect": "Allow", "Action": "logs:PutLogEvents", "Resource": "arn:aws:logs:eu-central-1:1:log-group:app:*"},
]
ROLE = Role("template.yaml", "ReplayRole", frozenset({"app-Replay"}), STATEMENTS, {"app-Letters-1X": "Letters"})
ASKED = [Asked("app-Replay", action, on) for action in ("dynamodb:GetItem", "dynamodb:Query") for on in (TABLE, f"{TABLE}/index/i")]
REASONS = [Reason(frozenset({"ReplayRole"}), "Log", None)]


def with_statements(*statements: Mapping[str, Any]) -> Role:
    return dataclasses.replace(ROLE, statements=statements)


class LeastPrivilege(unittest.TestCase):
    def test_a_role_that_allows_what_is_asked_and_no_more_has_no_finding(self) -> None:
        self.assertEqual(findings([ROLE], ASKED, REASONS), [])

    def test_a_call_that_the_role_does_not_allow_is_found(self) -> None:
        for action, on in (("dynamodb:PutItem", TABLE), ("dynamodb:GetItem", TABLE + "2"), ("not understood", "KeyError")):
            (found,) = findings([ROLE], [*ASKED, Asked("app-Replay", action, on)], REASONS)
            self.assertTrue(found.startswith("refused: ") and action in found, found)

    def test_a_permission_that_is_taken_away_is_missed(self) -> None:
        read, log = STATEMENTS
        fewer = with_statements({**read, "Action": "dynamodb:GetItem"}, log)
        self.assertEqual(len(findings([fewer], ASKED, REASONS)), 2)
        narrower = with_statements({**read, "Resource": TABLE}, log)
        self.assertEqual(len(findings([narrower], ASKED, REASONS)), 2)
        denied = with_statements({**read, "Effect": "Deny"}, log)
        self.assertTrue(any(found.startswith("refused") for found in findings([denied], ASKED, REASONS)))

    def test_a_condition_is_not_believed_to_hold(self) -> None:
        read, log = STATEMENTS
        conditional = with_statements({**read, "Condition": {"StringEquals": {"a": "b"}}}, log)
        self.assertTrue(any(found.startswith("refused") for found in findings([conditional], ASKED, REASONS)))

    def test_a_condition_on_attributes_allows_those_and_no_others(self) -> None:
        condition = {"ForAllValues:StringEquals": {"dynamodb:Attributes": ["lives", "pk"]}, "Null": {"dynamodb:Attributes": "false"}}
        write = {"Sid": "Mark", "Effect": "Allow", "Action": "dynamodb:PartiQLUpdate", "Resource": TABLE, "Condition": condition}
        asked = Asked("app-Replay", "dynamodb:PartiQLUpdate", TABLE, ("lives", "pk"))
        self.assertEqual(findings([with_statements(*STATEMENTS, write)], [*ASKED, asked], REASONS), [])
        other = {"ForAllValues:StringEquals": condition["ForAllValues:StringEquals"]}
        for role, call in (
            (with_statements(*STATEMENTS, write), dataclasses.replace(asked, attributes=("lives", "pk", "state"))),
            (with_statements(*STATEMENTS, write), dataclasses.replace(asked, attributes=())),
            (with_statements(*STATEMENTS, {**write, "Condition": other}), asked),
        ):
            wrong = findings([role], [*ASKED, call], REASONS)
            self.assertTrue(any(found.startswith("refused") for found in wrong), wrong)

    def test_a_condition_on_an_events_source_allows_that_and_no_other(self) -> None:
        bus = "arn:aws:events:eu-central-1:123456789012:event-bus/operations"
        condition = {"StringEquals": {"events:source": "redrive"}}
        notify = {"Sid": "Notify", "Effect": "Allow", "Action": "events:PutEvents", "Resource": bus, "Condition": condition}
        role = with_statements(*STATEMENTS, notify)
        for sources, allowed in ((("redrive",), True), (("redrive", "shop"), False), ((), False)):
            wrong = findings([role], [*ASKED, Asked("app-Replay", "events:PutEvents", bus, sources)], REASONS)
            self.assertEqual(not any(found.startswith("refused") for found in wrong), allowed, sources)

    def test_a_permission_too_many_is_found_and_so_is_one_that_is_not_asked_for_any_more(self) -> None:
        read, log = STATEMENTS
        wider = with_statements({**read, "Action": [*read["Action"], "dynamodb:DeleteItem"]}, log)
        found = findings([wider], ASKED, REASONS)
        self.assertEqual(
            found,
            [
                "never used, and no reason given: ReplayRole Read: dynamodb:DeleteItem on Letters",
                "never used, and no reason given: ReplayRole Read: dynamodb:DeleteItem on Letters/index/i",
            ],
        )
        (unused,) = findings([ROLE], ASKED[1:], REASONS)
        self.assertIn("dynamodb:GetItem on Letters", unused)

    def test_a_permission_is_used_if_it_is_in_any_stack(self) -> None:
        names = {"beside-Letters-2Y": "Letters"}
        text = TABLE.replace("app-Letters-1X", "beside-Letters-2Y")
        statements: list[dict[str, Any]] = [{**STATEMENTS[0], "Resource": [text, f"{text}/index/i"]}, STATEMENTS[1]]
        beside = Role("attach.yaml", "ReplayRole", frozenset({"beside-Replay"}), statements, names)
        self.assertEqual(findings([ROLE, beside], ASKED, REASONS), [])

    def test_a_reason_for_what_is_used_or_is_not_there_is_found(self) -> None:
        for statement, actions in (("Read", None), ("Gone", None), ("Log", frozenset({"logs:Gone"}))):
            stale = Reason(frozenset({"ReplayRole"}), statement, actions)
            (found,) = findings([ROLE], ASKED, [*REASONS, stale])
            self.assertTrue(found.startswith("a reason for"), found)
        sometimes = Reason(frozenset({"ReplayRole"}), "Read", None, sometimes=True)
        self.assertEqual(findings([ROLE], ASKED, [*REASONS, sometimes]), [])
        (found,) = findings([ROLE], ASKED, [*REASONS, dataclasses.replace(sometimes, statement="Gone")])
        self.assertIn("not there", found)
        self.assertRaises(ValueError, read_reasons, '[[unused]]\nroles = ["R"]\nstatement = "S"', "unused")

    def test_a_statement_that_no_stack_has_needs_a_reason_and_one_that_a_stack_has_takes_none(self) -> None:
        written = {"ReplayRole": {"Read", "Log", "Key"}}
        self.assertEqual(missing(written, [ROLE], []), ["on no stage, and no reason given: ReplayRole Key"])
        key = Reason(frozenset({"ReplayRole"}), "Key", None)
        self.assertEqual(missing(written, [ROLE], [key]), [])
        self.assertEqual(len(missing(written, [ROLE], [key, REASONS[0]])), 1)


if __name__ == "__main__":
    unittest.main()
