"""Measures one night in which each tool removes 1,000 images: its time and its calls."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench.peers import kiln, world
from bench.peers.latency_proxy import LatencyProxy
from bench.peers.tools import Ran, Tool
from local_aws.client import LocalAws

IMAGES = 1_000
RUNS = ((1, 20), (2, 0), (2, 20))
"""The runs: how many snapshots each image has, and the latency of AWS in ms. The latency is less than that of
the real EC2.

DescribeImageReferences takes ten images, so Kiln needs at least 1.1 calls for an image, however many
snapshots it has: DeregisterImage deletes those. A tool that deletes them one by one needs a call more for
each."""
NEWEST = [1, 2]
OLD = list(range(100, 100 + IMAGES))


@dataclass(frozen=True)
class Night:
    """The result of one tool in one night."""

    tool: str
    snapshots: int
    """The snapshots of each image."""
    away_ms: int
    seconds: float
    """The seconds until the tool ended."""
    calls: Counter[str]
    """The calls by operation, of every service, including those of functions that the removal started."""
    images_left: int
    """How many of the images to remove are left."""
    snapshots_left: int
    """How many of their snapshots are left."""
    kept: bool
    """Whether the newest releases still exist, with their snapshots."""
    failed: str | None

    def whole(self) -> bool:
        return self.failed is None and self.images_left == self.snapshots_left == 0 and self.kept


def of_tool(tool: Tool, snapshots: int, away_ms: int) -> Night:
    with world.local_aws() as aws, LatencyProxy(aws.url, away_ms / 1000) as proxy:
        old = world.releases(aws, OLD, snapshots=snapshots)
        newest = world.releases(aws, NEWEST, snapshots=snapshots)
        url = proxy.url if away_ms else aws.url
        return _measured(aws, (tool.name, snapshots, away_ms), old, newest, lambda: tool.run(url))


def of_kiln(built: Path, snapshots: int, away_ms: int) -> list[Night]:
    """Kiln's two nights: the last step, as in its usual night, and all steps at once, as a recipe may say."""
    with world.local_aws() as aws, LatencyProxy(aws.url, away_ms / 1000) as proxy:
        kiln.install(aws, built)
        if away_ms:
            kiln.calls_through(aws, proxy.url)
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
    """Tags the images as if Kiln had taken its earlier steps long ago."""
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
    # Functions that the removal starts do not count for its time, but for its calls.
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
