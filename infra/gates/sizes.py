"""Rules for what AWS holds no more of: a parameter's value, a role's inline policies, a function's variables, its layers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from infra.gates.rules import rule
from infra.gates.template import Template, listed

# The sum of a role's inline policies, in characters without white space (IAM's quotas).
INLINE_CHARACTERS = 10_240
# All variables of a function, names and values, in bytes (Lambda's quotas).
ENVIRONMENT_BYTES = 4_096
LAYERS = 5
# A parameter's value, in bytes (CloudFormation's quotas).
PARAMETER_BYTES = 4_096
# What stands for a name that only AWS knows: an ARN of a table, a log group or a queue with a long stack name.
UNKNOWN = "x" * 110


def _written(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    return re.sub(r"\$\{[^}]+\}", UNKNOWN, text)


@rule("parameters-fit")
def parameters(template: Template) -> Iterator[str]:
    """A parameter's value is within CloudFormation's quota."""
    for name, value in template.values.items():
        size = len((",".join(value) if isinstance(value, list) else str(value)).encode())
        if size > PARAMETER_BYTES:
            yield f"{name} would have {size} characters, and CloudFormation takes {PARAMETER_BYTES}"


@rule("policies-fit")
def policies(template: Template) -> Iterator[str]:
    """A role's own policies are within IAM's quota."""
    for role in template.of_type("AWS::IAM::Role"):
        size = sum(len(_written(policy["PolicyDocument"])) for policy in role.get("Policies", []))
        if size > INLINE_CHARACTERS:
            yield f"{role.name} has policies of {size} characters, and IAM takes {INLINE_CHARACTERS}"


@rule("variables-fit")
def variables(template: Template) -> Iterator[str]:
    """A function's variables are within Lambda's quota."""
    for one in template.of_type("AWS::Lambda::Function"):
        told = one.get("Environment.Variables", {})
        size = sum(len(name.encode()) + len(_written(str(value)).encode()) for name, value in told.items())
        if size > ENVIRONMENT_BYTES:
            yield f"{one.name} is told {size} bytes, and Lambda takes {ENVIRONMENT_BYTES}"


@rule("layers-fit")
def layers(template: Template) -> Iterator[str]:
    """A function has the layers that it may have."""
    for one in template.of_type("AWS::Lambda::Function"):
        if len(listed(one.get("Layers"))) > LAYERS:
            yield f"{one.name} has more than {LAYERS} layers"
