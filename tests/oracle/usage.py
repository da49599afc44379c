"""Whether an image is used, by everything that docs/concepts counts as a use."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import IntEnum

from local_aws.settings import ACCOUNT
from oracle.model import HOME
from oracle.snapshot import Account, Key, Report, Seen

REPORT_TELLS = timedelta(hours=36)
"""For so long a usage report tells how things are."""
USE_TELLS = timedelta(days=7)
"""For so long one that tells of a use does."""
EC2_REMEMBERS_SINCE = datetime(2017, 5, 1, tzinfo=UTC)
"""When an image was launched last, EC2 tells only of launches after that."""
SERVICES = ("aws:backup:", "aws:dlm:", "Ec2ImageBuilderArn")
"""How the tags begin that other services put on images of theirs."""


class Use(IntEnum):
    """How sure it is that an image is used."""

    NONE = 0
    UNREPORTED = 1
    """Others may launch it, and nobody has told yet whether they do."""
    UNKNOWN = 2
    CERTAIN = 3


class Uses:
    """Who uses what in an account."""

    def __init__(self, account: Account, now: datetime) -> None:
        self._account = account
        self._now = now
        self._bases = {recipe["bake"]["base"] for recipe in account.recipes.values()}
        self._baked_from = {
            image.tags.get("kiln:base")
            for image in account.images.values()
            if image.region == HOME and image.state in ("available", "pending")
        }
        named = {recipe.get("publish", {}).get("parameter") for recipe in account.recipes.values()}
        self._released = {
            (region, value) for (region, name), value in account.parameters.items() if name in named
        }

    def of(self, image: Seen, idle: timedelta, newest: str | None) -> Use:
        """`newest`: the version of its recipe's newest release."""
        if (
            self._is_kept_by_hand(image, newest)
            or _is_protected(image)
            or any(tag.startswith(SERVICES) for tag in image.tags)
            or self._is_named(image)
            or (idle and image.launched is not None and image.launched + idle > self._now)
        ):
            return Use.CERTAIN
        by_others = self._by_others(image)
        if idle and image.launched is None and image.created < EC2_REMEMBERS_SINCE:
            return max(by_others, Use.UNKNOWN)
        return by_others

    def _is_kept_by_hand(self, image: Seen, newest: str | None) -> bool:
        on_it = [image.tags, *(self._account.snapshots[image.region, one] for one in image.snapshots)]
        if any("kiln:hold" in tags for tags in on_it) or "kiln:restored-at" in image.tags:
            return True
        over = image.tags.get("kiln:pinned-over")
        return "kiln:pinned" in image.tags and over is not None and (newest is None or newest <= over)

    def _is_named(self, image: Seen) -> bool:
        return (
            bool(self._account.named_by.get(image.key))
            or image.key in self._released
            or image.id in self._bases
            or (image.region == HOME and image.id in self._baked_from)
        )

    def _by_others(self, image: Seen) -> Use:
        """What is disabled nobody can launch, whoever it was shared with. Where it was found unused before, a
        report counts that was asked for since."""
        if image.state != "available" or not self.is_shared(image.key):
            return Use.NONE
        since, first = self._now - REPORT_TELLS, image.time("kiln:unused-since")
        if first is None or first > self._now:
            first = self._now - USE_TELLS
        since = max(since, first)
        told = [
            one for one in self._account.reports.get(image.key, []) if _counts(one, since, first, self._now)
        ]
        ready = [one for one in told if one.state == "available"]
        if not ready:
            return Use.UNKNOWN if told else Use.UNREPORTED
        newest = max(ready, key=lambda one: one.asked)
        return Use.CERTAIN if newest.accounts - {ACCOUNT} else Use.NONE

    def is_shared(self, key: Key) -> bool:
        return key in self._account.shared


def is_guarded_by_kiln(image: Seen) -> bool:
    """A guard that the recipe asked for is Kiln's own to take away."""
    by_recipe = image.tags.get("kiln:published-as", "").startswith("protected-")
    return by_recipe and image.protection == "enabled-without-cooldown"


def _is_protected(image: Seen) -> bool:
    return image.protection != "disabled" and not is_guarded_by_kiln(image)


def _counts(report: Report, since: datetime, first: datetime, now: datetime) -> bool:
    """What somebody else asked for counts only where it tells of a use."""
    if report.state == "available" and report.accounts - {ACCOUNT}:
        return report.asked > max(now - USE_TELLS, first)
    return report.own and report.asked > since
