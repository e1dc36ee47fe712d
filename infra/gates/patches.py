"""Ways to break a template in one place."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

Source = dict[str, Any]
Break = Callable[[Source], None]
MISSING = object()


def put(path: str, value: Any) -> Break:
    """Sets what stands at a path below Resources."""

    def breaks(source: Source) -> None:
        *steps, last = path.split("/")
        at: Any = source["Resources"]
        for step in steps:
            at = at[int(step)] if isinstance(at, list) else at[step]
        if isinstance(at, list):
            at[int(last)] = value
        else:
            assert last in at or value is not MISSING, path
            at[last] = value
        if value is MISSING:
            del at[last]

    return breaks


def drop(path: str) -> Break:
    """Takes away what stands at a path below Resources."""
    return put(path, MISSING)


def text(resource: str, old: str, new: str) -> Break:
    """Replaces every occurrence of a text in a resource."""

    def breaks(source: Source) -> None:
        before = json.dumps(source["Resources"][resource])
        assert old in before, f"{resource} has no {old!r}"
        source["Resources"][resource] = json.loads(before.replace(old, new))

    return breaks


def statement(role: str, sid: str, **changes: Any) -> Break:
    """Changes a statement of a role's or a resource's policy."""

    def breaks(source: Source) -> None:
        found = list(_statements(source["Resources"][role], sid))
        assert found, f"{role} has no {sid}"
        for one in found:
            one.update(changes)
            for name in [name for name, value in changes.items() if value is MISSING]:
                del one[name]

    return breaks


def _statements(value: Any, sid: str) -> Any:
    if isinstance(value, dict):
        if value.get("Sid") == sid:
            yield value
        value = list(value.values())
    if isinstance(value, list):
        for member in value:
            yield from _statements(member, sid)


def parameter(name: str, **changes: Any) -> Break:
    """Returns a change of a parameter."""

    def breaks(source: Source) -> None:
        found = source["Parameters"][name]
        for key, value in changes.items():
            if value is MISSING:
                del found[key]
            else:
                found[key] = value

    return breaks


def unruled(name: str) -> Break:
    """Takes a rule of the Rules section away."""

    def breaks(source: Source) -> None:
        del source["Rules"][name]

    return breaks
