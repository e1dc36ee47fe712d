"""Patience of a demo: something is looked at again and again, and noted if it does not come."""

from __future__ import annotations

import time
from collections.abc import Callable

SECONDS = 150.0
LOOK_SECONDS = 0.5


class Patience:
    """Waits of a story, and those that were in vain."""

    def __init__(self) -> None:
        self.unfinished: list[str] = []

    def wait(self, title: str, done: Callable[[], bool]) -> None:
        """Waits until it is done, or notes the title after SECONDS."""
        deadline = time.monotonic() + SECONDS
        while not done():
            if time.monotonic() > deadline:
                self.unfinished.append(title)
                return
            time.sleep(LOOK_SECONDS)
