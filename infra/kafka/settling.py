"""Decisions of an event source mapping of Kafka: which records of a batch come again. Touches nothing.

Where AWS's documents leave a question open, each reading of them is an answer here, and everything has to hold under all of them.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from infra.brokers.polling import signed


class Reading(Enum):
    """Reading of what AWS's documents say of a batch that is not done."""

    WHOLE = "whole"
    """The mapping takes no names of records: a failed invocation brings the whole batch again."""
    ONLY_FAILED = "only-failed"
    """The named records come again, and no others."""
    FROM_LOWEST = "from-lowest"
    """Everything of a partition comes again from the lowest named record on."""

    @property
    def answer(self) -> str:
        """Value of `KAFKA_ANSWER` for a function behind such a mapping."""
        return "fail" if self is Reading.WHOLE else "partial"


@dataclass(frozen=True)
class Record:
    """Kafka record, as a consumer reads it."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    timestamp_type: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]

    @property
    def place(self) -> tuple[str, int]:
        """Partition in Lambda's words, and offset."""
        return f"{self.topic}-{self.partition}", self.offset


def event(records: Sequence[Record], servers: str) -> dict[str, Any]:
    """Makes Lambda's event of a self-managed cluster."""
    by_partition: dict[str, list[dict[str, Any]]] = {}
    for record in records:
        by_partition.setdefault(record.place[0], []).append(_document(record))
    return {"eventSource": "SelfManagedKafka", "bootstrapServers": servers, "records": by_partition}


def _document(record: Record) -> dict[str, Any]:
    document: dict[str, Any] = {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": record.timestamp,
        "timestampType": record.timestamp_type,
        "headers": [{name: None if value is None else signed(value)} for name, value in record.headers],
    }
    for name, value in (("key", record.key), ("value", record.value)):
        if value is not None:
            document[name] = base64.b64encode(value).decode()
    return document


def to_redeliver(records: Sequence[Record], answer: Any, reading: Reading) -> Sequence[Record]:
    """Returns the records that come again after this answer; `None` is a failed invocation.

    An answer that names what is not of the batch says nothing of it: all of it has failed.
    """
    if answer is None:
        return records
    if reading is Reading.WHOLE or not isinstance(answer, dict):
        return ()
    failures = answer.get("batchItemFailures") or []
    known = {record.place: record for record in records}
    try:
        named = [known[(failure["itemIdentifier"]["partition"], failure["itemIdentifier"]["offset"])] for failure in failures]
    except (KeyError, TypeError):
        return records
    if reading is Reading.ONLY_FAILED:
        return [record for record in records if record in named]
    lowest: dict[str, int] = {}
    for partition, offset in (record.place for record in named):
        lowest[partition] = min(offset, lowest.get(partition, offset))
    return [record for record in records if record.offset >= lowest.get(record.place[0], record.offset + 1)]


def to_commit(records: Sequence[Record]) -> dict[int, int]:
    """Returns the next offset of each partition of a batch that is settled."""
    offsets: dict[int, int] = {}
    for record in records:
        offsets[record.partition] = max(record.offset + 1, offsets.get(record.partition, 0))
    return offsets
