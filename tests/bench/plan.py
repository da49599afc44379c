"""Counts the calls of `expire`: for a plan of many images, and for a night in which many of them are
removed."""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench.memory import peaks
from local_aws.client import LocalAws
from local_aws.deploy import HOME_STACK, deploy
from oracle import histories, world
from oracle.model import FURTHER, HOME, REGIONS, Family, Size

SEED = 20_261_124
RECIPES, KEPT, GOING, TEMPLATES, VERSIONS, INSTANCES = 200, 15, 1_000, 300, 50, 2_000
EXPIRE = {"keep": KEPT, "older_than": "30d", "confirm_after": "2d", "quarantine": "7d"}
AT_ONCE = 10
"""How many images one DescribeImageReferences takes, and how many events one PutEvents and parameters one
GetParameters."""
PAGE = 1_000
BESIDE = 14
"""The limit of reads of a whole Region beside the pages of images and snapshots; today there are fewer."""
START = "GenerateMac"
"""What a function calls when it starts, beside an image that does not exist. EC2's events about the
deregistrations start further ones."""
NO_IMAGE = "kiln-is-there"
READS = ("Describe", "Get", "List")
REFERENCES, EVENTS = "DescribeImageReferences", "PutEvents"
BY_IMAGE = (REFERENCES, "DescribeImageAttribute")
"""Reads that do not cover a whole Region."""


@dataclass(frozen=True)
class Asked:
    """The calls of one invocation, by operation."""

    calls: Counter[str]
    woken: int
    """The calls of other invocations, which its events have started."""
    seconds: float
    peak_mib: float
    decisions: list[dict[str, Any]]

    @property
    def pages(self) -> int:
        """The number of pages of reads of whole Regions."""
        reads = [name for name in self.calls if name.startswith(READS) and name not in BY_IMAGE]
        return sum(self.calls[name] for name in reads)

    @property
    def each(self) -> int:
        """The number of calls that concern one image."""
        beside = self.calls[REFERENCES] + self.calls[EVENTS] + self.calls[START]
        return self.calls.total() - self.pages - beside


@dataclass(frozen=True)
class Limits:
    """The limits of calls for a night in which a number of images are removed."""

    each: int
    references: int
    events: int
    pages: int

    def hold(self, night: Asked) -> bool:
        calls = night.calls
        few = night.each <= self.each and night.pages <= self.pages
        return few and calls[REFERENCES] <= self.references and calls[EVENTS] <= self.events


def plan(built: Path) -> Asked:
    """Measures a plan for 10,000 images in every state."""
    now = datetime.now(UTC).replace(microsecond=0)
    return _ask(built, world.make(SEED, Size(), now), dry_run=True)


def night(built: Path) -> tuple[Asked, Limits]:
    """Measures a night in which 1,000 of 10,000 images are deregistered and the others stay."""
    tonight = _tonight(datetime.now(UTC).replace(microsecond=0))
    asked = _ask(built, tonight, dry_run=False)
    gone = sum((line["action"], line["outcome"]) == ("deregister", "done") for line in asked.decisions)
    if gone != GOING:
        raise RuntimeError(f"{gone} images went, not {GOING}")
    in_region = Counter(member.region for member in tonight.members())
    pages = sum(2 * -(-images // PAGE) + BESIDE for images in in_region.values())
    # The last call of each Region may contain fewer; one event lists all images of a recipe.
    references, events = (number // AT_ONCE + len(REGIONS) for number in (GOING, RECIPES))
    return asked, Limits(GOING, references, events, pages + RECIPES // AT_ONCE)


def _ask(built: Path, inhabited: world.World, dry_run: bool) -> Asked:
    with LocalAws() as aws:
        deploy(aws.url, built, home=HOME, regions=list(FURTHER), architecture="x86_64", say=lambda _: None)
        world.put(aws, inhabited)
        before, began = aws.journal_end(), datetime.now(UTC)
        payload = json.dumps({"dry_run": dry_run}).encode()
        answer = aws.client("lambda").invoke(FunctionName=f"{HOME_STACK}-expire", Payload=payload)
        took = (datetime.now(UTC) - began).total_seconds()
        body = json.loads(answer["Payload"].read())
        if "decisions" not in body:
            raise RuntimeError(f"expire failed: {str(body)[:300]}")
        aws.wait_idle(300)
        calls = [call for call in aws.journal(before, kind="call") if call["who"] == f"{HOME_STACK}-expire"]
        of_others = (_is_of_one_deregistration, _is_of_a_start)
        own = Counter(call["action"] for call in calls if not any(is_so(call) for is_so in of_others))
        own[START] = min(own[START], 1)
        peak = peaks(aws.pid).get("expire", 0.0)
        return Asked(own, len(calls) - own.total(), took, peak, body["decisions"])


def _is_of_a_start(call: dict[str, Any]) -> bool:
    return call["action"] == "DescribeImages" and NO_IMAGE in json.dumps(call["request"])


def _is_of_one_deregistration(call: dict[str, Any]) -> bool:
    """Whether an invocation was started by EC2's event about a deregistration; it reads orphaned snapshots
    once."""
    return call["action"] == "DescribeSnapshots" and "description" in json.dumps(call["request"])


def _tonight(now: datetime) -> world.World:
    rng = random.Random(SEED)
    found, left = world.World(), GOING
    for number in range(RECIPES):
        family = Family(f"app-{number:03}", EXPIRE, list(FURTHER), [], {}, world.AL2023)
        found.families.append(family)
        share = -(-left // (RECIPES - number))
        left -= share
        while len(family.releases) < KEPT or share > 0:
            at = now - timedelta(days=40 + 7 * len(family.releases), hours=rng.randint(1, 22))
            release = world.released(rng, family, at)
            if len(family.releases) >= KEPT:
                histories.quarantine_is_over(rng, family, release, now)
                release.members = release.members[:share]
                share -= len(release.members)
            family.releases.append(release)
    kept = {region: _kept(found, region) for region in REGIONS}
    for number in range(TEMPLATES):
        region = REGIONS[number % len(REGIONS)]
        versions = rng.choices(kept[region], k=rng.randint(1, VERSIONS))
        found.used.templates.append({"region": region, "name": f"fleet-{number:03}", "versions": versions})
    for number in range(INSTANCES):
        region = REGIONS[number % len(REGIONS)]
        found.used.instances.append({"region": region, "image": rng.choice(kept[region])})
    return found


def _kept(found: world.World, region: str) -> list[str]:
    releases = [release for family in found.families for release in family.releases[:KEPT]]
    return [member.id for release in releases for member in release.members if member.region == region]
