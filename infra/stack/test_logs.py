"""Logs of more events than one answer holds."""

from __future__ import annotations

import unittest
from collections.abc import Callable, Iterator
from typing import Any

from infra.stack.logs import events

LIMIT = 10


def group(history: list[dict[str, Any]]) -> Callable[[int], Iterator[dict[str, Any]]]:
    """MiniStack's answer: the oldest events since then, at most LIMIT, and no token."""

    def pages(since: int) -> Iterator[dict[str, Any]]:
        yield {"events": [event for event in history if event["timestamp"] >= since][:LIMIT]}

    return pages


def event(at: int, message: str) -> dict[str, Any]:
    return {"timestamp": at, "message": message, "logStreamName": "s"}


class Events(unittest.TestCase):
    def test_the_newest_is_told_however_many_there_are(self) -> None:
        history = [event(n // 3, f"line {n}") for n in range(95)]
        self.assertEqual(list(events(group(history))), history)

    def test_equal_lines_of_one_moment_are_each_told_once(self) -> None:
        history = [event(1, "same")] * 4 + [event(2, "same")] * 7 + [event(3, "last")]
        self.assertEqual(list(events(group(history))), history)

    def test_more_events_in_a_moment_than_an_answer_holds_end_it(self) -> None:
        history = [event(1, "same")] * 25
        self.assertEqual(len(list(events(group(history)))), LIMIT)


if __name__ == "__main__":
    unittest.main()
