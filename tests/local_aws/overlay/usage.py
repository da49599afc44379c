"""What an image usage report tells, and what it does not see."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from local_aws.overlay import tags
from local_aws.overlay.reference_index import used

INSTANCE, TEMPLATE = "ec2:Instance", "ec2:LaunchTemplate"
TYPES = (INSTANCE, TEMPLATE)
UNSEEN = {INSTANCE: timedelta(hours=24), TEMPLATE: timedelta(days=3)}
"""What is younger is not in a report: "the past 24 hours", and "the past few days" for launch templates.
(<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/your-ec2-ami-usage.html>) How many a few are is not
documented."""
LIFE = timedelta(days=30)
GONE = ("shutting-down", "terminated")


@dataclass
class Elsewhere:
    """What another account has of an image; nobody but a usage report tells of it."""

    image_id: str
    account: str
    resource_type: str
    count: int
    since: datetime


@dataclass
class Asked:
    """Of what a report is to tell: the kinds with the depth that was named, and the accounts, if any."""

    kinds: dict[str, int | None]
    accounts: list[str]


@dataclass
class Entry:
    resource_type: str
    account: str
    count: int


@dataclass
class Report:
    """It keeps what was true when it was asked for."""

    image_id: str
    asked: Asked
    entries: list[Entry]
    # EC2's own form of the id is not documented.
    id: str = field(default_factory=lambda: f"amiur-{secrets.token_hex(9)[:17]}")
    state: str = "pending"
    reason: str | None = None
    created: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def expires(self) -> datetime:
        return self.created + LIFE

    def wire(self, backend: Any) -> dict[str, Any]:
        """The report as DescribeImageUsageReports answers it."""
        return {
            "ImageId": self.image_id,
            "ReportId": self.id,
            "ResourceTypes": [_wire_kind(kind, depth) for kind, depth in self.asked.kinds.items()],
            "AccountIds": self.asked.accounts or None,
            "State": self.state,
            "StateReason": self.reason,
            "CreationTime": self.created,
            "ExpirationTime": self.expires,
            "Tags": tags.wire(backend, self.id),
        }

    def wire_entry(self, entry: Entry) -> dict[str, Any]:
        """An entry as DescribeImageUsageReportEntries answers it."""
        return {
            "ResourceType": entry.resource_type,
            "ReportId": self.id,
            "UsageCount": entry.count,
            "AccountId": entry.account,
            "ImageId": self.image_id,
            "ReportCreationTime": self.created,
        }


def entries(
    backend: Any, own: str, image_id: str, asked: Asked, elsewhere: list[Elsewhere], usual_depth: int
) -> list[Entry]:
    """Those who use it now, of what is old enough to be seen."""
    now = datetime.now(UTC)
    counts: dict[tuple[str, str], int] = {}
    for kind, depth in asked.kinds.items():
        until = now - UNSEEN[kind]
        if kind == INSTANCE:
            mine = _instances(backend, image_id, until.replace(tzinfo=None))
        else:
            mine = _templates(backend, image_id, until.replace(tzinfo=None), depth or usual_depth)
        counts[kind, own] = mine
        for one in elsewhere:
            if (one.image_id, one.resource_type) == (image_id, kind) and one.since <= until:
                counts[kind, one.account] = counts.get((kind, one.account), 0) + one.count
    return [
        Entry(kind, account, count)
        for (kind, account), count in counts.items()
        if count and (not asked.accounts or account in asked.accounts)
    ]


def _instances(backend: Any, image_id: str, until: datetime) -> int:
    """Whether EC2 counts those that are gone, which it shows an hour longer, is not documented."""
    return sum(
        instance.state not in GONE and instance.launch_time <= until
        for instance in used(backend).launched_from(image_id)
    )


def _templates(backend: Any, image_id: str, until: datetime, depth: int) -> int:
    """A template counts once, however many of its versions name the image.

    The newest versions are those of which the report knows: the depth reaches back from there.
    """
    count = 0
    for template, naming in used(backend).named_in(image_id):
        known = sum(version.create_time <= until for version in template.versions)
        count += any(known - depth < version.number <= known for version in naming)
    return count


def _wire_kind(kind: str, depth: int | None) -> dict[str, Any]:
    if depth is None:
        return {"ResourceType": kind}
    option = {"OptionName": "version-depth", "OptionValues": [str(depth)]}
    return {"ResourceType": kind, "ResourceTypeOptions": [option]}
