"""Tests of the event source mapping's decisions."""

from __future__ import annotations

import datetime
import unittest
from typing import Any

from infra.rabbitmq.settling import Message, Reading, Step, after, event

ARN = "arn:aws:mq:us-east-1:000000000000:broker:stage:b-1"
MORNING = datetime.datetime(2026, 11, 3, 0, 4, 9, tzinfo=datetime.UTC)


def document(**parts: Any) -> dict[str, Any]:
    """Returns a message of an event."""
    made = event([Message(1, **parts)], "orders", "/", ARN)
    (only,) = made["rmqMessagesByQueue"]["orders::/"]
    return dict(only)


class Settling(unittest.TestCase):
    def test_an_event_names_queue_and_virtual_host_and_has_all_messages_in_order(self) -> None:
        made = event([Message(1, b"a"), Message(2, b"b")], "orders", "shop", ARN)
        self.assertEqual(
            (made["eventSource"], made["eventSourceArn"], list(made["rmqMessagesByQueue"])), ("aws:rmq", ARN, ["orders::shop"])
        )
        self.assertEqual([one["data"] for one in made["rmqMessagesByQueue"]["orders::shop"]], ["YQ==", "Yg=="])

    def test_a_property_that_was_not_set_is_null(self) -> None:
        one = document(body=b"abc", redelivered=True)
        self.assertEqual((one["basicProperties"]["priority"], one["basicProperties"]["messageId"]), (None, None))
        self.assertEqual((one["basicProperties"]["bodySize"], one["basicProperties"]["headers"], one["redelivered"]), (3, {}, True))

    def test_a_text_is_signed_bytes_in_a_header_and_text_in_a_property(self) -> None:
        one = document(body=b"", headers={"trace": "é", "raw": b"\x00\x80"}, properties={"messageId": "é"})["basicProperties"]
        self.assertEqual(one["headers"], {"trace": {"bytes": [-61, -87]}, "raw": {"bytes": [0, -128]}})
        self.assertEqual(one["messageId"], "é")

    def test_numbers_truth_tables_and_lists_of_headers_keep_their_kind(self) -> None:
        headers = {"n": 7, "t": True, "v": None, "table": {"x": {"y": "z"}}, "list": [1, "a", {"t": False}]}
        self.assertEqual(
            document(body=b"", headers=headers)["basicProperties"]["headers"],
            {
                "n": 7,
                "t": True,
                "v": None,
                "table": {"x": {"y": {"bytes": [122]}}},
                "list": [1, {"bytes": [97]}, {"t": False}],
            },
        )

    def test_a_time_is_a_text_with_twelve_hours(self) -> None:
        noon = MORNING.replace(hour=12)
        one = document(body=b"", headers={"at": noon}, properties={"timestamp": MORNING})["basicProperties"]
        self.assertEqual((one["timestamp"], one["headers"]["at"]), ("Nov 3, 2026, 12:04:09 AM", "Nov 3, 2026, 12:04:09 PM"))

    def test_a_failed_invocation_returns_the_batch_in_the_way_that_was_chosen(self) -> None:
        for lost in (False, True):
            steps = [after(None, reading, lost=lost) for reading in Reading]
            self.assertEqual(steps, [Step.NACK, Step.REJECT, Step.CLOSE])

    def test_every_answer_is_success_even_one_that_names_failures(self) -> None:
        for answer in ({}, {"batchItemFailures": [{"itemIdentifier": "1"}]}, "text"):
            for reading in Reading:
                self.assertEqual(after(answer, reading, lost=False), Step.ACK)

    def test_a_lost_acknowledgement_ends_the_connection(self) -> None:
        self.assertEqual(after({}, Reading.NACK, lost=True), Step.CLOSE)


if __name__ == "__main__":
    unittest.main()
