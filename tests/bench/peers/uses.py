"""Checks for each scene what each tool does with an old image that is in use."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.peers import kiln, world
from bench.peers.tools import REGION, Ran, Tool
from local_aws.client import LocalAws
from scenes import ALL, ANOTHER_ACCOUNT, UNSEEN, Keeps, Scene, Use

UNUSED, USED, NEWEST = 200, 150, [2, 1]
"""The ages of the releases in days: one unused, one in use, and the two newest."""
KILN = "Kiln"
KEPT, REMOVED = "kept", "REMOVED"


@dataclass(frozen=True)
class Outcome:
    """What happened to the image in use."""

    said: str
    """`kept`, `REMOVED`, or `failed: ` and the error."""
    unused_went: bool
    """Whether the unused image was removed, as it should be."""

    def __str__(self) -> str:
        return self.said if self.unused_went or self.said != KEPT else "kept, as all"

    def good(self) -> bool:
        return self.said == KEPT and self.unused_went


Outcomes = dict[str, dict[str, Outcome]]
"""The outcome by scene and tool."""


def all_scenes(tools: list[Tool], built: Path) -> Outcomes:
    scenes = (*ALL, *UNSEEN)
    outcomes: Outcomes = {scene.name: {} for scene in scenes}
    with world.local_aws() as aws:
        for scene in scenes:
            for tool in tools:
                outcomes[scene.name][tool.name] = _of_tool(aws, scene, tool)
    with world.local_aws() as aws:
        kiln.install(aws, built)
        for scene in scenes:
            outcomes[scene.name][KILN] = _of_kiln(aws, scene)
    return outcomes


def _of_tool(aws: LocalAws, scene: Scene, tool: Tool) -> Outcome:
    unused, used, use = _begin(aws, scene)
    return _outcome(aws, scene, unused, used, use, tool.run(aws.url))


def _of_kiln(aws: LocalAws, scene: Scene) -> Outcome:
    unused, used, use = _begin(aws, scene)
    ran = kiln.expire(aws)
    aws.wait_idle(60)
    if scene is ANOTHER_ACCOUNT:
        # In the first night Kiln requests a usage report, which it reads in the second.
        ran = kiln.expire(aws)
        aws.wait_idle(60)
    return _outcome(aws, scene, unused, used, use, ran)


def _begin(aws: LocalAws, scene: Scene) -> tuple[str, str, Use]:
    world.clear(aws)
    world.put_recipe(aws, more=scene.recipe)
    unused, used, *_ = world.releases(aws, [UNUSED, USED, *NEWEST])
    return unused, used, scene.begin(aws, used, REGION)


def _outcome(aws: LocalAws, scene: Scene, unused: str, used: str, use: Use, ran: Ran) -> Outcome:
    match scene.keeps:
        case Keeps.IMAGE:
            there = world.has_image(aws, used)
        case Keeps.SNAPSHOTS:
            there = use.name in world.snapshots(aws)
    failed = f"failed: {ran.failed}" if ran.failed else KEPT
    return Outcome(failed if there else REMOVED, not world.has_image(aws, unused))
