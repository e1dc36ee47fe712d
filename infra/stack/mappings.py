"""Switches a queue's event source mappings off for a while, and on again whatever happens."""

from __future__ import annotations

import fcntl
import json
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PATIENCE_SECONDS = 120.0  # on AWS a mapping takes about a minute to stop
SETTLED = {True: "Enabled", False: "Disabled"}


class MappingError(RuntimeError):
    """A mapping did not change its state."""


@contextmanager
def off(lambdas: Any, queue_arn: str, folder: Path, say: Callable[[str], None]) -> Iterator[int | None]:
    """While the context lasts, none of the queue's mappings polls; gives the least batch size of those that did.

    The note is written before a mapping is touched, and goes when all are on again.
    """
    with _alone(folder) as alone:
        if not alone:
            raise MappingError(f"another watch is fed from the stage in {folder}")
        _restore(lambdas, folder, say)
        yield from _off(lambdas, queue_arn, folder, say)


def on_again(lambdas: Any, folder: Path, say: Callable[[str], None]) -> None:
    """Switches on what a watch left off that was killed; one that is running is left alone."""
    with _alone(folder) as alone:
        if alone:
            _restore(lambdas, folder, say)


def _off(lambdas: Any, queue_arn: str, folder: Path, say: Callable[[str], None]) -> Iterator[int | None]:
    found = lambdas.get_paginator("list_event_source_mappings").paginate(EventSourceArn=queue_arn)
    polling = [one for page in found for one in page["EventSourceMappings"] if one["State"] in ("Enabled", "Enabling")]
    ids = [one["UUID"] for one in polling]
    _note(folder).write_text(json.dumps(ids))
    try:
        _switch(lambdas, ids, enabled=False)
        say(f"{len(ids)} event source mappings of {queue_arn} are off" if ids else "the queue has no mapping of its own")
        yield min((int(one["BatchSize"]) for one in polling), default=None)
    finally:
        # A second Ctrl-C must not come between the mapping and its switch.
        kept = [(number, signal.signal(number, signal.SIG_IGN)) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
        try:
            _restore(lambdas, folder, say)
        finally:
            for number, handler in kept:
                signal.signal(number, handler)


def _restore(lambdas: Any, folder: Path, say: Callable[[str], None]) -> None:
    """Switches on what the note in the folder names, if there is one."""
    try:
        ids = json.loads(_note(folder).read_text())
    except FileNotFoundError:
        return
    _switch(lambdas, ids, enabled=True)
    _note(folder).unlink()
    if ids:
        say(f"{len(ids)} event source mappings are on again")


@contextmanager
def _alone(folder: Path) -> Iterator[bool]:
    with (folder / "mappings-off.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def _note(folder: Path) -> Path:
    return folder / "mappings-off.json"


def _switch(lambdas: Any, ids: Sequence[str], *, enabled: bool) -> None:
    known = [one for one in ids if _state(lambdas, one) is not None]
    for one in known:
        lambdas.update_event_source_mapping(UUID=one, Enabled=enabled)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while slow := [one for one in known if _state(lambdas, one) not in (SETTLED[enabled], None)]:
        if time.monotonic() > deadline:
            raise MappingError(f"not {SETTLED[enabled].lower()} after {PATIENCE_SECONDS:.0f} s: {', '.join(slow)}")
        time.sleep(0.2)


def _state(lambdas: Any, mapping: str) -> str | None:
    """Returns the mapping's state; none if it was deleted meanwhile."""
    try:
        return str(lambdas.get_event_source_mapping(UUID=mapping)["State"])
    except lambdas.exceptions.ResourceNotFoundException:
        return None
