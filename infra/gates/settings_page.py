"""The page docs/configure.md: parameters, the rules between settings, and the functions' variables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from infra.gates import functions_settings
from infra.gates.markdown import code, items, number, prose, table
from infra.gates.rules import KINDS
from infra.gates.settings import INFRA
from infra.gates.template import load

WHOLE, ATTACHED = "template.yaml", "attach.yaml"
UNITS = {"seconds": "s", "days": "days", "count": ""}


def page() -> Iterator[str]:
    """Yields the parts of the page."""
    whole, attached = load(INFRA / WHOLE), load(INFRA / ATTACHED)
    yield prose("A setting is given in one of three ways:")
    yield items(
        "as a **parameter** of a SAM template: `infra/template.yaml` brings the queues, `infra/attach.yaml` is for queues that you have",
        "as a **property** of a construct of the CDK, with the same range; a time is a `Duration` there",
        "as a **variable** of a function's environment, which the other two set",
    )
    yield prose(
        "A function checks its variables when it starts. It lists everything that is wrong at once, with what is allowed. "
        "[Deploy](deploy.md#settings) says how a parameter is given, and [attach](attach.md) how a list of queue pairs is."
    )
    yield prose(
        "Contents: [parameters](#parameters-of-templateyaml) · [parameters of attach.yaml](#parameters-of-attachyaml) · "
        "[rules](#rules-between-settings) · [variables](#variables-of-the-functions)"
    )
    yield "## Parameters of template.yaml"
    yield from _groups(whole, functions_settings.parameters(WHOLE), "")
    yield "## Parameters of attach.yaml"
    yield prose("It has parameters of its own, and these of the above, with the same default and range:")
    both = [name for name, one in functions_settings.parameters(ATTACHED).items() if len(one["templates"]) > 1]
    yield prose(", ".join(map(code, both)) + ".")
    own = {name: one for name, one in functions_settings.parameters(ATTACHED).items() if name not in both}
    yield from _groups(attached, own, " (attach.yaml)")
    yield "## Rules between settings"
    yield prose(
        "CloudFormation refuses a parameter that breaks a rule while the other one keeps its default. It cannot calculate, "
        "so the functions refuse the rest when they start. The CDK refuses all of it when it synthesizes."
    )
    yield table(
        ["Setting", "Least value", "Reason"],
        ([code(one["setting"]), _demanded(one), one["why"]] for one in functions_settings.RULES.values()),
    )
    named = ", ".join(f"`{name}` has {one['attempts']}" for name, one in sorted(functions_settings.SCHEDULES.items(), reverse=True))
    yield prose(f"Of the schedules {named}; a list has one attempt more than delays.")
    yield "## Variables of the functions"
    yield prose(
        "Own templates set these. *Member* is the member of a pair in `QUEUE_PAIRS` that says the same (`infra/pairs.example.json`). "
        "A variable without a default must be set, unless its meaning says what its absence is."
    )
    yield from _variables({**_by_variable(attached, ATTACHED), **_by_variable(whole, WHOLE)})


def _groups(source: dict[str, Any], known: dict[str, dict[str, Any]], suffix: str) -> Iterator[str]:
    """The parameters as CloudFormation's form groups them."""
    for group in source["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]:
        rows = [_row(one, known[one], source["Parameters"][one]) for one in group["Parameters"] if one in known]
        if rows:
            yield f"### {group['Label']['default']}{suffix}"
            yield table(["Parameter", "Takes", "Default", "Meaning", "CDK property"], rows)


def _row(name: str, known: dict[str, Any], written: dict[str, Any]) -> list[str]:
    default = {None: "*to be given*", "": "nothing"}.get(known.get("default"), code(known.get("default")))
    return [code(name), _takes(known, written), default, _about(written), code(known.get("property"))]


def _about(written: dict[str, Any]) -> str:
    return " ".join(str(written["Description"]).split())


def _takes(known: dict[str, Any], written: dict[str, Any]) -> str:
    match known["allowed"]:
        case {"number": limits}:
            return _between(limits)
        case {"one_of": words}:
            return ", ".join(map(code, words))
    return str(written.get("ConstraintDescription", "")).rstrip(".")


def _between(limits: dict[str, Any]) -> str:
    return f"{number(limits['least'])} to {number(limits['most'])} {UNITS[limits['unit']]}".rstrip()


def _demanded(rule: dict[str, Any]) -> str:
    of = "attempts of " * (rule["of"] == functions_settings.SCHEDULE) + code(rule["of"])
    factor = f"{rule['times']} times " if rule["times"] > 1 else ""
    plus = f" + {rule['plus']}" if rule["plus"] else ""
    cap = f", at most {number(rule['cap'])}" if "cap" in rule else ""
    return f"{factor}{of}{plus}{cap}"


def _by_variable(source: dict[str, Any], name: str) -> dict[str, tuple[str, str]]:
    """The parameter that sets each variable, and its meaning."""
    return {
        one["variable"]: (one["name"], _about(source["Parameters"][one["name"]]))
        for one in functions_settings.parameters(name).values()
        if "variable" in one
    }


def _variables(parameters: dict[str, tuple[str, str]]) -> Iterator[str]:
    """The variables by the functions that read them."""
    sets = sorted({tuple(one["functions"]) for one in functions_settings.VARIABLES.values()}, key=lambda kinds: (-len(kinds), kinds))
    for kinds in sets:
        yield "### " + ("All functions" if len(kinds) == len(KINDS) else " and ".join(kinds).capitalize())
        rows = []
        for name, one in functions_settings.VARIABLES.items():
            if tuple(one["functions"]) == kinds:
                parameter, text = parameters.get(name, ("", ""))
                value = _between(one) if "unit" in one else ", ".join(map(code, one.get("values", []))) or one["form"]
                # A word about the variable itself comes before the parameter's.
                meaning = one.get("about") or text
                rows.append([code(name), value, code(one.get("default")), code(parameter), code(one.get("member")), meaning])
        yield table(["Variable", "Takes", "Default", "Parameter", "Member", "Meaning"], rows)
