"""Tests of the event source mapping's decisions."""

from __future__ import annotations

import unittest
from typing import Any

from infra.kafka.settling import Reading, Record, event, to_commit, to_redeliver


def record(partition: int, offset: int, **changes: Any) -> Record:
    """Makes a record without a key."""
    plain: dict[str, Any] = {
        "topic": "orders",
        "partition": partition,
        "offset": offset,
        "timestamp": 1_763_787_600_123,
        "timestamp_type": "CREATE_TIME",
        "key": None,
        "value": b"{}",
        "headers": (),
    }
    return Record(**{**plain, **changes})


BATCH = [record(0, 7), record(0, 8), record(0, 9), record(1, 3), record(1, 4)]


def named(*places: tuple[int, int]) -> dict[str, Any]:
    """Makes an answer that names these records."""
    ids = [{"itemIdentifier": {"partition": f"orders-{partition}", "offset": offset}} for partition, offset in places]
    return {"batchItemFailures": ids}


NOTHING: list[dict[str, Any]] = [{}, {"batchItemFailures": []}, {"batchItemFailures": None}]


class Settling(unittest.TestCase):
    def test_an_event_has_what_the_broker_had(self) -> None:
        strange = record(2, 5, key=b"k", value=None, headers=(("a", b"\x00\x7f\x80\xff"), ("a", None)))
        made = event([*BATCH, strange], "127.0.0.1:9092")
        self.assertEqual({name: len(of) for name, of in made["records"].items()}, {"orders-0": 3, "orders-1": 2, "orders-2": 1})
        document = made["records"]["orders-2"][0]
        self.assertEqual((document["key"], "value" in document), ("aw==", False))
        self.assertEqual(document["headers"], [{"a": [0, 127, -128, -1]}, {"a": None}])

    def test_a_failed_invocation_brings_the_whole_batch_again(self) -> None:
        for reading in Reading:
            self.assertEqual(to_redeliver(BATCH, None, reading), BATCH)

    def test_an_answer_without_names_is_success(self) -> None:
        for reading in Reading:
            for answer in NOTHING:
                self.assertEqual(list(to_redeliver(BATCH, answer, reading)), [], (reading, answer))

    def test_a_named_record_comes_again_alone_or_with_all_behind_it(self) -> None:
        answer = named((0, 9), (0, 8))
        self.assertEqual(to_redeliver(BATCH, answer, Reading.ONLY_FAILED), BATCH[1:3])
        self.assertEqual(to_redeliver(BATCH, named((0, 8)), Reading.FROM_LOWEST), BATCH[1:3])
        self.assertEqual(to_redeliver(BATCH, named((0, 9), (1, 3)), Reading.FROM_LOWEST), BATCH[2:])

    def test_a_mapping_without_partial_responses_reads_no_names(self) -> None:
        self.assertEqual(list(to_redeliver(BATCH, named((0, 8)), Reading.WHOLE)), [])

    def test_a_name_that_is_not_of_the_batch_fails_all_of_it(self) -> None:
        strange: tuple[dict[str, Any], ...] = (
            {"batchItemFailures": [{"itemIdentifier": "orders-0"}]},
            {"batchItemFailures": [{}]},
            named((0, 99)),
        )
        for answer in strange:
            self.assertEqual(to_redeliver(BATCH, answer, Reading.ONLY_FAILED), BATCH, answer)

    def test_what_is_committed_is_the_offset_behind_the_batch(self) -> None:
        self.assertEqual(to_commit(BATCH), {0: 10, 1: 5})


if __name__ == "__main__":
    unittest.main()
