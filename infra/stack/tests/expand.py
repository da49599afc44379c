"""Templates as CloudFormation sees them: SAM expanded, intrinsic functions resolved to plain values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

from stack.template import ACCOUNT_TEMPLATE, ARTIFACTS_TEMPLATE, HOME_TEMPLATE, REGION_TEMPLATE

ACCOUNT = "123456789012"
HOME = "us-east-1"
FURTHER = "eu-west-1"


# A value for every parameter that is empty by default, as a regulated account would give it.
REGULATED = {
    "PermissionsBoundary": f"arn:aws:iam::{ACCOUNT}:policy/boundary",
    "RolePath": "/platform/",
    "KmsKey": f"arn:aws:kms:us-east-1:{ACCOUNT}:key/0a1b2c3d-1111-2222-3333-444455556666",
    "SubnetIds": "subnet-0a1b2c3d4e5f60718,subnet-0a1b2c3d4e5f60719",
    "SecurityGroupIds": "sg-0a1b2c3d4e5f60718",
    "CodeSigningConfig": f"arn:aws:lambda:us-east-1:{ACCOUNT}:code-signing-config:csc-0a1b2c3d4e5f60718",
    "Tracing": "Active",
    "InstanceProfiles": "golden-builder",
    "InstanceRoles": f"arn:aws:iam::{ACCOUNT}:role/golden-builder",
    "FetchFrom": "arn:aws:s3:::artefacts/agents/*",
    "AlarmTopic": f"arn:aws:sns:us-east-1:{ACCOUNT}:oncall",
    "NotifyTopic": f"arn:aws:sns:us-east-1:{ACCOUNT}:news",
}
NEWS = REGULATED["NotifyTopic"]
_NONE = object()


class Expanded:
    """A template whose resources are resolved for one Region, one stack and one set of parameters."""

    def __init__(
        self, document: dict[str, Any], stack: str, region: str, parameters: Mapping[str, str]
    ) -> None:
        self.raw = document
        self.stack = stack
        self.region = region
        self._names: dict[str, Any] = {
            "AWS::AccountId": ACCOUNT,
            "AWS::Region": region,
            "AWS::Partition": "aws",
            "AWS::URLSuffix": "amazonaws.com",
            "AWS::StackName": stack,
            "AWS::NoValue": _NONE,
        }
        unknown = parameters.keys() - document["Parameters"].keys()
        assert not unknown, f"the template has no parameter {unknown}"
        for name, parameter in document["Parameters"].items():
            default = parameter.get("Default", HOME if name == "HomeRegion" else "")
            value = str(parameters.get(name, default))
            self._names[name] = value.split(",") if parameter["Type"] == "CommaDelimitedList" else value
        self._conditions = document.get("Conditions", {})
        # What a condition leaves out is not there.
        self.resources: dict[str, dict[str, Any]] = self.resolve(
            {
                name: resource
                for name, resource in document["Resources"].items()
                if "Condition" not in resource or self.holds(resource["Condition"])
            }
        )
        self.outputs: dict[str, dict[str, Any]] = self.resolve(document.get("Outputs", {}))

    def of(self, kind: str) -> dict[str, dict[str, Any]]:
        """The properties of each resource of a type, by logical id."""
        found = ((name, r) for name, r in self.resources.items() if r["Type"] == kind)
        return {name: resource["Properties"] for name, resource in found}

    def holds(self, condition: str) -> bool:
        """Whether a condition of the template holds."""
        return bool(self.resolve(self._conditions[condition]))

    def resolve(self, value: Any) -> Any:
        if isinstance(value, list):
            return [item for item in map(self.resolve, value) if item is not _NONE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            function, argument = next(iter(value.items()))
            if function == "Ref":
                return self._names.get(argument, f"<{argument}>")
            if function == "Fn::GetAtt":
                name, attribute = argument.split(".") if isinstance(argument, str) else argument
                return f"<{name}.{attribute}>"
            if function == "Fn::Sub":
                return re.sub(r"\$\{([^}]+)\}", lambda found: self._named(found[1]), argument)
            if function == "Fn::If":
                return self.resolve(argument[1 if self.holds(argument[0]) else 2])
            if function == "Fn::Join":
                return argument[0].join(self.resolve(argument[1]))
            if function == "Fn::Equals":
                return self.resolve(argument[0]) == self.resolve(argument[1])
            if function == "Fn::Not":
                return not self.resolve(argument[0])
            if function == "Fn::And":
                return all(self.resolve(one) for one in argument)
            if function == "Fn::Or":
                return any(self.resolve(one) for one in argument)
            if function == "Condition" and isinstance(argument, str):
                return self.holds(argument)
        resolved = ((key, self.resolve(item)) for key, item in value.items())
        return {key: item for key, item in resolved if item is not _NONE}

    def _named(self, name: str) -> str:
        """What `${name}` stands for in a text: a parameter, or an attribute of a resource."""
        of, _, attribute = name.partition(".")
        return f"<{name}>" if attribute and of in self.raw["Resources"] else self._names[name]


@cache
def home(stack: str = "kiln", **parameters: str) -> Expanded:
    """template.yaml in us-east-1, with a topic for people unless another is given, or none."""
    return Expanded(_translated(), stack, HOME, {"NotifyTopic": NEWS} | parameters)


@cache
def further(stack: str = "kiln-region", **parameters: str) -> Expanded:
    """region.yaml in eu-west-1."""
    return Expanded(yaml_parse(REGION_TEMPLATE.read_text()), stack, FURTHER, parameters)


@cache
def account(stack: str = "kiln-account", **parameters: str) -> Expanded:
    """account.yaml in us-east-1."""
    given = {"HomeAccount": ACCOUNT} | parameters
    return Expanded(yaml_parse(ACCOUNT_TEMPLATE.read_text()), stack, HOME, given)


@cache
def artifacts(stack: str = "kiln-artifacts", **parameters: str) -> Expanded:
    """artifacts.yaml in us-east-1."""
    given = {"Suffix": "0123456789abcdef"} | parameters
    return Expanded(yaml_parse(ARTIFACTS_TEMPLATE.read_text()), stack, HOME, given)


def of_further(parameters: Mapping[str, str]) -> dict[str, str]:
    """Those of the parameters that region.yaml has, with what is of a Region in the further one."""
    known = yaml_parse(REGION_TEMPLATE.read_text())["Parameters"]
    return {key: value.replace(HOME, FURTHER) for key, value in parameters.items() if key in known}


@cache
def _translated() -> dict[str, Any]:
    document = yaml_parse(HOME_TEMPLATE.read_text())
    for resource in document["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "s3://bucket/key"
    translator = Translator({}, Parser(), boto_session=boto3.Session(region_name=HOME))
    return translator.translate(document, {})
