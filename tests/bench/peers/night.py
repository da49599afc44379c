"""One night in which 1,000 images go, by each tool: how long it takes, and how many calls of AWS's."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench.peers import kiln, world
from bench.peers.latency_proxy import Door
from bench.peers.tools import Ran, Tool
from local_aws.client import LocalAws

IMAGES = 1_000
RUNS = ((1, 20), (2, 0), (2, 20))
"""How many snapshots each image has, and how far away AWS is in ms: on this machine, or nearer than EC2 is
to anybody.

DescribeImageReferences takes ten images, so Kiln needs at least 1.1 calls for an image, however many
snapshots it has: DeregisterImage deletes those. A tool that deletes them one by one needs a call more for
each."""
NEWEST = [1, 2]
OLD = list(range(100, 100 + IMAGES))


@dataclass(frozen=True)
class Night:
    """What one tool did in one night."""

    tool: str
    snapshots: int
    """Of each image."""
    away_ms: int
    seconds: float
    """Until the tool was done."""
    calls: Counter[str]
    """By the name of the operation: every service's, also by functions that the removal woke."""
    images_left: int
    """Of those that were to go."""
    snapshots_left: int
    """Of theirs."""
    kept: bool
    """Whether the newest releases are there, with their snapshots."""
    failed: str | None

    def whole(self) -> bool:
        return self.failed is None and self.images_left == self.snapshots_left == 0 and self.kept


def of_tool(tool: Tool, snapshots: int, away_ms: int) -> Night:
    with world.local_aws() as aws, Door(aws.url, away_ms / 1000) as door:
        old = world.releases(aws, OLD, snapshots=snapshots)
        newest = world.releases(aws, NEWEST, snapshots=snapshots)
        url = door.url if away_ms else aws.url
        return _measured(aws, (tool.name, snapshots, away_ms), old, newest, lambda: tool.run(url))


def of_kiln(built: Path, snapshots: int, away_ms: int) -> list[Night]:
    """Its last step, which is what a night of its does; and all of its steps at once, as a recipe may ask."""
    with world.local_aws() as aws, Door(aws.url, away_ms / 1000) as door:
        kiln.install(aws, built)
        if away_ms:
            kiln.calls_through(aws, door.url)
        nights = []
        for name, due in (("Kiln, the last step", True), ("Kiln, all steps in one", False)):
            world.clear(aws)
            world.put_recipe(aws, *(("2d", "7d") if due else ("0d", "0d")))
            old = world.releases(aws, OLD, snapshots=snapshots, **(_due() if due else {}))
            newest = world.releases(aws, NEWEST, snapshots=snapshots)
            what = (name, snapshots, away_ms)
            nights.append(_measured(aws, what, old, newest, lambda: kiln.expire(aws)))
        return nights


def _due() -> dict[str, Any]:
    """Kiln's steps before the last were taken long ago."""
    past = {days: f"{datetime.now(UTC) - timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}" for days in (60, 50)}
    tags = {"kiln:stage": "disabled", "kiln:unused-since": past[60], "kiln:disabled-at": past[50]}
    return {"tags": tags, "state": "disabled"}


def _measured(
    aws: LocalAws, what: tuple[str, int, int], old: list[str], newest: list[str], run: Callable[[], Ran]
) -> Night:
    name, of_each, away_ms = what
    snapshots = world.snapshots(aws)
    before, began = aws.journal_end(), time.perf_counter()
    ran = run()
    seconds = time.perf_counter() - began
    # What the removal wakes is no part of its time, but its calls are made for it.
    aws.wait_idle(300)
    calls = Counter(str(call["action"]) for call in aws.journal(before, kind="call"))
    images, left = world.images(aws), world.snapshots(aws)
    assert len(snapshots) == of_each * (len(old) + len(newest))
    return Night(
        tool=name,
        snapshots=of_each,
        away_ms=away_ms,
        seconds=seconds,
        calls=calls,
        images_left=len(images & set(old)),
        snapshots_left=len(left) - of_each * len(newest),
        kept=set(newest) <= images and len(left) >= of_each * len(newest),
        failed=ran.failed,
    )
