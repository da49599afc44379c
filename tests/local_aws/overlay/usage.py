"""The contents of an image usage report, and the recent use that it misses."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from local_aws.overlay import tags
from local_aws.overlay.reference_index import reference_index

INSTANCE, TEMPLATE = "ec2:Instance", "ec2:LaunchTemplate"
TYPES = (INSTANCE, TEMPLATE)
UNSEEN = {INSTANCE: timedelta(hours=24), TEMPLATE: timedelta(days=3)}
"""Younger use is not in a report: "the past 24 hours", and "the past few days" for launch templates.
(<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/your-ec2-ami-usage.html>) How many days
"a few" are is not documented."""
LIFE = timedelta(days=30)
GONE = ("shutting-down", "terminated")


@dataclass
class ExternalUse:
    """The use of an image by another account, which only a usage report shows."""

    image_id: str
    account: str
    resource_type: str
    count: int
    since: datetime


@dataclass
class ReportScope:
    """The scope of a report: its resource types, each with its version depth, and its accounts, if any."""

    kinds: dict[str, int | None]
    accounts: list[str]


@dataclass
class Entry:
    resource_type: str
    account: str
    count: int


@dataclass
class Report:
    """A usage report. Its contents are those of the time of the request."""

    image_id: str
    scope: ReportScope
    entries: list[Entry]
    # The format of EC2's ids is not documented.
    id: str = field(default_factory=lambda: f"amiur-{secrets.token_hex(9)[:17]}")
    state: str = "pending"
    reason: str | None = None
    created: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def expires(self) -> datetime:
        return self.created + LIFE

    def wire(self, backend: Any) -> dict[str, Any]:
        """The report in an answer of DescribeImageUsageReports."""
        return {
            "ImageId": self.image_id,
            "ReportId": self.id,
            "ResourceTypes": [_wire_kind(kind, depth) for kind, depth in self.scope.kinds.items()],
            "AccountIds": self.scope.accounts or None,
            "State": self.state,
            "StateReason": self.reason,
            "CreationTime": self.created,
            "ExpirationTime": self.expires,
            "Tags": tags.wire(backend, self.id),
        }

    def wire_entry(self, entry: Entry) -> dict[str, Any]:
        """An entry in an answer of DescribeImageUsageReportEntries."""
        return {
            "ResourceType": entry.resource_type,
            "ReportId": self.id,
            "UsageCount": entry.count,
            "AccountId": entry.account,
            "ImageId": self.image_id,
            "ReportCreationTime": self.created,
        }


def entries(
    backend: Any,
    own: str,
    image_id: str,
    scope: ReportScope,
    external_uses: list[ExternalUse],
    usual_depth: int,
) -> list[Entry]:
    """The current use of an image that is old enough to be in a report."""
    now = datetime.now(UTC)
    counts: dict[tuple[str, str], int] = {}
    for kind, depth in scope.kinds.items():
        until = now - UNSEEN[kind]
        if kind == INSTANCE:
            mine = _instances(backend, image_id, until.replace(tzinfo=None))
        else:
            mine = _templates(backend, image_id, until.replace(tzinfo=None), depth or usual_depth)
        counts[kind, own] = mine
        for one in external_uses:
            if (one.image_id, one.resource_type) == (image_id, kind) and one.since <= until:
                counts[kind, one.account] = counts.get((kind, one.account), 0) + one.count
    return [
        Entry(kind, account, count)
        for (kind, account), count in counts.items()
        if count and (not scope.accounts or account in scope.accounts)
    ]


def _instances(backend: Any, image_id: str, until: datetime) -> int:
    """Instances of an image. EC2 describes a terminated one for an hour; whether a report counts it is not
    documented."""
    return sum(
        instance.state not in GONE and instance.launch_time <= until
        for instance in reference_index(backend).launched_from(image_id)
    )


def _templates(backend: Any, image_id: str, until: datetime, depth: int) -> int:
    """Launch templates that name an image. Each counts once, however many of its versions name it.

    The version depth counts back from the newest version that is old enough for the report.
    """
    count = 0
    for template, naming in reference_index(backend).named_in(image_id):
        known = sum(version.create_time <= until for version in template.versions)
        count += any(known - depth < version.number <= known for version in naming)
    return count


def _wire_kind(kind: str, depth: int | None) -> dict[str, Any]:
    if depth is None:
        return {"ResourceType": kind}
    option = {"OptionName": "version-depth", "OptionValues": [str(depth)]}
    return {"ResourceType": kind, "ResourceTypeOptions": [option]}
