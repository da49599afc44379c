"""Makes an account of many images from a seed. The same seed and time make the same account."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from local_aws.client import LocalAws
from oracle import consumers
from oracle.histories import apply_history
from oracle.model import FURTHER, HOME, Family, Member, Release, Size, days, identity

AL2023 = "ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"
AT_ONCE = 2_000
"""How many resources one seed request creates."""
AGES = ((0, 2), (5, 9), (20, 40))
"""The days between two releases of a recipe, which is baked nightly, weekly or monthly."""
BEFORE_EC2_REMEMBERS = timedelta(days=10 * 365)


@dataclass
class World:
    families: list[Family] = field(default_factory=list)
    used: consumers.Consumers = field(default_factory=consumers.Consumers)

    def members(self) -> list[Member]:
        return [member for family in self.families for member in family.members()]


def make(seed: int, size: Size, now: datetime) -> World:
    """Decides what the account contains, without creating it."""
    rng = random.Random(seed)
    world = World()
    left = size.images
    for number in range(size.recipes):
        family = _family(rng, number, world.families)
        world.families.append(family)
        share = left if number == size.recipes - 1 else round(left / (size.recipes - number))
        _releases(rng, family, share, now)
        _count(rng, family)
        left -= sum(1 for _ in family.members())
    world.used = consumers.make(rng, size, world.families, now)
    return world


def put(aws: LocalAws, world: World) -> None:
    """Creates the account in an empty local AWS."""
    _seed(aws, "images", [member.seed() for member in world.members()])
    recipes = [
        {"region": HOME, "name": f"/kiln/recipes/{family.name}", "value": document(family)}
        for family in world.families
    ]
    _seed(aws, "parameters", recipes)
    _seed(aws, "images", world.used.images)
    _seed(aws, "parameters", world.used.parameters)
    _seed(aws, "launch_templates", world.used.templates)
    _seed(aws, "instances", world.used.instances)
    _seed(aws, "usage_reports", world.used.reports)
    for region, image, permission in world.used.shares:
        change = {"Add": [permission]}
        aws.client("ec2", region).modify_image_attribute(ImageId=image, LaunchPermission=change)


def clear(aws: LocalAws) -> None:
    """Removes what `put` created, including recipes and parameters, which a reset keeps."""
    aws.reset()
    for region in (HOME, *FURTHER):
        ssm = aws.client("ssm", region)
        pages = ssm.get_paginator("describe_parameters").paginate()
        names = [one["Name"] for page in pages for one in page["Parameters"]]
        own = [name for name in names if name.startswith(("/kiln/recipes/", "/golden/", consumers.PATH))]
        for at in range(0, len(own), 10):
            ssm.delete_parameters(Names=own[at : at + 10])


def document(family: Family) -> str:
    """The recipe document in Parameter Store."""

    def section(name: str, fields: dict[str, Any]) -> str:
        lines = [f"{key} = {json.dumps(value)}" for key, value in fields.items()]
        return "\n".join([f"[{name}]", *lines])

    parts = [
        f'name = "{family.name}"',
        section("bake", {"base": family.base, "instance_type": "t4g.small"}),
        # Adopted images go as any other: what a recipe does not let go is proved by tests of its own.
        '[adopt]\nname = "packer-*"\nderegister = true',
        section("publish", family.publish),
        section("replicate", {"regions": family.regions, "best_effort": family.best_effort}),
        section("expire", family.expire),
    ]
    return "\n".join(parts) + "\n"


def _family(rng: random.Random, number: int, before: list[Family]) -> Family:
    name = f"app-{number:03}"
    expire: dict[str, Any] = {
        "keep": rng.choice([1, 2, 3, 5]),
        "older_than": rng.choice(["0d", "7d", "30d", "60d"]),
        "confirm_after": rng.choice(["0d", "2d", "2d"]),
        "quarantine": rng.choice(["0d", "7d", "7d"]),
        "max_per_run": 100_000,
        "max_percent": 100,
    }
    if rng.random() < 0.15:
        expire["idle"] = rng.choice(["14d", "45d"])
    match rng.randrange(20):
        case 0:
            expire["max_per_run"] = rng.randint(1, 6)
        case 1:
            expire["max_percent"] = rng.randint(1, 40)
        case 2:
            # The defaults apply.
            del expire["max_per_run"], expire["max_percent"]
    publish: dict[str, Any] = {}
    if rng.random() < 0.3:
        publish["parameter"] = f"/golden/{name}"
    if rng.random() < 0.3:
        publish["deprecate_after"] = "90d"
    regions = list(FURTHER) if rng.random() < 0.85 else [rng.choice(FURTHER)]
    best_effort = [regions[-1]] if rng.random() < 0.15 else []
    base = AL2023
    if before and rng.random() < 0.15:
        other = rng.choice(before)
        base = rng.choice([f"recipe:{other.name}", _any_home_image(rng, other)])
    return Family(name, expire, regions, best_effort, publish, base)


def _any_home_image(rng: random.Random, family: Family) -> str:
    return rng.choice([member.id for member in family.members() if member.region == HOME])


def _releases(rng: random.Random, family: Family, images: int, now: datetime) -> None:
    """Creates releases with this number of images, and their histories."""
    gap = rng.choice(AGES)
    at = now - days(rng, 0, 3)
    made = 0
    while made < images:
        release = released(rng, family, at)
        family.releases.append(release)
        made += len(release.members)
        at -= days(rng, *gap)
        if rng.random() < 0.004:
            at -= BEFORE_EC2_REMEMBERS
    for number, release in enumerate(family.releases):
        # Most of the newest releases stay as Kiln leaves them.
        if number > family.expire["keep"] or rng.random() < 0.25:
            apply_history(rng, family, release, now)
    spare = sum(1 for _ in family.members()) - images
    for release in reversed(family.releases):
        # The oldest releases lose replicas until the number of images is right.
        while spare > 0 and len(release.members) > 1:
            release.members.pop()
            spare -= 1


def released(rng: random.Random, family: Family, at: datetime) -> Release:
    """A release as Kiln leaves it."""
    version = at.strftime("%Y%m%dT%H%M%SZ")
    name = f"{family.name}-{version}"
    tags = {"kiln:recipe": family.name, "kiln:version": version, "kiln:stage": "released"}
    home = Member(HOME, identity(rng, "ami"), at + timedelta(minutes=20), dict(tags))
    home.fields = {"name": name, "source_instance": identity(rng, "i")}
    if rng.random() < 0.5:
        home.tags["kiln:released-in"] = " ".join([HOME, *family.regions])
    members = [home]
    for region in family.regions:
        copied = {**tags, "kiln:origin": f"{HOME}/{home.id}", "kiln:attempt": "1"}
        replica = Member(region, identity(rng, "ami"), at + timedelta(minutes=50), copied)
        replica.fields = {"name": name, "source_image": home.id, "source_region": HOME}
        members.append(replica)
    for member in members:
        member.fields |= {"size_gb": rng.choice([8, 8, 20]), "full_gb": rng.choice([1.5, 3, 6])}
    return Release(family.name, at, members)


def _count(rng: random.Random, family: Family) -> None:
    """Sets the fleet size, which Kiln writes with each step of an image: the images in its Region at that
    time."""
    living: dict[str, int] = {}
    for member in family.members():
        living[member.region] = living.get(member.region, 0) + (member.state != "failed")
    for member in family.members():
        if {"kiln:unused-since", "kiln:disabled-at"} & set(member.tags):
            member.tags["kiln:fleet-size"] = str(living[member.region] + rng.choice([0, 0, 0, 1, 2]))


def _seed(aws: LocalAws, kind: str, things: list[dict[str, Any]]) -> None:
    for at in range(0, len(things), AT_ONCE):
        aws.seed(**{kind: things[at : at + AT_ONCE]})
