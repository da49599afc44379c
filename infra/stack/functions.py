"""Kiln's functions, as infra/template.yaml has them: the one list that the tool, tests and benches read."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from stack import template as templates


@dataclass(frozen=True)
class Function:
    """One function of the template."""

    resource: str
    """Its name among the template's resources, such as `Bake`."""
    name: str
    """Its folder below functions/, and its binary, such as `bake`."""
    schedules: tuple[str, ...]
    """The schedules that wake it, by their names without the stack's, such as `bake`."""

    @property
    def role(self) -> str:
        """The resource that is its role."""
        return f"{self.resource}Role"

    @property
    def log(self) -> str:
        """The resource that is its log group."""
        return f"{self.resource}Log"


@cache
def functions() -> tuple[Function, ...]:
    """All functions, in the order of the chain."""
    return read(templates.read(templates.HOME_TEMPLATE))


@cache
def names() -> tuple[str, ...]:
    """The names of all functions, in the order of the chain."""
    return tuple(function.name for function in functions())


def read(document: templates.Template) -> tuple[Function, ...]:
    """The functions of a template."""
    return tuple(
        Function(resource, folder(properties), _schedules(document, resource))
        for resource, properties in templates.functions(document).items()
    )


def folder(properties: dict[str, Any]) -> str:
    """The folder of a function, which is the last part of its `CodeUri`."""
    return Path(str(properties["CodeUri"])).name


def _schedules(document: templates.Template, resource: str) -> tuple[str, ...]:
    target = templates.Short("GetAtt", f"{resource}.Arn")
    return tuple(
        str(one["Properties"]["Name"].value).removeprefix("${AWS::StackName}-")
        for one in document["Resources"].values()
        if one["Type"] == templates.SCHEDULE and one["Properties"]["Target"]["Arn"] == target
    )
