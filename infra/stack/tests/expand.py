"""Templates as CloudFormation sees them: SAM expanded, intrinsic functions resolved to plain values."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

from stack.template import HOME_TEMPLATE, REGION_TEMPLATE

ACCOUNT = "123456789012"
HOME = "us-east-1"
FURTHER = "eu-west-1"


class Expanded:
    """A template whose resources are resolved for one Region."""

    def __init__(self, document: dict[str, Any], stack: str, region: str) -> None:
        self.raw = document
        self._names = {
            "AWS::AccountId": ACCOUNT,
            "AWS::Region": region,
            "AWS::Partition": "aws",
            "AWS::URLSuffix": "amazonaws.com",
            "AWS::StackName": stack,
        }
        for name, parameter in document.get("Parameters", {}).items():
            self._names[name] = str(parameter.get("Default", HOME if name == "HomeRegion" else ""))
        self.resources: dict[str, dict[str, Any]] = self.resolve(document["Resources"])

    def of(self, kind: str) -> dict[str, dict[str, Any]]:
        """The properties of each resource of a type, by logical id."""
        found = ((name, r) for name, r in self.resources.items() if r["Type"] == kind)
        return {name: resource["Properties"] for name, resource in found}

    def resolve(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self.resolve(item) for item in value]
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
                return re.sub(r"\$\{([^}]+)\}", lambda found: self._names[found[1]], argument)
            if function == "Fn::If":
                # The tests look at the default parameters: no alarm topic.
                return self.resolve(argument[2])
        return {key: self.resolve(item) for key, item in value.items()}


@cache
def home() -> Expanded:
    """template.yaml in us-east-1."""
    document = yaml_parse(HOME_TEMPLATE.read_text())
    for resource in document["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "s3://bucket/key"
    translator = Translator({}, Parser(), boto_session=boto3.Session(region_name=HOME))
    return Expanded(translator.translate(document, {}), "kiln", HOME)


@cache
def further() -> Expanded:
    """region.yaml in eu-west-1."""
    return Expanded(yaml_parse(REGION_TEMPLATE.read_text()), "kiln-region", FURTHER)
