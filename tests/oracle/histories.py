"""What may have happened to a release in the past.

Each history changes the members of a release as Kiln, a person or another service would have left them. A
release gets a random history, by weight.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta

from oracle.model import FURTHER, HOME, Family, Member, Release, days, identity, text

History = Callable[[random.Random, Family, Release, datetime], None]

DEPRECATED_AFTER = timedelta(minutes=2)
"""EC2 accepts no deprecation time in the past, so Kiln sets one shortly after now."""


def nothing(rng: random.Random, family: Family, release: Release, now: datetime) -> None:
    """Nothing happened since the release."""


def found_unused(rng: random.Random, family: Family, release: Release, now: datetime) -> None:
    """All members were found unused on the same night."""
    since = _ago(rng, release, now, 0, 5)
    for member in release.members:
        _mark(member, since)


def found_unused_by_and_by(rng: random.Random, family: Family, release: Release, now: datetime) -> None:
    """Members were found unused on different nights, some perhaps not yet."""
    for member in release.some(rng):
        _mark(member, _ago(rng, release, now, 0, 5))


def mark_that_does_not_count(rng: random.Random, family: Family, release: Release, now: datetime) -> None:
    """A mark that was reset, is incomplete, was changed by hand, or has a time in the future."""
    since = _ago(rng, release, now, 2, 9)
    for member in release.some(rng):
        match rng.randrange(5):
            case 0:
                member.tags["kiln:unused-since"] = "no"
            case 1:
                member.tags["kiln:unused-since"] = text(since)
            case 2:
                member.tags["kiln:unused-since"] = "some time in May"
            case 3:
                _mark(member, now + days(rng, 1, 3))
            case _:
                _mark(member, since)
                member.fields["deprecated"] = text(now + days(rng, 100, 200))


def deprecated_by_its_recipe(rng: random.Random, family: Family, release: Release, now: datetime) -> None:
    for member in release.members:
        member.fields["deprecated"] = text(release.at + timedelta(days=90))


def in_quarantine(rng: random.Random, family: Family, release: Release, now: datetime) -> None:
    """All members were disabled on the same night, perhaps long enough ago."""
    since = _ago(rng, release, now, 0, 12)
    for member in release.members:
        _retire(member, since)


def quarantine_is_over(rng: random.Random, family: Family, release: Release, now: datetime) -> None:
    since = _ago(rng, release, now, 8, 20)
    for member in release.members:
        _retire(member, since)


def disabled_by_and_by(rng: random.Random, family: Family, release: Release, now: datetime) -> None:
    """The home image was disabled first, and the function died before it had disabled all replicas."""
    members = sorted(release.members, key=lambda member: not member.is_home)
    for member in members[: rng.randint(1, len(members))]:
        _retire(member, _ago(rng, release, now, 0, 12))


def enabled_by_somebody(rng: random.Random, family: Family, release: Release, now: datetime) -> None:
    """All members were disabled, and a person enabled some of them."""
    in_quarantine(rng, family, release, now)
    for member in release.some(rng):
        member.fields["state"] = "available"


def disabled_by_somebody(rng: random.Random, family: Family, release: Release, now: datetime) -> None:
    for member in release.some(rng):
        member.fields["state"] = "disabled"


def marked_as_retired_and_no_more(
    rng: random.Random, family: Family, release: Release, now: datetime
) -> None:
    """Only the home image was marked as disabled; without a quarantine that is the first step. Then the
    function died."""
    for member in release.members:
        if member.is_home:
            member.tags |= {"kiln:stage": "disabled", "kiln:disabled-at": text(now)}


def held(rng: random.Random, family: Family, release: Release, now: datetime) -> None:
    rng.choice(release.members).tags["kiln:hold"] = "audit"


def held_after_it_was_found_unused(
    rng: random.Random, family: Family, release: Release, now: datetime
) -> None:
    found_unused(rng, family, release, now)
    held(rng, family, release, now)


def held_in_quarantine(rng: random.Random, family: Family, release: Release, now: datetime) -> None:
    in_quarantine(rng, family, release, now)
    held(rng, family, release, now)


def held_by_its_snapshot(rng: random.Random, family: Family, release: Release, now: datetime) -> None:
    member = rng.choice(release.members)
    member.fields["snapshot_tags"] = {**member.tags, "kiln:hold": "the disk is evidence"}


def restored(rng: random.Random, family: Family, release: Release, now: datetime) -> None:
    for member in release.some(rng):
        member.tags["kiln:restored-at"] = text(_ago(rng, release, now, 1, 30))
        member.tags["kiln:unused-since"] = "no"


def rolled_back_to(rng: random.Random, family: Family, release: Release, now: datetime) -> None:
    """A rollback to this release, over the newest release of now or an older one."""
    over = rng.choice(family.releases[: len(family.releases) // 2 + 1]).version
    for member in release.members:
        if member.is_home:
            since = (now - timedelta(days=3)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            member.fields["anchor"] = f"rolled back to {since} over {over}"


def protected(rng: random.Random, family: Family, release: Release, now: datetime) -> None:
    kinds = ("enabled-without-cooldown", "enabled-with-cooldown", "disabled-after-2030-01-01T00:00:00Z")
    rng.choice(release.members).fields["protected"] = rng.choice(kinds)


def protected_by_its_recipe(rng: random.Random, family: Family, release: Release, now: datetime) -> None:
    """Kiln set the deregistration protection, as the recipe says."""
    for member in release.members:
        member.fields["protected"] = "enabled-without-cooldown"
        member.tags["kiln:published-as"] = f"protected-{rng.getrandbits(64):016x}"


def of_another_service(rng: random.Random, family: Family, release: Release, now: datetime) -> None:
    key = rng.choice(["aws:backup:source-resource", "aws:dlm:lifecycle-policy-id", "Ec2ImageBuilderArn"])
    rng.choice(release.members).tags[key] = "theirs"


def never_released(rng: random.Random, family: Family, release: Release, now: datetime) -> None:
    """The release stopped at an earlier stage. Only published images have replicas."""
    stage = rng.choice(["captured", "verified", "published", "rejected"])
    if stage != "published":
        release.members = [member for member in release.members if member.is_home] or release.members
    for member in release.members:
        member.tags["kiln:stage"] = stage


def on_its_way(rng: random.Random, family: Family, release: Release, now: datetime) -> None:
    rng.choice(release.members).fields["state"] = "pending"


def failed(rng: random.Random, family: Family, release: Release, now: datetime) -> None:
    """One member failed; sometimes it is the only one."""
    if rng.random() < 0.3:
        release.members = [member for member in release.members if member.is_home] or release.members
    for member in [rng.choice(release.members)]:
        member.fields["state"] = "failed"


def failed_and_the_rest_in_quarantine(
    rng: random.Random, family: Family, release: Release, now: datetime
) -> None:
    in_quarantine(rng, family, release, now)
    rng.choice(release.members).fields["state"] = "failed"


def copied_twice(rng: random.Random, family: Family, release: Release, now: datetime) -> None:
    """The first replica in one Region failed, and a second was copied."""
    replicas = [member for member in release.members if not member.is_home]
    if replicas:
        tried = rng.choice(replicas)
        again = Member(tried.region, identity(rng, "ami"), tried.born, dict(tried.tags), dict(tried.fields))
        again.tags["kiln:attempt"], tried.fields["state"] = "2", "failed"
        release.members.append(again)


def without_its_replicas(rng: random.Random, family: Family, release: Release, now: datetime) -> None:
    release.members = [member for member in release.members if member.is_home] or release.members


def without_its_home_image(rng: random.Random, family: Family, release: Release, now: datetime) -> None:
    """A person deregistered the home image."""
    release.members = [member for member in release.members if not member.is_home] or release.members


def registered_lately(rng: random.Random, family: Family, release: Release, now: datetime) -> None:
    """A person set the version to an older one: the age by EC2 counts."""
    for member in release.members:
        member.born = _ago(rng, release, now, 0, 4)


def launched(rng: random.Random, family: Family, release: Release, now: datetime) -> None:
    for member in release.some(rng):
        member.fields["launched"] = text(_ago(rng, release, now, 0, 90))


def somebody_elses_copy(rng: random.Random, family: Family, release: Release, now: datetime) -> None:
    """It has all tags of Kiln, but EC2 says that it was copied from another image."""
    for member in release.some(rng):
        member.fields |= {"source_image": identity(rng, "ami"), "source_region": HOME}
        if member.is_home:
            member.fields.pop("source_instance", None)


def record_that_nobody_can_read(rng: random.Random, family: Family, release: Release, now: datetime) -> None:
    for member in release.some(rng):
        match rng.randrange(4):
            case 0:
                member.fields["name"] = "golden-image"
            case 1:
                member.tags["kiln:stage"] = "Released"
            case 2:
                del member.tags["kiln:version"]
            case _:
                # Of a Kiln whose home is another Region.
                origin = identity(rng, "ami")
                member.tags |= {"kiln:origin": f"{FURTHER[0]}/{origin}", "kiln:attempt": "1"}
                member.fields |= {"source_image": origin, "source_region": FURTHER[0]}


def given_to_kiln(rng: random.Random, family: Family, release: Release, now: datetime) -> None:
    """Another tool created the home image, and Kiln adopted it."""
    for member in release.members:
        if member.is_home:
            member.fields["name"] = f"packer {release.recipe} {release.version}"
            member.fields.pop("source_instance", None)
            member.tags["kiln:adopted"] = f"{member.region}/{member.id}"


FATES: list[tuple[int, History]] = [
    (200, nothing),
    (60, found_unused),
    (30, found_unused_by_and_by),
    (30, mark_that_does_not_count),
    (30, deprecated_by_its_recipe),
    (40, in_quarantine),
    (60, quarantine_is_over),
    (30, disabled_by_and_by),
    (15, enabled_by_somebody),
    (15, disabled_by_somebody),
    (10, marked_as_retired_and_no_more),
    (12, held),
    (12, held_after_it_was_found_unused),
    (12, held_in_quarantine),
    (12, held_by_its_snapshot),
    (15, restored),
    (10, rolled_back_to),
    (15, protected),
    (15, protected_by_its_recipe),
    (15, of_another_service),
    (20, never_released),
    (15, on_its_way),
    (20, failed),
    (15, failed_and_the_rest_in_quarantine),
    (15, copied_twice),
    (10, without_its_replicas),
    (10, without_its_home_image),
    (10, registered_lately),
    (40, launched),
    (15, somebody_elses_copy),
    (15, record_that_nobody_can_read),
    (15, given_to_kiln),
]


def apply_history(rng: random.Random, family: Family, release: Release, now: datetime) -> None:
    """Applies one history, and sometimes a second one."""
    weights = [weight for weight, _ in FATES]
    often = 2 if rng.random() < 0.1 else 1
    for fate in rng.choices([fate for _, fate in FATES], weights, k=often):
        fate(rng, family, release, now)


def _ago(rng: random.Random, release: Release, now: datetime, least: int, most: int) -> datetime:
    """A time some days ago, but not before the release."""
    return max(now - days(rng, least, most), release.at + timedelta(minutes=30))


def _mark(member: Member, since: datetime) -> None:
    if member.state == "available":
        member.tags["kiln:unused-since"] = text(since)
        member.fields["deprecated"] = text(since + DEPRECATED_AFTER)


def _retire(member: Member, since: datetime) -> None:
    member.tags |= {"kiln:stage": "disabled", "kiln:disabled-at": text(since)}
    if member.state == "available":
        member.fields["state"] = "disabled"
