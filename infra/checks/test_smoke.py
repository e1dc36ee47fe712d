"""Promises of the canary before, during and after its work. Run by `make test-stage`; the work itself runs against an endpoint."""

from __future__ import annotations

import json
import unittest
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from infra.checks import measures
from infra.checks.measures import Measured, SmokeError
from infra.checks.smoke import Place, Stack, deployed
from infra.demo.books import Balance, Depths, Sent
from infra.demo.orders import HOW_MANY, HUNDRED, Kind, plan
from infra.stack.settings import Settings


class Fake:
    """Any client: answers what it is told to, and remembers what it was asked."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Any:
        def call(*_: Any, **given: Any) -> Any:
            self.asked.append((name, given))
            answer = self.answers.get(name, self)
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call


class At(Place):
    """A place whose every client is the same fake."""

    fake: Fake

    @classmethod
    def of(cls, answers: dict[str, Any]) -> At:
        place = cls(Settings(Path("nowhere"), 0, None, "us-east-1", {}), None, "us-east-1")
        object.__setattr__(place, "fake", Fake(answers))
        return place

    def client(self, service: str) -> Any:
        return self.fake


def refusal(text: str) -> ClientError:
    return ClientError({"Error": {"Code": "ValidationError", "Message": text}}, "DescribeStacks")


class TheStack(unittest.TestCase):
    def test_a_name_that_would_not_fit_a_queue_s_is_refused(self) -> None:
        for name in ("", "-a", "a b", "x" * 41, "a;b"):
            with self.assertRaises(SmokeError):
                Stack(At.of({}), name)

    def test_a_stack_that_is_there_is_somebody_s(self) -> None:
        self.assertTrue(Stack(At.of({"describe_stacks": {"Stacks": [{"StackStatus": "CREATE_COMPLETE"}]}}), "prod").exists())
        self.assertFalse(Stack(At.of({"describe_stacks": refusal("Stack prod does not exist")}), "prod").exists())
        with self.assertRaises(ClientError):
            Stack(At.of({"describe_stacks": refusal("not authorized")}), "prod").exists()

    def test_only_tables_that_bear_the_stack_s_name_are_deleted(self) -> None:
        place = At.of({})
        outputs = {"LedgerTableName": "smoke-Ledger-1", "DeadLetterTableName": "prod-DeadLetters-2"}
        left = Stack(place, "smoke").delete(outputs)
        deleted = [given["TableName"] for name, given in place.fake.asked if name == "delete_table"]
        self.assertEqual((deleted, len(left)), (["smoke-Ledger-1"], 1))
        self.assertIn("prod-DeadLetters-2", left[0])

    def test_it_is_deleted_however_the_work_ends_and_left_if_it_is_to_be_kept(self) -> None:
        for keep in (False, True):
            place = At.of({"describe_stacks": {"Stacks": [{"StackStatus": "CREATE_COMPLETE", "Outputs": []}]}})
            stack = Stack(place, "smoke")
            stack.deploy = lambda: {"LedgerTableName": "smoke-Ledger-1"}  # type: ignore[method-assign]
            with self.assertRaises(SmokeError), deployed(stack, keep=keep):
                raise SmokeError("half way")
            self.assertEqual("delete_stack" in [name for name, _ in place.fake.asked], not keep)


class TheMeasures(unittest.TestCase):
    def test_a_hundred_orders_are_of_every_kind_of_the_demo_s(self) -> None:
        counted = Counter(order.kind for order in plan("r", 1, HUNDRED).orders)
        self.assertEqual((sum(counted.values()), counted.keys()), (100, HOW_MANY.keys()))

    def test_what_is_lost_or_done_twice_is_wrong(self) -> None:
        order = plan("r", 1, {Kind.GOOD: 1}).orders[0]
        sent = [Sent("m-1", order, order.body)]
        twice = {order.order_id: {"order_id": order.order_id, "charges": 2}}
        lost = measures.accounts(Balance(sent, {}, {}, {}, Depths(0, 0)))
        done = measures.accounts(Balance(sent, twice, {}, {}, Depths(0, 0)))
        self.assertEqual([one.wrong for one in lost], [True, False, False])
        self.assertEqual([one.wrong for one in done], [False, True, False])

    def test_a_time_is_wrong_if_it_is_too_long_or_never_ended(self) -> None:
        self.assertFalse(measures.within("w", 59.6, 60, "s").wrong)
        self.assertTrue(measures.within("w", 61, 60, "s").wrong)
        self.assertTrue(measures.within("w", None, 60, "s").wrong)

    def test_an_edit_that_is_refused_is_told_by_its_fate(self) -> None:
        self.assertFalse(measures.edit({"resolved": 1}).wrong)
        refused = measures.edit({"known": {"resolved": 0, "edit_failed": 1}})
        self.assertTrue(refused.wrong)
        self.assertIn("edit_failed 1", refused.seen)

    def test_a_send_in_doubt_is_counted(self) -> None:
        self.assertEqual(measures.doubts([{"sent": 1}, {"in_doubt": 1}]).seen, "1 of 2")
        self.assertTrue(measures.doubts([{"in_doubt": 1}]).wrong)

    def test_the_brake_is_told_minute_by_minute_or_not_at_all(self) -> None:
        at = [{"Timestamp": datetime(2026, 1, 1, 0, minute, tzinfo=UTC), "Sum": float(9 - minute)} for minute in (1, 0)]
        self.assertEqual(measures.braked(at, 2).seen, "9, 8")
        self.assertEqual(measures.braked([], 2).seen, "not measured")

    def test_the_document_has_everything_of_the_table(self) -> None:
        stored = json.loads(measures.document([Measured("w", "s", "d", wrong=True)]))
        self.assertEqual(stored, [{"what": "w", "seen": "s", "said": "d", "wrong": True}])
        self.assertEqual(measures.table([Measured("w", "s", "d")]).row_count, 1)


if __name__ == "__main__":
    unittest.main()
