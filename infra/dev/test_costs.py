"""Tests of the parts of a cost. Run by `make test-stage`."""

from __future__ import annotations

import re
import unittest

from infra.dev import costs
from infra.dev.costs import MILLION, Bill, CostError, Known
from infra.stack.settings import ROOT

KNOWN = Known(
    prices={
        "write_unit": 1.0,
        "read_unit": 0.5,
        "sqs_request": 0.25,
        "lambda_request": 2.0,
        "lambda_gb_second": 4.0,
        "metric_month": 3.0,
        "alarm_month": 1.0,
        "metric_read": 0.5,
        "composite_alarm_month": 5.0,
        "dashboard_month": 7.0,
        "key_month": 11.0,
        "log_gb": 0.0,
        "schedule": 0.0,
    },
    units={"processor: ledger: write entries": (1, 0, 0), "indexer: letters: read letters": (0, 1, 1)},
    assumed={
        "memory_gb": 0.5,
        "processor_seconds": 1.0,
        "log_bytes": 0.0,
        "batch": 10,
        "minutes_month": 2,
        "scheduled_seconds": 0,
        "scheduled_read_units": 1,
        "idle_metrics": 2,
        "pollers": 1,
        "sweep_receives": 1,
        "listed_pairs": 10,
        "ages_minutes": 1,
    },
)


class Costs(unittest.TestCase):
    def test_ages_are_paid_for_each_queue_and_reading(self) -> None:
        self.assertEqual(KNOWN.ages().watching, 2 * 10 * 0.5 + 2 * (3.0 + 1.0))

    def test_what_a_message_writes_is_its_own_and_requests_are_shared(self) -> None:
        calls = {"processor: invocations": 2, "processor: messages received": 2, "processor: ledger: write entries": 3}
        alone, shared = KNOWN.message(calls, 1), KNOWN.message(calls, 10)
        self.assertEqual((alone.dynamodb, shared.dynamodb), (3.0, 3.0))
        self.assertEqual((alone.sqs, shared.sqs), (0.5, 0.05))
        self.assertEqual((alone.compute, shared.compute), (8.0, 0.8))

    def test_what_is_received_once_is_deleted_by_the_mapping(self) -> None:
        self.assertEqual(KNOWN.message({"processor: messages received": 1}, 1).sqs, 0.5)

    def test_a_call_without_a_price_is_refused_by_its_name(self) -> None:
        with self.assertRaisesRegex(CostError, "processor: main queue: sing"):
            KNOWN.message({"processor: main queue: sing": 1}, 1)

    def test_idle_counts_the_alarms_of_the_template(self) -> None:
        template = "  A:\n    Type: AWS::CloudWatch::Alarm\n  B:\n    Type: AWS::CloudWatch::CompositeAlarm\n"
        self.assertEqual(KNOWN.idle(template).watching, 2 * 3 + 1 + 5 + 7 + 11)
        self.assertEqual(KNOWN.idle(template).dynamodb, 1.0)

    def test_the_repository_s_own_figures_are_whole_and_the_direct_way_is_the_cheaper(self) -> None:
        found = costs.read()
        self.assertEqual(len(found), 8)
        by_redrive, direct = (
            next(bill for words, bill in found.items() if words.startswith(f"{costs.WAYS[way]}, one")) for way in list(costs.WAYS)[1:]
        )
        self.assertGreater(by_redrive.total, direct.total)
        self.assertLess(by_redrive.total / MILLION, 0.0001, "a dollar for ten thousand deaths at the most")

    def test_the_page_of_figures_tells_them(self) -> None:
        """Each figure within a fifth: prices are rounded there."""
        told = [float(text) for text in re.findall(r"\*\*\$([0-9.]+)\*\*", (ROOT / "docs" / "benchmarks.md").read_text())]
        found = [bill.total for bill in costs.read().values()]
        self.assertEqual(len(told), len(found))
        for figure, exact in zip(told, found, strict=True):
            self.assertAlmostEqual(figure, exact, delta=exact / 5)

    def test_a_bill_adds_up(self) -> None:
        self.assertEqual(Bill(1, 2, 3, 4).total, 10)


if __name__ == "__main__":
    unittest.main()
