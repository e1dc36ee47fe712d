"""Lists of queue pairs as parameters of attach.yaml. Run by `make test-stage`."""

from __future__ import annotations

import json
import unittest

from infra.dev.pairs import PairsError, parameters, refusals
from infra.stack.settings import INFRA

ARN = "arn:aws:sqs:eu-central-1:111122223333"
URL = "https://sqs.eu-central-1.amazonaws.com/111122223333"


def pairs(count: int) -> str:
    """A file's text, of so many pairs with names of usual length."""
    names = [f"department-orders-service-{n:04}" for n in range(count)]
    return json.dumps(
        {
            "pairs": [
                {"source_arn": f"{ARN}:{name}", "source_url": f"{URL}/{name}", "dead_letter_url": f"{URL}/{name}-dlq"} for name in names
            ]
        }
    )


class Pairs(unittest.TestCase):
    def test_the_example_fits_inline(self) -> None:
        told = parameters((INFRA / "pairs.example.json").read_text(), None)
        self.assertEqual(told["DeadLetterQueueArns"].split(",")[0], "arn:aws:sqs:eu-central-1:123456789012:orders-dead")
        self.assertEqual(list(refusals(told)), [])

    def test_a_list_that_is_too_long_to_be_told_inline_fits_as_a_file(self) -> None:
        inline = list(refusals(parameters(pairs(40), None)))
        self.assertTrue(any("--at /opt" in problem for problem in inline), inline)
        self.assertEqual(list(refusals(parameters(pairs(40), "/opt/pairs.json"))), [])

    def test_more_than_a_parameter_or_a_role_holds_is_refused_with_the_numbers(self) -> None:
        problems = " ".join(refusals(parameters(pairs(80), "/opt/pairs.json")))
        self.assertIn("SourceQueueArns", problems)
        self.assertIn("CloudFormation takes 4096", problems)

    def test_what_is_no_list_is_told(self) -> None:
        for text in ("", "[]", '{"pairs": [{}]}', '{"pairs": [1]}'):
            with self.assertRaises(PairsError):
                parameters(text, None)


if __name__ == "__main__":
    unittest.main()
