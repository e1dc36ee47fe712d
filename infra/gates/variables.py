"""Rules that hold the templates to the settings as the functions have them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from infra.gates import functions_settings
from infra.gates.rules import functions, rule
from infra.gates.template import Template


def _name(template: Template) -> str | None:
    """Name of the template of ours that it is; another one, CDK's say, has no parameters of ours."""
    names = set(template.source.get("Parameters", {}))
    if "SourceQueueArns" in names:
        return "attach.yaml"
    return "template.yaml" if "MaxReceiveCount" in names else None


@rule("parameters-are-the-functions-settings")
def parameters(template: Template) -> Iterator[str]:
    """A parameter has the default and the range that infra/settings.json gives it, and every one stands there."""
    name = _name(template)
    if name is None:
        return
    known, written = functions_settings.parameters(name), template.source["Parameters"]
    for missing in sorted(set(known) ^ set(written)):
        yield f"{missing} is in {name} or in settings.json, and not in both"
    for parameter in sorted(set(known) & set(written)):
        for what, (ours, theirs) in _facts(known[parameter], written[parameter]).items():
            if ours != theirs:
                yield f"{parameter} has {what} {theirs!r}, and the functions {ours!r}"


def _facts(known: dict[str, Any], written: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Parameter as settings.json and a template have it, side by side."""
    default = (known.get("default"), written.get("Default"))
    found: dict[str, tuple[Any, ...]] = {"the default": tuple(None if one is None else str(one) for one in default)}
    match known["allowed"]:
        case {"number": limits}:
            values = [int(one) for one in written.get("AllowedValues", [])]
            listed = (values[0], values[-1]) if values and values == list(range(values[0], values[-1] + 1)) else None
            found["the range"] = ((limits["least"], limits["most"]), listed or (written.get("MinValue"), written.get("MaxValue")))
        case {"one_of": words}:
            found["the values"] = (words, [str(one) for one in written.get("AllowedValues", [])])
        case {"text": form}:
            found["the pattern"] = (form["pattern"], written.get("AllowedPattern"))
            found["the length"] = (form.get("longest"), written.get("MaxLength"))
    return {what: (one, other) for what, (one, other) in found.items()}


@rule("functions-are-told-what-they-read")
def variables(template: Template) -> Iterator[str]:
    """A function is told no variable that it does not read, and of a parameter the value."""
    name = _name(template)
    known = functions_settings.parameters(name) if name else {}
    sources = {one["variable"]: template.values[one["name"]] for one in known.values() if "variable" in one}
    for kind, one in functions(template):
        for variable, value in one.get("Environment.Variables", {}).items():
            reads = functions_settings.VARIABLES.get(variable, {}).get("functions", [])
            # A processor's handler may have variables of its own, in a stack of somebody else's.
            if kind not in reads and (name or variable in functions_settings.VARIABLES):
                yield f"{one.name} is told {variable}, which it does not read"
            source = sources.get(variable)
            if variable in _PLAIN and source is not None and str(value) != str(source):
                yield f"{one.name} is told {variable} {value}, and its parameter is {source}"


# Handed over as they are; the others are changed on their way, as words, ARNs and lists are.
_PLAIN = {variable for variable, one in functions_settings.VARIABLES.items() if "unit" in one and variable != "MAX_RECEIVE_COUNT"}


@rule("rules-are-refused-early")
def early(template: Template) -> Iterator[str]:
    """CloudFormation refuses a number that breaks a rule while all other parameters keep their defaults, and no other number."""
    name = _name(template)
    if name is None:
        return
    known = functions_settings.parameters(name)
    by_variable = {one["variable"]: one for one in known.values() if "variable" in one}
    defaults = {name: template.source["Parameters"][name].get("Default") for name in known}
    given = {name: value for name, value in _GIVEN.items() if name in known and defaults[name] in (None, "")}
    for changed in _probes(by_variable):
        values = {variable: changed.get(one["name"], one.get("default")) for variable, one in by_variable.items()}
        broken = [rule["name"] for rule in functions_settings.RULES.values() if _breaks(rule, values)]
        refused = Template.against(template.source, {**given, **changed})
        if broken and not refused:
            yield f"takes {changed}, which breaks {broken[0]}"
        if refused and not broken:
            yield f"refuses {changed}: {refused[0]}"


# What a single pair cannot do without.
_GIVEN = {"SourceQueueArns": "a", "SourceQueueUrl": "b", "DeadLetterQueueArns": "c", "DeadLetterQueueUrl": "d"}


def _number(variable: str, value: Any) -> int | None:
    if variable == functions_settings.SCHEDULE:
        return functions_settings.attempts(str(value))
    return int(value) if str(value).isdigit() else None


def _breaks(rule: dict[str, Any], values: dict[str, Any]) -> bool:
    numbers = [_number(variable, values[variable]) for variable in (rule["setting"], rule["of"]) if variable in values]
    if len(numbers) < 2 or None in numbers:
        return False
    setting, of = numbers
    return bool(setting is not None and of is not None and setting < functions_settings.least(rule["name"], of))


def _probes(by_variable: dict[str, dict[str, Any]]) -> Iterator[dict[str, str]]:
    """Values on both sides of each rule's edge, with all other parameters at their defaults."""
    for name, found in functions_settings.RULES.items():
        setting, of = by_variable.get(found["setting"]), by_variable.get(found["of"])
        if setting is None or of is None or "number" not in setting["allowed"]:
            continue
        if found["of"] == functions_settings.SCHEDULE:
            for schedule in functions_settings.SCHEDULES:
                edge = functions_settings.least(name, functions_settings.attempts(schedule))
                yield from ({setting["name"]: str(value), of["name"]: schedule} for value in (edge - 1, edge))
        elif "number" in of["allowed"]:
            edges = (
                (setting, functions_settings.least(name, int(of["default"])), -1),
                (of, functions_settings.most(name, int(setting["default"])), 1),
            )
            for parameter, edge, beyond in edges:
                limits = parameter["allowed"]["number"]
                for value in (edge, edge + beyond):
                    if limits["least"] <= value <= limits["most"]:
                        yield {parameter["name"]: str(value)}
