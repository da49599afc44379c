"""Whether an image is used, by everything that docs/concepts counts as use."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from enum import IntEnum

from local_aws.settings import ACCOUNT
from oracle.model import HOME
from oracle.snapshot import Account, Key, ObservedImage, Report

REPORT_TELLS = timedelta(hours=36)
"""How long a usage report counts."""
REPORT_MISSES = timedelta(hours=24)
"""How much recent use a usage report leaves out."""
USE_TELLS = timedelta(days=7)
"""How long a usage report that shows use counts."""
EC2_REMEMBERS_SINCE = datetime(2017, 5, 1, tzinfo=UTC)
"""EC2 records the last launch of an image only for launches after this time."""
SERVICES = ("aws:backup:", "aws:dlm:", "Ec2ImageBuilderArn")
"""The prefixes of the tags that other services put on their images."""


class Use(IntEnum):
    """Whether an image is used, from certain to unused."""

    NONE = 0
    UNREPORTED = 1
    """Other accounts may launch it, and no report says yet whether they do."""
    UNKNOWN = 2
    CERTAIN = 3


class Uses:
    """The use of all images of an account."""

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

    def of(self, image: ObservedImage, idle: timedelta, quarantine: timedelta, newest: str | None) -> Use:
        """The use of an image; `newest` is the version of the newest release of its recipe."""
        if (
            self._is_kept_by_hand(image, newest)
            or _is_protected(image)
            or any(tag.startswith(SERVICES) for tag in image.tags)
            or self._is_named(image)
            or (idle and image.launched is not None and image.launched + idle > self._now)
        ):
            return Use.CERTAIN
        by_others = self._by_others(image, quarantine)
        if idle and image.launched is None and image.created < EC2_REMEMBERS_SINCE:
            return max(by_others, Use.UNKNOWN)
        return by_others

    def _is_kept_by_hand(self, image: ObservedImage, newest: str | None) -> bool:
        on_it = [image.tags, *(self._account.snapshots[image.region, one] for one in image.snapshots)]
        if any("kiln:hold" in tags for tags in on_it) or "kiln:restored-at" in image.tags:
            return True
        pin = re.search(r"\[kiln: .*rolled back to \S+ over (\w+); seal ", image.description)
        return pin is not None and (newest is None or newest <= pin.group(1))

    def _is_named(self, image: ObservedImage) -> bool:
        return (
            bool(self._account.named_by.get(image.key))
            or image.key in self._released
            or image.id in self._bases
            or (image.region == HOME and image.id in self._baked_from)
        )

    def _by_others(self, image: ObservedImage, quarantine: timedelta) -> Use:
        """Use by other accounts. If the image was found unused before, only a report that was requested after
        that counts. Of a disabled image, only one that was requested a day later or at the end of its
        quarantine; before the end is near, none is needed."""
        reports = self._account.reports.get(image.key, [])
        mark = image.tags.get("kiln:published-as", "").removeprefix("protected-")
        once = mark.startswith("shared-") or (
            image.state == "disabled" and any(one.own or one.accounts - {ACCOUNT} for one in reports)
        )
        if image.state not in ("available", "disabled") or not (once or self.is_shared(image.key)):
            return Use.NONE
        since, first = self._now - REPORT_TELLS, image.time("kiln:unused-since")
        missing = Use.UNREPORTED
        disabled = image.time("kiln:disabled-at") if image.state == "disabled" else None
        if disabled is not None:
            settled = disabled + min(REPORT_MISSES, quarantine)
            since = max(since, settled - timedelta(microseconds=1))
            if self._now < max(settled, disabled + quarantine - REPORT_TELLS):
                missing, since = Use.NONE, self._now
        if first is None or first > self._now:
            first = self._now - USE_TELLS
        since = since if disabled is not None else max(since, first)
        counting = [one for one in reports if _counts(one, since, first, self._now)]
        ready = [one for one in counting if one.state == "available"]
        if not ready:
            return Use.UNKNOWN if counting else missing
        newest = max(ready, key=lambda one: one.asked)
        return Use.CERTAIN if newest.accounts - {ACCOUNT} else Use.NONE

    def is_shared(self, key: Key) -> bool:
        return key in self._account.shared


def is_protected_by_kiln(image: ObservedImage) -> bool:
    """Whether Kiln set the deregistration protection, so that Kiln may remove it."""
    by_recipe = image.tags.get("kiln:published-as", "").startswith("protected-")
    return by_recipe and image.protection == "enabled-without-cooldown"


def _is_protected(image: ObservedImage) -> bool:
    return image.protection != "disabled" and not is_protected_by_kiln(image)


def _counts(report: Report, since: datetime, first: datetime, now: datetime) -> bool:
    """Whether a report counts. One that somebody else requested counts only if it shows use."""
    if report.state == "available" and report.accounts - {ACCOUNT}:
        return report.asked > max(now - USE_TELLS, first)
    return report.own and report.asked > since
