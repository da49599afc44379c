"""The parts of a world, before they are created in the local AWS."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

HOME = "us-east-1"
FURTHER = ("eu-west-1", "ap-southeast-2")
REGIONS = (HOME, *FURTHER)
FRIENDS = ("111122223333", "444455556666")
"""Accounts with which images are shared."""


@dataclass(frozen=True)
class Size:
    """How many of everything a world has."""

    images: int = 10_000
    recipes: int = 200
    templates: int = 300
    versions: int = 50
    """The most versions of one template."""
    instances: int = 2_000
    parameters: int = 150
    shared: int = 60

    def divided_by(self, part: int) -> Size:
        """A smaller world with as many template versions."""
        return Size(
            self.images // part,
            self.recipes // part,
            self.templates // part,
            self.versions,
            self.instances // part,
            self.parameters // part,
            self.shared // part,
        )


@dataclass
class Member:
    """One image of a release: an image in the home Region, or a replica."""

    region: str
    id: str
    born: datetime
    tags: dict[str, str]
    fields: dict[str, Any] = field(default_factory=dict)
    """Further fields of the seed of the image."""

    @property
    def is_home(self) -> bool:
        return "kiln:origin" not in self.tags

    @property
    def state(self) -> str:
        return str(self.fields.get("state", "available"))

    def seed(self) -> dict[str, Any]:
        made = {"region": self.region, "id": self.id, "created": text(self.born), "tags": self.tags}
        return {**made, **self.fields}


@dataclass
class Release:
    """An image and its replicas."""

    recipe: str
    at: datetime
    members: list[Member]

    @property
    def version(self) -> str:
        return self.at.strftime("%Y%m%dT%H%M%SZ")

    def some(self, rng: random.Random) -> list[Member]:
        """A random part of its members, at least one."""
        return rng.sample(self.members, rng.randint(1, len(self.members)))


@dataclass
class Family:
    """A recipe with its releases, newest first."""

    name: str
    expire: dict[str, Any]
    """The fields of `[expire]`."""
    regions: list[str]
    best_effort: list[str]
    publish: dict[str, Any]
    base: str
    releases: list[Release] = field(default_factory=list)

    def members(self) -> Iterator[Member]:
        for release in self.releases:
            yield from release.members


def text(at: datetime) -> str:
    """A time in the format of tags and EC2."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def days(rng: random.Random, least: int, most: int) -> timedelta:
    """A number of days and some hours, never within an hour of whole days: there a rule may change its answer
    in the minutes between two reads of the same world."""
    whole = rng.randint(least, most)
    return timedelta(days=whole, seconds=rng.randint(3_600, 23 * 3_600))


def identity(rng: random.Random, kind: str) -> str:
    """A random id in the format of EC2."""
    return f"{kind}-{rng.getrandbits(68):017x}"
