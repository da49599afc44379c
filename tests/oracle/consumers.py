"""What uses the images of a world, or might: instances, templates, parameters, other images and accounts."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from oracle.model import FRIENDS, HOME, REGIONS, Family, Member, Size, identity, text

PATH = "/fleet/"
"""Below which the parameters stand that no recipe names."""
OLD = "ami-00000000000000abc"
"""An image that is long gone: instances and templates may still name it."""


@dataclass
class Users:
    """As `LocalAws.seed` takes them."""

    instances: list[dict[str, Any]] = field(default_factory=list)
    templates: list[dict[str, Any]] = field(default_factory=list)
    parameters: list[dict[str, Any]] = field(default_factory=list)
    images: list[dict[str, Any]] = field(default_factory=list)
    """Of somebody else, which stand on the same snapshots."""
    reports: list[dict[str, Any]] = field(default_factory=list)
    shares: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    """The Region, the image, and whom it is shared with."""


def make(rng: random.Random, size: Size, families: list[Family], now: datetime) -> Users:
    """Decides who uses what."""
    used = Users()
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
    """An image in a Region: with that probability one of the newest of its recipe."""
    while True:
        found = _newest_first(rng.choice(families), region)
        if found:
            return rng.choice(found[:3] if rng.random() < newest else found)


def _instances(rng: random.Random, size: Size, families: list[Family], used: Users) -> None:
    """Most are of the newest images; a few are of an image that is gone."""
    states = rng.choices(["running", "stopped", "terminated", "pending"], [70, 15, 12, 3], k=size.instances)
    for state in states:
        region = rng.choice(REGIONS)
        image = OLD if rng.random() < 0.02 else _one(rng, families, region, newest=0.75).id
        used.instances.append({"region": region, "image": image, "state": state})


def _templates(rng: random.Random, size: Size, families: list[Family], used: Users) -> None:
    """Each follows one recipe: its old versions name old images, and its newest ones new images."""
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


def _parameters(rng: random.Random, size: Size, families: list[Family], used: Users) -> None:
    """Those of recipes, and others, of which only those of EC2's own data type are a use."""
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
    """A recipe whose base is another one's was baked of images of that one."""
    by_name = {family.name: family for family in families}
    for family in families:
        if family.base.startswith("recipe:"):
            bases = _newest_first(by_name[family.base.removeprefix("recipe:")], HOME)
            for member in family.members():
                if bases and "kiln:origin" not in member.tags and rng.random() < 0.6:
                    member.tags["kiln:base"] = rng.choice(bases).id


def _shares(rng: random.Random, size: Size, families: list[Family], used: Users, now: datetime) -> None:
    """With other accounts; of some a report tells that nobody there uses it, or told so once."""
    for _ in range(size.shared):
        region = rng.choice(REGIONS)
        image = _one(rng, families, region, newest=0)
        if image.state != "available":
            continue
        permission = {"Group": "all"} if rng.random() < 0.1 else {"UserId": rng.choice(FRIENDS)}
        used.shares.append((region, image.id, permission))
        told = rng.choice([None, timedelta(hours=3), timedelta(days=20)])
        if told is not None:
            asked = {"region": region, "image": image.id, "created": text(now - told)}
            # Some were asked for by somebody else, who left out nobody knows what.
            used.reports.append({**asked, "tags": {"kiln:image": image.id} if rng.random() < 0.8 else {}})


def _copies(rng: random.Random, size: Size, families: list[Family], used: Users) -> None:
    """Images of somebody else's, without any tag of Kiln's, on the snapshots of Kiln's."""
    for number in range(size.images // 500):
        region = rng.choice(REGIONS)
        image = _one(rng, families, region, newest=0)
        stands = {"region": region, "id": identity(rng, "ami"), "name": f"hand-made-{number:02}"}
        used.images.append({**stands, "share_snapshots_with": [image.id]})
