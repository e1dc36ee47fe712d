"""Tests of the costs beside the peers."""

from __future__ import annotations

import unittest
from typing import Any

from infra.dev.costs import Known
from infra.dev.costs_beside_peers import bills


def invocation(**changed: Any) -> dict[str, Any]:
    """Makes an invocation of ten messages, with a write unit for each."""
    counts = {"write_units": 10, "read_units": 0, "sqs": 0}
    return {"peer": "a", "size": 10, "delay_ms": 5, "phase": "first", "wall_ms": 20.0, "counts": counts, **changed}


class Costs(unittest.TestCase):
    """A bill is what was measured, at the prices of the file."""

    def test_a_million_messages_cost_their_units_requests_and_time(self) -> None:
        """The sum is what one reckons by hand."""
        known = Known.read()
        found = bills(known, [invocation(), invocation(wall_ms=40.0), invocation(wall_ms=30.0), invocation(size=100)])
        one = found["first", "a"]
        self.assertAlmostEqual(one.dynamodb, 1e6 * known.prices["write_unit"])
        self.assertAlmostEqual(one.sqs, 2e5 * known.prices["sqs_request"])
        seconds = 0.03 * known.assumed["memory_gb"] * known.prices["lambda_gb_second"]
        self.assertAlmostEqual(one.compute, 1e5 * (known.prices["lambda_request"] + seconds))

    def test_other_sizes_and_delays_are_left_out(self) -> None:
        """Only what is compared is billed."""
        self.assertEqual(bills(Known.read(), [invocation(size=100), invocation(delay_ms=0)]), {})


if __name__ == "__main__":
    unittest.main()
