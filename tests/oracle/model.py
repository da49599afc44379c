"""What a world is made of, before it is put into the local AWS."""

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
"""Other accounts, with which images are shared."""


@dataclass(frozen=True)
class Size:
    """How much of everything there is."""

    images: int = 10_000
    recipes: int = 200
    templates: int = 300
    versions: int = 50
    """At most, of one template."""
    instances: int = 2_000
    parameters: int = 150
    shared: int = 60

    def divided_by(self, part: int) -> Size:
        """The same with fewer of everything but versions."""
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
    """What is seeded beside, by the names that `LocalAws.seed` has for it."""

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
        """A few of its members, at least one."""
        return rng.sample(self.members, rng.randint(1, len(self.members)))


@dataclass
class Family:
    """A recipe with its releases, the newest first."""

    name: str
    expire: dict[str, Any]
    """What stands under `[expire]`."""
    regions: list[str]
    best_effort: list[str]
    publish: dict[str, Any]
    base: str
    releases: list[Release] = field(default_factory=list)

    def members(self) -> Iterator[Member]:
        for release in self.releases:
            yield from release.members


def text(at: datetime) -> str:
    """A time as tags and EC2 write it."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def days(rng: random.Random, least: int, most: int) -> timedelta:
    """So many days and some hours: never within an hour of whole days, at which a rule changes its mind, for
    minutes pass between two looks at the same world."""
    whole = rng.randint(least, most)
    return timedelta(days=whole, seconds=rng.randint(3_600, 23 * 3_600))


def identity(rng: random.Random, kind: str) -> str:
    """An id such as EC2 gives."""
    return f"{kind}-{rng.getrandbits(68):017x}"
