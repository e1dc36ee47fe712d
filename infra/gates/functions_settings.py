"""The settings, their limits and the rules between them, as the functions have them: `infra/settings.json`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_DOCUMENT: dict[str, Any] = json.loads((Path(__file__).resolve().parents[1] / "settings.json").read_text())

LIMITS: dict[str, int] = _DOCUMENT["limits"]
PARAMETERS: list[dict[str, Any]] = _DOCUMENT["parameters"]
RULES: dict[str, dict[str, Any]] = {rule["name"]: rule for rule in _DOCUMENT["rules"]}
SCHEDULES: dict[str, dict[str, Any]] = _DOCUMENT["schedules"]
VARIABLES: dict[str, dict[str, Any]] = {variable["name"]: variable for variable in _DOCUMENT["variables"]}
# A schedule is written as delays; what a rule counts is its attempts.
SCHEDULE = "RETRY_SCHEDULE"


def least(rule: str, of: int) -> int:
    """The least value of a rule's setting, for this value of the other one."""
    found = RULES[rule]
    demanded: int = found["times"] * of + found["plus"]
    cap: int = found.get("cap", demanded)
    return min(demanded, cap)


def most(rule: str, setting: int) -> int:
    """The greatest value of the other setting with which the rule still holds."""
    found = RULES[rule]
    return int((setting - found["plus"]) // found["times"])


def attempts(schedule: str) -> int:
    """The attempts of a retry schedule: by its name, or one more than its delays."""
    named = SCHEDULES.get(schedule)
    return int(named["attempts"]) if named else len(schedule.split(",")) + 1


def parameters(template: str) -> dict[str, dict[str, Any]]:
    """The parameters of a template (`template.yaml`, `attach.yaml`), by name."""
    return {one["name"]: one for one in PARAMETERS if template in one["templates"]}
