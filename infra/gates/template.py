"""A template as CloudFormation would see it: SAM's parts written out, conditions decided, functions resolved.

Whatever only AWS knows stays a symbol, inside longer texts, too: `${MainQueue}` for a Ref, `${MainQueue.Arn}` for an
attribute.
"""

from __future__ import annotations

import copy
import json
import logging
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# SAM asks boto3 for a region when it is imported; nothing is ever called.
os.environ.setdefault("AWS_DEFAULT_REGION", "eu-central-1")

from samcli.yamlhelper import yaml_parse
from samtranslator.translator.transform import transform

# Metrics of its own, which nobody asks for.
logging.getLogger("samtranslator").setLevel(logging.ERROR)

PSEUDO = {
    "AWS::AccountId": "111122223333",
    "AWS::Partition": "aws",
    "AWS::Region": "eu-central-1",
    "AWS::StackName": "app",
    "AWS::URLSuffix": "amazonaws.com",
}
_NOTHING = object()


class TemplateError(ValueError):
    """The template cannot be resolved."""


@dataclass(frozen=True)
class Resource:
    """A resource that the settings let be."""

    name: str
    type: str
    properties: dict[str, Any]
    body: dict[str, Any]

    def get(self, path: str, default: Any = None) -> Any:
        """A property by its path, such as `RedrivePolicy.maxReceiveCount`."""
        found: Any = self.properties
        for step in path.split("."):
            found = found.get(step) if isinstance(found, dict) else None
        return default if found is None else found

    @property
    def ref(self) -> str:
        """Returns the symbol of its Ref."""
        return "${%s}" % self.name

    @property
    def arn(self) -> str:
        """Returns the symbol of its ARN."""
        return "${%s.Arn}" % self.name

    def is_meant_by(self, value: Any) -> bool:
        """Returns true if a value names this resource: by its Ref, its ARN, its name, or the ARN that its name makes."""
        return value in self.names()

    def names(self) -> set[str]:
        """Returns all texts that name it."""
        names = {self.ref, self.arn, "${%s.TopicArn}" % self.name, "${%s.QueueName}" % self.name}
        chosen = self.properties.get("QueueName")
        if isinstance(chosen, str):
            names |= {chosen, f"arn:aws:sqs:{PSEUDO['AWS::Region']}:{PSEUDO['AWS::AccountId']}:{chosen}"}
        return names


class Template:
    """The resources that these settings give, and what refuses the settings."""

    def __init__(self, source: Mapping[str, Any], settings: Mapping[str, str]) -> None:
        self.source = source
        parameters = source.get("Parameters", {})
        unknown = set(settings) - set(parameters)
        if unknown:
            raise TemplateError(f"no such parameters: {sorted(unknown)}")
        self.values: dict[str, Any] = {}
        for name, parameter in parameters.items():
            value = settings.get(name, parameter.get("Default"))
            if value is None:
                raise TemplateError(f"parameter {name} has no default, and no value is given")
            listed = str(parameter["Type"]) == "CommaDelimitedList" or str(parameter["Type"]).startswith("List<")
            self.values[name] = str(value).split(",") if listed else str(value)
        written = _written_out(source, {name: settings.get(name, p.get("Default")) for name, p in parameters.items()})
        self._mappings = written.get("Mappings", {})
        self._conditions = written.get("Conditions", {})
        self._known = set(written["Resources"])
        self.resources: dict[str, Resource] = {}
        for name, body in written["Resources"].items():
            if "Condition" in body and not self._condition(body["Condition"]):
                continue
            properties = self.resolve(body.get("Properties", {}))
            self.resources[name] = Resource(name, body["Type"], properties, body)

    def of_type(self, *types: str) -> list[Resource]:
        """The resources of these types, in the template's order."""
        return [resource for resource in self.resources.values() if resource.type in types]

    def find(self, value: Any) -> Resource | None:
        """The resource that a value names."""
        return next((resource for resource in self.resources.values() if resource.is_meant_by(value)), None)

    def refused(self) -> list[str]:
        """Returns what the Rules section says against the settings."""
        against = []
        for rule in self.source.get("Rules", {}).values():
            if "RuleCondition" in rule and not self._truth(rule["RuleCondition"]):
                continue
            against += [one["AssertDescription"] for one in rule["Assertions"] if not self._truth(one["Assert"])]
        return against

    @classmethod
    def against(cls, source: Mapping[str, Any], settings: Mapping[str, str]) -> list[str]:
        """Findings of the template about settings whose resources nobody looks at, which is quick."""
        return cls({**source, "Resources": {}, "Transform": None}, settings).refused()

    def resolve(self, value: Any) -> Any:
        """The value, without functions."""
        resolved = self._resolve(value)
        return None if resolved is _NOTHING else resolved

    def _resolve(self, value: Any) -> Any:
        if isinstance(value, dict):
            if len(value) == 1:
                ((name, argument),) = value.items()
                if name in ("Ref", "Condition") or name.startswith("Fn::"):
                    return self._call(name, argument)
            members = ((str(key), self._resolve(member)) for key, member in value.items())
            return {key: member for key, member in members if member is not _NOTHING}
        if isinstance(value, list):
            items = (self._resolve(item) for item in value)
            return [item for item in items if item is not _NOTHING]
        return value

    def _call(self, name: str, argument: Any) -> Any:
        match name:
            case "Ref":
                return self._ref(argument)
            case "Fn::GetAtt":
                return "${%s}" % (argument if isinstance(argument, str) else ".".join(argument))
            case "Fn::If":
                condition, then, otherwise = argument
                return self._resolve(then if self._condition(condition) else otherwise)
            case "Fn::Sub":
                text, variables = (argument, {}) if isinstance(argument, str) else argument
                return self._sub(text, {key: self._resolve(value) for key, value in variables.items()})
            case "Fn::Join":
                separator, parts = argument
                return str(separator).join(str(part) for part in self._resolve(parts))
            case "Fn::Select":
                place, items = argument
                return self._resolve(items)[int(place)]
            case "Fn::Split":
                separator, text = argument
                return self._resolve(text).split(separator)
            case "Fn::FindInMap":
                map_name, first, second = (str(self._resolve(step)) for step in argument)
                return self._mappings[map_name][first][second]
            case "Condition" | "Fn::Equals" | "Fn::And" | "Fn::Or" | "Fn::Not" | "Fn::Contains":
                return self._truth({name: argument})
        raise TemplateError(f"{name} is not known here")

    def _ref(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return _NOTHING
        if name in self.values:
            return self.values[name]
        if name in PSEUDO:
            return PSEUDO[name]
        if name not in self._known:
            raise TemplateError(f"Ref names nothing: {name}")
        return "${%s}" % name

    def _sub(self, text: str, variables: Mapping[str, Any]) -> str:
        def one(match: re.Match[str]) -> str:
            name = match.group(1)
            if name.startswith("!"):
                return "${%s}" % name[1:]
            if name in variables:
                return str(variables[name])
            return match.group(0) if "." in name else str(self._ref(name))

        return re.sub(r"\$\{([^}]+)\}", one, text)

    def _condition(self, name: str) -> bool:
        return self._truth(self._conditions[name])

    def _truth(self, value: Any) -> bool:
        if isinstance(value, str):
            return self._condition(value)
        ((name, argument),) = value.items()
        match name:
            case "Condition":
                return self._condition(argument)
            case "Fn::Equals":
                one, other = (self._resolve(side) for side in argument)
                return str(one) == str(other)
            case "Fn::And":
                return all(self._truth(part) for part in argument)
            case "Fn::Or":
                return any(self._truth(part) for part in argument)
            case "Fn::Not":
                return not self._truth(argument[0])
            case "Fn::Contains":
                items, item = (self._resolve(side) for side in argument)
                return item in items
        raise TemplateError(f"{name} is no condition")


def load(path: Path) -> dict[str, Any]:
    """The template as it is written; short forms such as !Ref become long ones."""
    text = path.read_text()
    parsed = json.loads(text) if path.suffix == ".json" else yaml_parse(text)
    plain: dict[str, Any] = json.loads(json.dumps(parsed))
    return plain


def _written_out(source: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    if source.get("Transform") != "AWS::Serverless-2016-10-31":
        return dict(source)
    plain = copy.deepcopy(dict(source))
    for resource in plain["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            # What `sam package` would put there.
            resource["Properties"]["CodeUri"] = "s3://bucket/key"
    written: dict[str, Any] = json.loads(json.dumps(transform(plain, dict(values), _NoPolicies())))
    return written


class _NoPolicies:
    """SAM's list of managed policies, of which none is used."""

    def load(self) -> dict[str, str]:
        """Loads no parameters at all."""
        return {}


def statements(template: Template, role: Resource) -> Iterator[dict[str, Any]]:
    """Yields the statements of a role: of its own policies, and of those attached to it."""
    policies = [policy["PolicyDocument"] for policy in role.get("Policies", [])]
    others = template.of_type("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy")
    policies += [other.get("PolicyDocument") for other in others if any(role.is_meant_by(name) for name in other.get("Roles", []))]
    for policy in policies:
        yield from policy["Statement"]


def listed(value: Any) -> list[Any]:
    """Returns a list: the value itself, or one that holds it."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
