"""CloudFormation's YAML, read and written with its short tags (`!Ref`, `!Sub`, ...) as they stand."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

Template = dict[str, Any]

INFRA = Path(__file__).resolve().parents[1]
HOME_TEMPLATE = INFRA / "template.yaml"
REGION_TEMPLATE = INFRA / "region.yaml"
ACCOUNT_TEMPLATE = INFRA / "account.yaml"
ARTIFACTS_TEMPLATE = INFRA / "artifacts.yaml"
FUNCTION = "AWS::Serverless::Function"
SCHEDULE = "AWS::Scheduler::Schedule"


@dataclass
class Short:
    """A value with a short tag, such as `!Ref Bus`."""

    tag: str
    value: Any


class _Loader(yaml.SafeLoader):
    pass


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        # CloudFormation refuses YAML aliases.
        return True


def _read_short(loader: _Loader, tag: str, node: yaml.Node) -> Short:
    if isinstance(node, yaml.ScalarNode):
        return Short(tag, loader.construct_scalar(node))
    if isinstance(node, yaml.SequenceNode):
        return Short(tag, loader.construct_sequence(node, deep=True))
    assert isinstance(node, yaml.MappingNode)
    return Short(tag, loader.construct_mapping(node, deep=True))


def _write_short(dumper: _Dumper, short: Short) -> yaml.Node:
    tag = f"!{short.tag}"
    if isinstance(short.value, str):
        return dumper.represent_scalar(tag, short.value)
    if isinstance(short.value, list):
        return dumper.represent_sequence(tag, short.value)
    return dumper.represent_mapping(tag, short.value)


_Loader.add_multi_constructor("!", _read_short)
_Dumper.add_representer(Short, _write_short)


def read(path: Path) -> Template:
    """A template from its file."""
    return yaml.load(path.read_text(), Loader=_Loader)  # noqa: S506 (a SafeLoader)


def parse(text: str) -> Template:
    """A template from its text."""
    return yaml.load(text, Loader=_Loader)  # noqa: S506 (a SafeLoader)


def write(template: Template) -> str:
    """A template as text that CloudFormation takes. Comments do not survive."""
    return yaml.dump(template, Dumper=_Dumper, sort_keys=False, width=1_000)


def functions(template: Template) -> dict[str, dict[str, Any]]:
    """The properties of each function, by its logical id."""
    resources = template["Resources"].items()
    return {name: resource["Properties"] for name, resource in resources if resource["Type"] == FUNCTION}
