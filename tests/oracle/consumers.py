"""Creates what uses, or may use, the images of a world: instances, templates, parameters, other images and
accounts."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from oracle.model import FRIENDS, HOME, REGIONS, Family, Member, Size, identity, text

PATH = "/fleet/"
"""The path of the parameters that no recipe names."""
OLD = "ami-00000000000000abc"
"""An image that no longer exists, but that instances and templates still name."""


@dataclass
class Consumers:
    """The consumers, as arguments of `LocalAws.seed`."""

    instances: list[dict[str, Any]] = field(default_factory=list)
    templates: list[dict[str, Any]] = field(default_factory=list)
    parameters: list[dict[str, Any]] = field(default_factory=list)
    images: list[dict[str, Any]] = field(default_factory=list)
    """Images that Kiln does not manage and that use the same snapshots."""
    reports: list[dict[str, Any]] = field(default_factory=list)
    shares: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    """Region, image, and whom the image is shared with."""


def make(rng: random.Random, size: Size, families: list[Family], now: datetime) -> Consumers:
    """Decides which image is used by what."""
    used = Consumers()
    _bake_layers(rng, families)
    _instances(rng, size, families, used)
    _templates(rng, size, families, used)
    _parameters(rng, size, families, used)
    _shares(rng, size, families, used, now)
    _copies(rng, size, families, used)
    return used


def _newest_first(family: Family, region: str) -> list[Member]:
    return [member for member in family.members() if member.region == region]


def _one(rng: random.Random, families: list[Family], region: str, newest: float) -> Member:
    """A random image of a Region; `newest` is the probability that it is one of the newest three of its
    recipe."""
    while True:
        found = _newest_first(rng.choice(families), region)
        if found:
            return rng.choice(found[:3] if rng.random() < newest else found)


def _instances(rng: random.Random, size: Size, families: list[Family], used: Consumers) -> None:
    """Instances: most are of the newest images; a few are of an image that no longer exists."""
    states = rng.choices(["running", "stopped", "terminated", "pending"], [70, 15, 12, 3], k=size.instances)
    for state in states:
        region = rng.choice(REGIONS)
        image = OLD if rng.random() < 0.02 else _one(rng, families, region, newest=0.75).id
        used.instances.append({"region": region, "image": image, "state": state})


def _templates(rng: random.Random, size: Size, families: list[Family], used: Consumers) -> None:
    """Launch templates: each names images of one recipe, by old versions old ones and by new versions new
    ones."""
    for number in range(size.templates):
        region = rng.choice(REGIONS)
        followed = _newest_first(rng.choice(families), region)
        if not followed:
            followed = [_one(rng, families, region, newest=1)]
        old = [rng.choice(followed).id for _ in range(rng.randint(0, 3))]
        new = [member.id for member in followed[:2]]
        versions: list[Any] = [rng.choice([*old, OLD]) for _ in range(rng.randint(1, size.versions - 15))]
        versions += [rng.choice(new) for _ in range(rng.randint(0, 15))]
        if rng.random() < 0.1:
            versions.append({"InstanceType": "t4g.small"})
        if rng.random() < 0.1:
            name = f"{PATH}template-{number:03}"
            value = _one(rng, families, region, newest=0.3).id
            used.parameters.append({"region": region, "name": name, "value": value})
            versions.append(f"resolve:ssm:{name}")
        default = rng.randint(1, len(versions))
        named = {"region": region, "name": f"fleet-{number:03}"}
        used.templates.append({**named, "versions": versions, "default": default})


def _parameters(rng: random.Random, size: Size, families: list[Family], used: Consumers) -> None:
    """Parameters of recipes, and others. Of the others only those of type `aws:ec2:image` count as use."""
    for family in families:
        for region in [HOME, *family.regions] if "parameter" in family.publish else []:
            found = _newest_first(family, region)
            if found and rng.random() < 0.9:
                image = rng.choice(found if rng.random() < 0.2 else found[:1])
                data_type = rng.choice(["aws:ec2:image", "text"])
                stands = {"region": region, "name": family.publish["parameter"], "value": image.id}
                used.parameters.append({**stands, "data_type": data_type})
    for number in range(size.parameters):
        region = rng.choice(REGIONS)
        stands = {"region": region, "name": f"{PATH}image-{number:03}"}
        value = _one(rng, families, region, newest=0.3).id
        data_type = rng.choice(["aws:ec2:image", "aws:ec2:image", "text"])
        used.parameters.append({**stands, "value": value, "data_type": data_type})


def _bake_layers(rng: random.Random, families: list[Family]) -> None:
    """Base images: a recipe that is based on another one was baked from images of it."""
    by_name = {family.name: family for family in families}
    for family in families:
        if family.base.startswith("recipe:"):
            bases = _newest_first(by_name[family.base.removeprefix("recipe:")], HOME)
            for member in family.members():
                if bases and "kiln:origin" not in member.tags and rng.random() < 0.6:
                    member.tags["kiln:base"] = rng.choice(bases).id


def _shares(rng: random.Random, size: Size, families: list[Family], used: Consumers, now: datetime) -> None:
    """Images that are shared with other accounts. For some a usage report, recent or old, says that they are
    unused."""
    for _ in range(size.shared):
        region = rng.choice(REGIONS)
        image = _one(rng, families, region, newest=0)
        if image.state != "available":
            continue
        permission = {"Group": "all"} if rng.random() < 0.1 else {"UserId": rng.choice(FRIENDS)}
        used.shares.append((region, image.id, permission))
        age = rng.choice([None, timedelta(hours=3), timedelta(days=20)])
        if age is not None:
            asked = {"region": region, "image": image.id, "created": text(now - age)}
            # Some reports were requested by somebody else and may not cover everything.
            used.reports.append({**asked, "tags": {"kiln:image": image.id} if rng.random() < 0.8 else {}})


def _copies(rng: random.Random, size: Size, families: list[Family], used: Consumers) -> None:
    """Images that Kiln does not manage, on the snapshots of images that it does."""
    for number in range(size.images // 500):
        region = rng.choice(REGIONS)
        image = _one(rng, families, region, newest=0)
        stands = {"region": region, "id": identity(rng, "ami"), "name": f"hand-made-{number:02}"}
        used.images.append({**stands, "share_snapshots_with": [image.id]})
