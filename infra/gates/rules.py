"""Rules for templates: each is a function that says what must hold, and yields what breaks it. All of them are in `ALL`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from infra.gates.template import Resource, Template

Check = Callable[[Template], Iterator[str]]
ALL: dict[str, Check] = {}


def rule(name: str) -> Callable[[Check], Check]:
    """Makes a function a rule."""

    def enter(check: Check) -> Check:
        ALL[name] = check
        return check

    return enter


def findings(template: Template) -> list[str]:
    """Returns all breaches of any rule, each with the rule's name."""
    return [f"{name}: {found}" for name, check in ALL.items() for found in check(template)]


KINDS = ("processor", "indexer", "replay")


def function(template: Template, kind: str) -> Resource | None:
    """The processor, the indexer or the replay, if the template has one."""
    found = [one for one in template.of_type("AWS::Lambda::Function") if f"{kind}function" in one.name.lower()]
    return found[0] if found else None


def functions(template: Template) -> Iterator[tuple[str, Resource]]:
    """Yields the functions that the template has."""
    for kind in KINDS:
        found = function(template, kind)
        if found is not None:
            yield kind, found


def variable(resource: Resource, name: str) -> str | None:
    """A variable of a function's environment."""
    value = resource.get(f"Environment.Variables.{name}")
    return None if value is None else str(value)
