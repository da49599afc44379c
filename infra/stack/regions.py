"""The further Regions: which of them still have a stack, and which recipes name them."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from stack.operate import documents_of
from stack.stacks import Stack, StackError

StackOf = Callable[[str], Stack]
"""The further Region's stack, by the Region."""


@dataclass(frozen=True)
class Found:
    """The further Regions' stacks of one home Region."""

    stacks: list[Stack]
    unseen: dict[str, str]
    """Regions that did not let themselves be asked, and why."""

    def lines(self) -> list[str]:
        """What could not be seen, as text."""
        if not self.unseen:
            return []
        why = next(iter(self.unseen.values()))
        return [f"Whether a stack is left in {', '.join(self.unseen)} cannot be seen: {why}"]


def with_a_stack(ec2: Any, stack_of: StackOf, home: str, bus: str, but: Iterable[str] = ()) -> Found:
    """The stacks of this home Region and bus in all Regions of the account, but for some.

    AWS itself is asked, not a record of former deployments: a record can be lost, or be of another machine.
    """
    try:
        enabled = [one["RegionName"] for one in ec2.describe_regions()["Regions"]]
    except (ClientError, BotoCoreError) as error:
        return Found([], {"any other Region": str(error)})
    # Clients are made one after the other, for boto3 cannot make two at once.
    stacks = [stack_of(region) for region in sorted(set(enabled) - {home, *but})]
    with ThreadPoolExecutor(8) as pool:
        asked = list(pool.map(_home_of, stacks))
    found = [stack for stack, answer in zip(stacks, asked, strict=True) if answer == (home, bus)]
    unseen = {
        stack.region: str(answer)
        for stack, answer in zip(stacks, asked, strict=True)
        if isinstance(answer, Exception)
    }
    return Found(found, unseen)


def recipes(ssm: Any, stack: str) -> dict[str, dict[str, Any]]:
    """A stack's recipes in Parameter Store by name. One that is no TOML is there, with nothing in it."""
    return {name: _document(text) for name, text in documents_of(ssm, stack).items()}


def naming(found: dict[str, dict[str, Any]], region: str) -> list[str]:
    """The recipes that copy their images to a Region."""
    return [name for name, document in found.items() if region in named_by(document)]


def named_by(document: dict[str, Any]) -> list[str]:
    """The Regions to which a recipe copies its images."""
    table = document.get("replicate")
    regions = table.get("regions") if isinstance(table, dict) else None
    return [one for one in regions if isinstance(one, str)] if isinstance(regions, list) else []


def _document(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return {}


def _home_of(stack: Stack) -> tuple[str | None, str | None] | Exception:
    try:
        found = stack.parameters()
        return found.get("HomeRegion"), found.get("BusName")
    except (StackError, BotoCoreError, ClientError) as error:
        return error
