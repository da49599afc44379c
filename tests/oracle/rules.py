"""What must become of every image of every recipe, by the rules of docs/concepts, one image after another."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from oracle.model import HOME
from oracle.snapshot import Account, Key, ObservedImage
from oracle.usage import Use, Uses

# The actions that are steps of the removal of an image.
STEPS = ("deprecate", "disable", "deregister")
STAGES = ("captured", "verified", "published", "released", "rejected", "disabled")
LIVING = ("available", "disabled", "pending")
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True)
class Expected:
    """What the plan must say about an image."""

    action: str
    verdict: str | None = None
    """`None`: its recipe's retention keeps it, so its use was not read."""
    next: str | None = None
    on: datetime | None = None


KEPT = Expected("keep")


@dataclass(frozen=True)
class Rules:
    """The fields of `[expire]` of a recipe."""

    keep: int
    older_than: timedelta
    confirm_after: timedelta
    quarantine: timedelta
    idle: timedelta
    max_per_run: int
    max_percent: int

    @classmethod
    def of(cls, recipe: dict[str, Any]) -> Rules:
        said = recipe["expire"]
        return cls(
            said["keep"],
            span(said["older_than"]),
            span(said["confirm_after"]),
            span(said["quarantine"]),
            span(said.get("idle", "0d")),
            said.get("max_per_run", 100),
            said.get("max_percent", 50),
        )


def span(text: str) -> timedelta:
    number, unit = re.fullmatch(r"(\d+)([smhdw])", text).groups()  # type: ignore[union-attr]
    return timedelta(**{UNITS[unit]: int(number)})


def expected(account: Account, now: datetime) -> dict[Key, Expected]:
    """What a plan for all recipes must say about each image."""
    uses = Uses(account, now)
    found: dict[Key, Expected] = {}
    for name, recipe in account.recipes.items():
        found |= _of_recipe(account, uses, name, recipe, now)
    return found


def is_home(image: ObservedImage) -> bool:
    return "kiln:origin" not in image.tags


def is_believed(image: ObservedImage) -> bool:
    """Whether the tags are true. Anyone can copy tags, so EC2's own fields must say the same."""
    tags = image.tags
    if at_of(tags.get("kiln:version", "")) is None or tags.get("kiln:stage") not in STAGES:
        return False
    if "kiln:adopted" in tags:
        return is_home(image) and tags["kiln:adopted"] == image.address and image.region == HOME
    if image.name != f"{tags['kiln:recipe']}-{tags['kiln:version']}":
        return False
    if is_home(image):
        return image.region == HOME and image.source_instance is not None
    origin = tags["kiln:origin"]
    of_home = origin.startswith(f"{HOME}/") and image.region != HOME
    return of_home and tags.get("kiln:attempt", "").isdigit() and image.source_image == origin


def at_of(version: str) -> datetime | None:
    try:
        return datetime.strptime(version, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None


def born(release: list[ObservedImage]) -> datetime:
    """The time of its bake or of the registration of its home image, whichever is later."""
    at = at_of(release[0].tags["kiln:version"])
    assert at is not None
    return max([at, *(image.created for image in release if is_home(image))])


def is_released(release: list[ObservedImage]) -> bool:
    return any(
        is_home(image) and image.state == "available" and image.tags["kiln:stage"] in ("released", "disabled")
        for image in release
    )


def is_whole(release: list[ObservedImage], required: list[str]) -> bool:
    """Whether it can be launched in each required Region in which it was released."""
    lists = [image.tags.get("kiln:released-in", "") for image in release if is_home(image)]
    released_in = set(" ".join(lists).split())
    there = {
        image.region
        for image in release
        if image.state == "available" and image.tags["kiln:stage"] in ("published", "released", "disabled")
    }
    return released_in.isdisjoint(set(required) - there)


def _of_recipe(
    account: Account, uses: Uses, name: str, recipe: dict[str, Any], now: datetime
) -> dict[Key, Expected]:
    rules, replicate = Rules.of(recipe), recipe.get("replicate", {})
    regions = [HOME, *replicate.get("regions", [])]
    own = [
        image
        for image in account.images.values()
        if image.tags.get("kiln:recipe") == name and image.region in regions
    ]
    by_version: dict[str, list[ObservedImage]] = defaultdict(list)
    for image in own:
        if is_believed(image):
            by_version[image.tags["kiln:version"]].append(image)
    releases = [by_version[version] for version in sorted(by_version, reverse=True)]
    newest = next((one[0].tags["kiln:version"] for one in releases if is_released(one)), None)

    required = [region for region in regions[1:] if region not in replicate.get("best_effort", [])]
    found = {image.key: KEPT for image in own}
    going, newer = [], 0
    for release in releases:
        use = {image.key: uses.of(image, rules.idle, rules.quarantine, newest) for image in release}
        steps = _of_release(rules, release, newer, use, now)
        found |= steps
        going.append(Counter(one.action for one in steps.values() if one.action in STEPS))
        newer += is_released(release) and is_whole(release, required)

    if _exceeds_limits(rules, own, going) or _is_partial_view(own, required):
        for key, one in found.items():
            if one.action in STEPS:
                found[key] = Expected("keep", "unused", one.next)
    return found


def _of_release(
    rules: Rules, release: list[ObservedImage], newer: int, use: dict[Key, Use], now: datetime
) -> dict[Key, Expected]:
    """The expectations for one release; `newer` is the number of newer releases."""
    old_from = born(release) + rules.older_than
    if newer < rules.keep or any(image.state not in (*LIVING[:2], "failed") for image in release):
        return _stays(release, Use.CERTAIN, {})
    if old_from > now:
        later = moves(rules, release, old_from)
        stays = _stays(release, Use.CERTAIN, {})
        return {
            key: Expected(one.action, None, *later[key]) if one.action == "keep" else one
            for key, one in stays.items()
        }
    if any(use.values()):
        why = max(use.values())
        if why != Use.UNREPORTED:
            # Use by other accounts counts only if nothing else keeps the release.
            use = {key: Use.NONE if one == Use.UNREPORTED else one for key, one in use.items()}
        return _stays(release, why, use)
    due = {}
    for key, (step, at) in moves(rules, release, now).items():
        due[key] = Expected(step if at <= now else "keep", "unused", step, at)
    return due


def _stays(release: list[ObservedImage], why: Use, use: dict[Key, Use]) -> dict[Key, Expected]:
    """Every image stays. `why` is the surest use of any image of the release, `use` that of each image that
    was read."""
    is_back = any(is_home(image) and image.state == "available" for image in release)

    def action(image: ObservedImage) -> str:
        can_be_launched = image.state == "available"
        if use.get(image.key) == Use.UNREPORTED == why:
            return "request-usage-report"
        if can_be_launched and image.tags["kiln:stage"] == "disabled" and is_back and why == Use.CERTAIN:
            return "reactivate"
        if can_be_launched and image.time("kiln:unused-since") and why == Use.CERTAIN:
            return "clear-unused"
        return "keep"

    words = {Use.NONE: "unused", Use.UNREPORTED: "unknown", Use.UNKNOWN: "unknown", Use.CERTAIN: "in-use"}
    return {
        image.key: Expected(action(image), words[use[image.key]] if image.key in use else None)
        for image in release
    }


def moves(rules: Rules, release: list[ObservedImage], at: datetime) -> dict[Key, tuple[str, datetime]]:
    """The next step of each image of a release that is unused and may go, and when it is due, if Kiln ran at
    every moment from `at` on."""
    launchable = [image for image in release if image.state == "available"]
    if not rules.confirm_after or not launchable:
        return _after_confirmation(rules, release, at)
    marks = {image.key: _marked_unused(image, at) for image in launchable}
    confirmed = max(mark or at for mark in marks.values()) + rules.confirm_after
    steps = _after_confirmation(rules, release, max(confirmed, at))
    return steps | {key: ("deprecate", at) for key, mark in marks.items() if mark is None}


def _marked_unused(image: ObservedImage, at: datetime) -> datetime | None:
    """Since when it is marked unused. The mark counts only if the image has been deprecated since then."""
    since = image.time("kiln:unused-since")
    is_deprecated = image.deprecated is not None and image.deprecated <= at
    return since if since is not None and since <= at and is_deprecated else None


def _after_confirmation(
    rules: Rules, release: list[ObservedImage], at: datetime
) -> dict[Key, tuple[str, datetime]]:
    """The steps after confirmation: disable all, and deregister all once all were disabled for long enough. A
    failed image is not disabled."""
    if not rules.quarantine:
        return {image.key: ("deregister", at) for image in release}
    since: list[datetime] = []
    steps: dict[Key, tuple[str, datetime]] = {}
    for image in release:
        retired = image.time("kiln:disabled-at") if image.state == "disabled" else None
        if image.state != "failed":
            since.append(retired or at)
            if retired is None:
                steps[image.key] = ("disable", at)
    over = max([at, *(one + rules.quarantine for one in since)])
    return {image.key: steps.get(image.key, ("deregister", over)) for image in release}


def _exceeds_limits(rules: Rules, own: list[ObservedImage], going: list[Counter[str]]) -> bool:
    """Whether a run exceeds the limits of the recipe; `going` has the number of images for each release and
    step."""
    images, living = sum(map(Counter.total, going)), sum(image.state in LIVING for image in own)
    too_large = False
    for step in STEPS:
        of_releases = [release[step] for release in going if release[step]]
        is_large = sum(of_releases) * 100 > living * rules.max_percent
        too_large = too_large or (is_large and len(of_releases) > 1)
    return images > rules.max_per_run or too_large


def _is_partial_view(own: list[ObservedImage], required: list[str]) -> bool:
    """Whether a Region shows no image though there should be some, or far fewer than an earlier step has
    counted."""
    living = [image for image in own if image.state in LIVING]
    here = {region: sum(image.region == region for image in living) for region in [HOME, *required]}
    has_released = any(
        is_believed(image) and image.region == HOME and image.tags["kiln:stage"] == "released"
        for image in living
    )
    if has_released and not all(here.values()):
        return True
    for image in living:
        on_its_way = image.time("kiln:unused-since") or image.time("kiln:disabled-at")
        counted = int(image.tags.get("kiln:fleet-size", "0")) if on_its_way else 0
        now = sum(other.region == image.region for other in living)
        if counted > 2 * now and counted - now >= 5:
            return True
    return False
