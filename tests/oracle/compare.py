"""Lists where a plan of Kiln's differs from the oracle."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from oracle.rules import Expected
from oracle.snapshot import Account, Key

Line = dict[str, Any]


def of_images(decisions: list[Line]) -> dict[Key, list[Line]]:
    """The lines of the plan about each image, in order."""
    lines: dict[Key, list[Line]] = defaultdict(list)
    for line in decisions:
        if str(line.get("resource", "")).startswith("ami-"):
            lines[line["region"], line["resource"]].append(line)
    return lines


def telling(lines: list[Line]) -> list[Line]:
    """The lines that contain the plan of their image."""
    return [line for line in lines if "plan" in line]


def differences(account: Account, expected: dict[Key, Expected], answer: dict[str, Any]) -> list[str]:
    """One text for each image on which the plan and the oracle differ."""
    lines, omitted = of_images(answer["decisions"]), answer.get("omitted", 0)
    problems = [f"{'/'.join(key)}: it is in the plan, but does not exist" for key in lines.keys() - expected]
    missing = 0
    for key, wanted in expected.items():
        plans = telling(lines.get(key, []))
        if not plans and wanted.verdict is None and missing < omitted:
            missing += 1
            continue
        if len(plans) != 1:
            problems.append(f"{'/'.join(key)}: {len(plans)} lines bear a plan; the oracle: {wanted}")
            continue
        (line,) = plans
        said = (line["action"], line["plan"].get("usage"), line["plan"].get("next_step"))
        if said != (wanted.action, wanted.verdict, wanted.next):
            problems.append(_difference(account, key, said, wanted, line))
    return problems


def _difference(account: Account, key: Key, said: tuple[Any, ...], wanted: Expected, line: Line) -> str:
    image = account.images[key]
    stands = {name: value for name, value in image.tags.items() if name.startswith("kiln:")}
    return "\n".join(
        [
            f"{'/'.join(key)} of {line.get('recipe')}-{line.get('version')}, {image.state}:",
            f"    Kiln:   action {said[0]}, verdict {said[1]}, next {said[2]}: {line['reason']}",
            f"    oracle: action {wanted.action}, verdict {wanted.verdict}, next {wanted.next}",
            f"    tags {stands}, deprecated {image.deprecated}, created {image.created}",
            f"    rules {account.recipes[image.tags['kiln:recipe']]['expire']}",
        ]
    )


def counted(expected: dict[Key, Expected]) -> Counter[tuple[str, str | None, str | None]]:
    """How many images there are for each action, usage and next step."""
    return Counter((one.action, one.verdict, one.next) for one in expected.values())
