"""Reads a whole account by boto3, without any shortcut."""

from __future__ import annotations

import tomllib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from local_aws.client import LocalAws
from local_aws.seals import plain
from oracle.model import FRIENDS, HOME, REGIONS

Key = tuple[str, str]
"""The Region and id of an image."""
GIB = 1024**3


@dataclass(frozen=True)
class ObservedImage:
    """One image, as boto3 describes it."""

    region: str
    id: str
    name: str
    state: str
    created: datetime
    deprecated: datetime | None
    launched: datetime | None
    protection: str
    source_instance: str | None
    source_image: str | None
    """As `region/ami-id`."""
    snapshots: tuple[str, ...]
    gib: float
    tags: dict[str, str]
    description: str

    @property
    def key(self) -> Key:
        return self.region, self.id

    @property
    def address(self) -> str:
        return f"{self.region}/{self.id}"

    def time(self, tag: str) -> datetime | None:
        """The time in a tag; `None` if it has none."""
        return instant(self.tags.get(tag))


@dataclass(frozen=True)
class Report:
    """A usage report on an image."""

    asked: datetime
    state: str
    accounts: frozenset[str]
    own: bool
    """Whether Kiln requested it, for all accounts."""


@dataclass
class Account:
    images: dict[Key, ObservedImage] = field(default_factory=dict)
    snapshots: dict[Key, dict[str, str]] = field(default_factory=dict)
    """The tags of each snapshot, by Region and id."""
    named_by: dict[Key, list[str]] = field(default_factory=lambda: defaultdict(list))
    """What names each image: existing instances, template versions, and parameters of type
    `aws:ec2:image`."""
    shared: set[Key] = field(default_factory=set)
    reports: dict[Key, list[Report]] = field(default_factory=lambda: defaultdict(list))
    recipes: dict[str, dict[str, Any]] = field(default_factory=dict)
    parameters: dict[Key, str] = field(default_factory=dict)
    """The value of each parameter, by Region and name."""


def look(aws: LocalAws) -> Account:
    """Reads the whole account."""
    account = Account()
    for region in REGIONS:
        _parameters(aws, region, account)
        _images(aws, region, account)
        _instances(aws, region, account)
        _templates(aws, region, account)
        _shares(aws, region, account)
    for (region, name), value in account.parameters.items():
        if region == HOME and name.startswith("/kiln/recipes/"):
            account.recipes[name.removeprefix("/kiln/recipes/")] = tomllib.loads(value)
    return account


def instant(value: str | None) -> datetime | None:
    try:
        at = datetime.fromisoformat(value or "")
    except ValueError:
        return None
    return at if at.tzinfo else None


def _pages(client: Any, operation: str, key: str, size: int | None = 1_000, **asked: Any) -> Iterator[Any]:
    config = {"PageSize": size} if size else {}
    for page in client.get_paginator(operation).paginate(PaginationConfig=config, **asked):
        yield from page[key]


def _tags(thing: dict[str, Any]) -> dict[str, str]:
    return {tag["Key"]: plain(tag["Value"]) for tag in thing.get("Tags", [])}


def _images(aws: LocalAws, region: str, account: Account) -> None:
    ec2 = aws.client("ec2", region)
    sizes: dict[str, float] = {}
    for snapshot in _pages(ec2, "describe_snapshots", "Snapshots", OwnerIds=["self"]):
        account.snapshots[region, snapshot["SnapshotId"]] = _tags(snapshot)
        bytes_or_volume = snapshot.get("FullSnapshotSizeInBytes", snapshot["VolumeSize"] * GIB)
        sizes[snapshot["SnapshotId"]] = bytes_or_volume / GIB
    for image in _pages(ec2, "describe_images", "Images", Owners=["self"], IncludeDisabled=True):
        volumes = [mapping["Ebs"] for mapping in image["BlockDeviceMappings"] if "Ebs" in mapping]
        snapshots = tuple(volume["SnapshotId"] for volume in volumes if "SnapshotId" in volume)
        source = image.get("SourceImageId")
        seen = ObservedImage(
            region=region,
            id=image["ImageId"],
            name=image["Name"],
            state=image["State"],
            created=datetime.fromisoformat(image["CreationDate"]),
            deprecated=instant(image.get("DeprecationTime")),
            launched=instant(image.get("LastLaunchedTime")),
            protection=image.get("DeregistrationProtection", "disabled"),
            source_instance=image.get("SourceInstanceId"),
            source_image=f"{image['SourceImageRegion']}/{source}" if image.get("SourceImageRegion") else None,
            snapshots=snapshots,
            gib=sum(sizes.get(snapshot, 0) for snapshot in snapshots),
            tags=_tags(image),
            description=image.get("Description") or "",
        )
        account.images[seen.key] = seen


def _instances(aws: LocalAws, region: str, account: Account) -> None:
    for reservation in _pages(aws.client("ec2", region), "describe_instances", "Reservations"):
        for instance in reservation["Instances"]:
            if instance["State"]["Name"] != "terminated":
                account.named_by[region, instance["ImageId"]].append(instance["InstanceId"])


def _templates(aws: LocalAws, region: str, account: Account) -> None:
    """Every version of every template, with parameters resolved."""
    ec2 = aws.client("ec2", region)
    for template in _pages(ec2, "describe_launch_templates", "LaunchTemplates", 200):
        identity = template["LaunchTemplateId"]
        versions = "describe_launch_template_versions", "LaunchTemplateVersions"
        for version in _pages(ec2, *versions, 200, LaunchTemplateId=identity):
            named = version["LaunchTemplateData"].get("ImageId", "")
            if named.startswith("resolve:ssm:"):
                named = account.parameters[region, named.removeprefix("resolve:ssm:")]
            account.named_by[region, named].append(f"{identity} version {version['VersionNumber']}")


def _parameters(aws: LocalAws, region: str, account: Account) -> None:
    ssm = aws.client("ssm", region)
    kinds = {one["Name"]: one.get("DataType") for one in _pages(ssm, "describe_parameters", "Parameters", 50)}
    own = [name for name in kinds if not name.startswith("/aws/")]
    for at in range(0, len(own), 10):
        for one in ssm.get_parameters(Names=own[at : at + 10])["Parameters"]:
            account.parameters[region, one["Name"]] = one["Value"]
            if kinds[one["Name"]] == "aws:ec2:image":
                account.named_by[region, one["Value"]].append(one["Name"])


def _is_own(report: dict[str, Any]) -> bool:
    tags = {one["Key"]: one["Value"] for one in report.get("Tags", [])}
    return tags.get("kiln:image") == report["ImageId"] and not report.get("AccountIds")


def _shares(aws: LocalAws, region: str, account: Account) -> None:
    """The launch permissions of each image, and its usage reports."""
    ec2 = aws.client("ec2", region)
    for account_id in (*FRIENDS, "all"):
        asked = {"Owners": ["self"], "ExecutableUsers": [account_id]}
        for image in _pages(ec2, "describe_images", "Images", **asked):
            account.shared.add((region, image["ImageId"]))
    accounts: dict[str, set[str]] = defaultdict(set)
    for entry in _pages(ec2, "describe_image_usage_report_entries", "ImageUsageReportEntries", None):
        accounts[entry["ReportId"]].add(entry["AccountId"])
    for report in _pages(ec2, "describe_image_usage_reports", "ImageUsageReports", None):
        users = frozenset(accounts[report["ReportId"]])
        account.reports[region, report["ImageId"]].append(
            Report(report["CreationTime"], report["State"], users, _is_own(report))
        )
