"""Which stack gets which of the parameters that were given once, for all Regions."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from botocore.exceptions import ClientError

from stack.stacks import StackError

# Every Kiln has one of these rules on the default bus of each of its Regions.
_RULES = ("-region-forward-instances", "-instance-stopped")


def shared_out(
    given: Mapping[str, str], home: str, further: Collection[str], known_further: Collection[str]
) -> dict[str, dict[str, str]]:
    """The parameters of each Region's stack.

    The home stack gets all of them, a further one those that its template knows. A resource that is of one
    Region, such as a key or a topic, goes to the stack of its own Region: the value may hold an ARN for each
    Region, with commas between them.
    """
    shares: dict[str, dict[str, str]] = {region: {} for region in [home, *further]}
    for key, value in given.items():
        takers = [home, *(further if key in known_further else [])]
        arns = value.split(",")
        if not all(_region(arn) for arn in arns):
            for region in takers:
                shares[region][key] = value
            continue
        for arn in arns:
            region = _region(arn)
            if region not in takers:
                raise StackError(
                    f"parameter {key} names {arn}, but no stack in {region} takes it: "
                    f"give ARNs of {', '.join(takers)}"
                )
            if key in shares[region]:
                raise StackError(f"parameter {key} names two ARNs of {region}: give one for each Region")
            shares[region][key] = arn
    return shares


def neighbours(events: Any, name: str) -> list[str]:
    """The other home stacks of Kiln that hear a Region's events; none where nobody may list rules."""
    try:
        pages = events.get_paginator("list_rules").paginate()
        rules = [rule["Name"] for page in pages for rule in page["Rules"]]
    except ClientError:
        return []
    found = {rule.removesuffix(end) for rule in rules for end in _RULES if rule.endswith(end)}
    return sorted(found - {name})


def _region(text: str) -> str:
    """The Region of an ARN; empty for one of every Region, such as IAM's, and for what is no ARN."""
    parts = text.split(":", 5)
    return parts[3] if len(parts) == 6 and parts[0] == "arn" else ""
