"""What an account must look like once a plan was carried out: what the plan says, and nothing else."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta

from oracle.compare import Line
from oracle.model import REGIONS
from oracle.rules import LIVING, at_of, span
from oracle.snapshot import Account, Key, Seen

Run = tuple[datetime, datetime]
"""When the run began, and when it had ended."""
SOON = timedelta(minutes=4)
"""EC2 counts deprecation in minutes, and takes none that is past."""


def unlike(before: Account, after: Account, planned: list[Line], run: Run) -> list[str]:
    """One text for each image or snapshot that is not as the plan has said."""
    steps: dict[Key, set[str]] = {}
    for line in planned:
        if line["action"] != "emit":
            steps.setdefault((line["region"], line["resource"]), set()).add(line["action"])
    gone = {key for key, words in steps.items() if "deregister" in words}
    told = [f"{'/'.join(key)}: it came from nowhere" for key in after.images.keys() - before.images.keys()]
    for key, was in before.images.items():
        words, is_now = steps.get(key, set()), after.images.get(key)
        if (key in gone) != (is_now is None):
            there = "there" if is_now else "gone"
            told.append(f"{'/'.join(key)}: planned was {sorted(words)}; it is {there}")
        elif is_now is not None:
            wanted = _as_planned(before, after, was, is_now, words, run)
            changed = _changed(wanted, is_now)
            told += [f"{'/'.join(key)}: planned was {sorted(words)}; {one}" for one in changed]
    return told + _snapshots(before, after, gone)


def _as_planned(before: Account, after: Account, was: Seen, is_now: Seen, words: set[str], run: Run) -> Seen:
    """The image as it must be. A time of this run is taken as it was written; `_changed` tells any other."""
    tags, deprecated, state = dict(was.tags), was.deprecated, was.state

    def now(tag: str) -> str:
        written, (began, ended) = is_now.time(tag), run
        return is_now.tags[tag] if written and began <= written <= ended else "a time of this run"

    if "deprecate" in words:
        tags["kiln:unused-since"], deprecated = now("kiln:unused-since"), _soon(is_now, run)
    if "disable" in words:
        tags |= {"kiln:stage": "disabled", "kiln:disabled-at": now("kiln:disabled-at")}
        state = "disabled"
    if "reactivate" in words:
        tags |= {"kiln:stage": "captured", "kiln:recopy": now("kiln:recopy")}
        tags |= {"kiln:unused-since": "no", "kiln:disabled-at": "no"}
    if "clear-unused" in words:
        tags["kiln:unused-since"], deprecated = "no", _by_recipe(before, was, is_now, run)
    if words & {"deprecate", "disable", "tag"}:
        # Of what is left: else the next night would take what has gone in this one for lost.
        tags["kiln:fleet-size"] = str(sum(_is_of(image, was) for image in after.images.values()))
    return replace(was, tags=tags, deprecated=deprecated, state=state)


def _is_of(image: Seen, other: Seen) -> bool:
    """Whether it counts among the images of the other's recipe in its Region."""
    of = (image.region, image.tags.get("kiln:recipe")) == (other.region, other.tags.get("kiln:recipe"))
    return of and image.state in LIVING


def _soon(is_now: Seen, run: Run) -> datetime | None:
    at = is_now.deprecated
    return at if at and run[0] <= at <= run[1] + SOON else run[1]


def _by_recipe(before: Account, was: Seen, is_now: Seen, run: Run) -> datetime | None:
    """When its recipe has it deprecated; a time that is past, as soon as EC2 takes it."""
    after = before.recipes[was.tags["kiln:recipe"]].get("publish", {}).get("deprecate_after")
    if after is None:
        return None
    baked = at_of(was.tags["kiln:version"])
    assert baked is not None
    wanted = (baked + span(after) + timedelta(seconds=30)).replace(second=0)
    return wanted if wanted > datetime.now(UTC) + SOON else _soon(is_now, run)


def _changed(wanted: Seen, is_now: Seen) -> list[str]:
    """The fields and tags that differ, with both values."""
    pairs = [
        (one.name, getattr(wanted, one.name), getattr(is_now, one.name))
        for one in fields(Seen)
        if one.name != "tags"
    ]
    keys = sorted(wanted.tags.keys() | is_now.tags.keys())
    pairs += [(key, wanted.tags.get(key), is_now.tags.get(key)) for key in keys]
    return [f"{name} must be {must}, and is {found}" for name, must, found in pairs if must != found]


def _snapshots(before: Account, after: Account, gone: set[Key]) -> list[str]:
    """Those of what is gone are gone, unless another image stands on them; all others are as they were."""
    told = []
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
        told += [f"{'/'.join(key)}: the snapshot must be gone" for key in there.keys() - must.keys()]
        told += [f"{'/'.join(key)}: the snapshot must be there" for key in must.keys() - there.keys()]
        changed = [key for key in must.keys() & there.keys() if must[key] != there[key]]
        told += [f"{'/'.join(key)}: the snapshot's tags have changed" for key in changed]
    return told
