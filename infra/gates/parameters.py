"""Rules for what a user may set: each parameter is bounded and explained, and the form asks for all of them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from infra.gates.rules import rule
from infra.gates.template import Template

# What nobody can know beforehand.
WITHOUT_DEFAULT = {"SourceQueueArns", "DeadLetterQueueArns"}


@rule("parameters-are-bounded")
def bounded(template: Template) -> Iterator[str]:
    """A parameter has a default, a description, and allowed values, a pattern or bounds."""
    for name, parameter in template.source.get("Parameters", {}).items():
        if name == "BootstrapVersion":
            continue  # CDK's own
        patterned = "AllowedValues" in parameter or "AllowedPattern" in parameter
        if not patterned and not {"MinValue", "MaxValue"} <= set(parameter):
            yield f"{name} takes anything"
        if len(parameter.get("Description", "")) < 20:
            yield f"{name} is not explained"
        if "Default" not in parameter and name not in WITHOUT_DEFAULT:
            yield f"{name} has no default"
        if "AllowedPattern" in parameter and "ConstraintDescription" not in parameter and parameter["Type"] != "Number":
            yield f"{name} refuses without saying what it takes"
        default = parameter.get("Default")
        if default is not None and "AllowedPattern" in parameter and not re.fullmatch(parameter["AllowedPattern"], str(default)):
            yield f"{name} refuses its own default"


@rule("parameters-are-asked-for")
def asked(template: Template) -> Iterator[str]:
    """The form has every parameter, once."""
    interface = template.source.get("Metadata", {}).get("AWS::CloudFormation::Interface")
    if interface is None:
        return
    names = [name for group in interface["ParameterGroups"] for name in group["Parameters"]]
    for name in sorted(set(names) ^ set(template.source["Parameters"])):
        yield f"{name} is in the form or among the parameters, and not in both"
    if len(names) != len(set(names)):
        yield "a parameter is in the form twice"


@rule("settings-are-refused-early")
def fitting(template: Template) -> Iterator[str]:
    """The settings fit together."""
    yield from template.refused()
