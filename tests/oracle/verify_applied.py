"""Checks an account after a plan was carried out: it must differ from before as the plan says, and not
otherwise."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta

from oracle.compare import Line
from oracle.model import REGIONS
from oracle.rules import LIVING, at_of, span
from oracle.snapshot import Account, Key, ObservedImage

Run = tuple[datetime, datetime]
"""The start and end of the run."""
SOON = timedelta(minutes=4)
"""EC2 rounds a deprecation time to minutes, and accepts none in the past."""


def unlike(before: Account, after: Account, planned: list[Line], run: Run) -> list[str]:
    """One text for each image or snapshot that is not as the plan says."""
    steps: dict[Key, set[str]] = {}
    for line in planned:
        if line["action"] != "emit":
            steps.setdefault((line["region"], line["resource"]), set()).add(line["action"])
    gone = {key for key, actions in steps.items() if "deregister" in actions}
    problems = [
        f"{'/'.join(key)}: it is new, and no plan creates images"
        for key in after.images.keys() - before.images.keys()
    ]
    for key, original in before.images.items():
        actions, observed = steps.get(key, set()), after.images.get(key)
        if (key in gone) != (observed is None):
            there = "there" if observed else "gone"
            problems.append(f"{'/'.join(key)}: planned was {sorted(actions)}; it is {there}")
        elif observed is not None:
            wanted = _as_planned(before, after, original, observed, actions, run)
            changed = _changed(wanted, observed)
            problems += [f"{'/'.join(key)}: planned was {sorted(actions)}; {one}" for one in changed]
    return problems + _snapshots(before, after, gone)


def _as_planned(
    before: Account,
    after: Account,
    original: ObservedImage,
    observed: ObservedImage,
    actions: set[str],
    run: Run,
) -> ObservedImage:
    """The image as the plan says. A time within the run is copied from the real image, so that `_changed`
    reports only other times."""
    tags, deprecated, state = dict(original.tags), original.deprecated, original.state
    description = original.description

    def now(tag: str) -> str:
        written, (began, ended) = observed.time(tag), run
        return observed.tags[tag] if written and began <= written <= ended else "a time of this run"

    if "deprecate" in actions:
        tags["kiln:unused-since"], deprecated = now("kiln:unused-since"), _soon(observed, run)
    if "disable" in actions:
        tags |= {"kiln:stage": "disabled", "kiln:disabled-at": now("kiln:disabled-at")}
        state = "disabled"
    if "reactivate" in actions:
        tags |= {"kiln:stage": "captured", "kiln:recopy": now("kiln:recopy")}
        tags |= {"kiln:unused-since": "no", "kiln:disabled-at": "no"}
        # The oracle knows no key: that the seal is right, the next run shows.
        tags["kiln:seal"] = observed.tags["kiln:seal"]
        description = _asked_again(original, observed)
    if "clear-unused" in actions:
        tags["kiln:unused-since"], deprecated = "no", _by_recipe(before, original, observed, run)
    if actions & {"deprecate", "disable", "tag"}:
        # Without the images that were deregistered now: otherwise the next night would miss them.
        tags["kiln:fleet-size"] = str(sum(_is_of(image, original) for image in after.images.values()))
    return replace(original, tags=tags, deprecated=deprecated, state=state, description=description)


def _asked_again(original: ObservedImage, observed: ObservedImage) -> str:
    """The description of an image that begins again: its own, and when that was."""
    own = re.sub(r" ?\[kiln: .*\]$", "", original.description)
    recopy = observed.tags["kiln:recopy"]
    seconds = recopy.partition(" ")[0].removesuffix("Z")
    found = re.search(
        rf"asked again ({re.escape(seconds)}\.\d{{3}}Z; seal \w{{4}}-\w{{32}}\])$", observed.description
    )
    end = found.group(1) if found else "<the time of this run>"
    return f"{own} [kiln: asked again {end}".lstrip()


def _is_of(image: ObservedImage, other: ObservedImage) -> bool:
    """Whether an image counts for the fleet size of the other: the same recipe and Region."""
    of = (image.region, image.tags.get("kiln:recipe")) == (other.region, other.tags.get("kiln:recipe"))
    return of and image.state in LIVING


def _soon(observed: ObservedImage, run: Run) -> datetime | None:
    at = observed.deprecated
    return at if at and run[0] <= at <= run[1] + SOON else run[1]


def _by_recipe(
    before: Account, original: ObservedImage, observed: ObservedImage, run: Run
) -> datetime | None:
    """The deprecation time by the recipe. If that is past, it is the earliest that EC2 accepts."""
    after = before.recipes[original.tags["kiln:recipe"]].get("publish", {}).get("deprecate_after")
    if after is None:
        return None
    baked = at_of(original.tags["kiln:version"])
    assert baked is not None
    wanted = (baked + span(after) + timedelta(seconds=30)).replace(second=0)
    return wanted if wanted > datetime.now(UTC) + SOON else _soon(observed, run)


def _changed(wanted: ObservedImage, observed: ObservedImage) -> list[str]:
    """The fields and tags that differ, with both values."""
    pairs = [
        (one.name, getattr(wanted, one.name), getattr(observed, one.name))
        for one in fields(ObservedImage)
        if one.name != "tags"
    ]
    keys = sorted(wanted.tags.keys() | observed.tags.keys())
    pairs += [(key, wanted.tags.get(key), observed.tags.get(key)) for key in keys]
    return [f"{name} must be {must}, and is {found}" for name, must, found in pairs if must != found]


def _snapshots(before: Account, after: Account, gone: set[Key]) -> list[str]:
    """The snapshots of deregistered images must be gone, unless another image uses them; all others must be
    unchanged."""
    problems = []
    for region in REGIONS:
        stays = [image for key, image in before.images.items() if key not in gone]
        kept = {snapshot for image in stays for snapshot in image.snapshots}
        went = {
            (region, snapshot)
            for key in gone
            if key[0] == region
            for snapshot in before.images[key].snapshots
            if snapshot not in kept
        }
        must = {key: tags for key, tags in before.snapshots.items() if key[0] == region and key not in went}
        there = {key: tags for key, tags in after.snapshots.items() if key[0] == region}
        problems += [f"{'/'.join(key)}: the snapshot must be gone" for key in there.keys() - must.keys()]
        problems += [f"{'/'.join(key)}: the snapshot must be there" for key in must.keys() - there.keys()]
        changed = [key for key in must.keys() & there.keys() if must[key] != there[key]]
        problems += [f"{'/'.join(key)}: the snapshot's tags have changed" for key in changed]
    return problems
