"""The account as it was before tonight: releases of three recipes, and things that are none of Kiln's."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from demo import words
from local_aws.client import LocalAws

HOME = "us-east-1"
FURTHER = ("eu-west-1", "ap-southeast-2")
REGIONS = (HOME, *FURTHER)
EDGE = """
# The image of edge proxies. Tonight somebody broke its configuration, which only its check finds out.
name = "edge"
[bake]
base          = "ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"
instance_type = "t4g.small"
script        = "dnf -y install haproxy"
[verify]
script        = '''
echo "haproxy: line 12: unknown keyword 'blind'"
exit 7
'''
[publish]
parameter     = "/golden/edge/latest"
[replicate]
regions       = ["eu-west-1", "ap-southeast-2"]
"""


def parameter(recipe: str) -> str:
    return f"/golden/{recipe}/latest"


@dataclass
class Account:
    """The ids of what was there, by what must become of it tonight."""

    expired: dict[str, list[str]] = field(default_factory=dict)
    """By Region: images that must be gone, with their snapshots."""
    deprecated: dict[str, list[str]] = field(default_factory=dict)
    """By Region: images that must be deprecated, and no more than that."""
    disabled: dict[str, list[str]] = field(default_factory=dict)
    """By Region: images that must be disabled."""
    kept: dict[str, list[str]] = field(default_factory=dict)
    """By Region: images of Kiln's that must stay as they were."""
    foreign: dict[str, list[str]] = field(default_factory=dict)
    """By Region: images that are none of Kiln's."""
    instances: dict[str, list[str]] = field(default_factory=dict)
    """By Region: instances that were there."""
    snapshots: dict[str, set[str]] = field(default_factory=dict)
    """By Region: every snapshot that was there."""
    named: dict[str, dict[str, str]] = field(default_factory=dict)
    """By recipe and Region: the image that its parameter names."""
    in_template: str = ""
    """The old image that only a launch template's second-newest version names."""
    in_use: str = ""
    """The old image that a stopped instance in another Region was launched from."""


def prepare(aws: LocalAws, now: datetime) -> Account:
    """Makes the account. Tonight's release is one more of each recipe: `web` keeps 3 and what is younger than
    30 days; what is out is deprecated, disabled 2 days later and deregistered after 7 more. `worker` keeps 2
    and what is younger than 14 days; what is out goes at once."""
    account = Account()

    def release(recipe: str, days: int, fate: dict[str, list[str]], **step: int) -> dict[str, str]:
        ids = _release(aws, recipe, now - timedelta(days=days), now, **step)
        for region, image in ids.items():
            fate.setdefault(region, []).append(image)
        return ids

    release("web", 120, account.expired, disabled=8)
    in_template = release("web", 100, account.kept)
    release("web", 90, account.disabled, unused=3)
    release("web", 80, account.deprecated)
    release("web", 20, account.kept)
    newest = {"web": release("web", 10, account.kept)}
    release("worker", 60, account.expired)
    in_use = release("worker", 45, account.kept)
    release("worker", 30, account.expired)
    newest["worker"] = release("worker", 7, account.kept)
    newest["edge"] = release("edge", 1, account.kept)
    _foreign(aws, account)
    aws.client("ssm").put_parameter(Name="/kiln/recipes/edge", Value=EDGE, Type="String")
    for recipe, images in newest.items():
        account.named[recipe] = images
        name, kind = parameter(recipe), "aws:ec2:image"
        for region, image in images.items():
            aws.seed(parameters=[{"region": region, "name": name, "value": image, "data_type": kind}])

    account.in_template = in_template[HOME]
    account.in_use = in_use["eu-west-1"]
    worker = newest["worker"][HOME]
    aws.seed(
        launch_templates=[
            {
                "region": HOME,
                "name": "web-fleet",
                "versions": [worker, account.in_template, worker],
                "default": 3,
            },
        ]
    )
    for region, image, state in [
        ("eu-west-1", account.in_use, "stopped"),
        (HOME, account.foreign[HOME][0], "running"),
    ]:
        (instance,) = aws.seed(instances=[{"region": region, "image": image, "state": state}])["instances"]
        account.instances.setdefault(region, []).append(instance)
    for region in REGIONS:
        found = aws.client("ec2", region).describe_snapshots(OwnerIds=["self"])["Snapshots"]
        account.snapshots[region] = {snapshot["SnapshotId"] for snapshot in found}
    return account


def _release(
    aws: LocalAws,
    recipe: str,
    at: datetime,
    now: datetime,
    unused: int | None = None,
    disabled: int | None = None,
) -> dict[str, str]:
    """`unused` and `disabled`: so many days ago it was deprecated, or disabled."""
    version = at.strftime("%Y%m%dT%H%M%SZ")
    tags = {
        words.RECIPE_TAG: recipe,
        words.VERSION_TAG: version,
        words.STAGE_TAG: words.STAGE_RELEASED,
        "team": "platform",
    }
    step: dict[str, Any] = {"state": "available" if disabled is None else "disabled"}
    if unused is not None:
        since = (now - timedelta(days=unused)).strftime("%Y-%m-%dT%H:%M:%SZ")
        tags |= {words.UNUSED_TAG: since}
        step |= {"deprecated": since}
    if disabled is not None:
        since = (now - timedelta(days=disabled)).strftime("%Y-%m-%dT%H:%M:%SZ")
        tags |= {words.STAGE_TAG: words.STAGE_DISABLED, words.DISABLED_TAG: since}
    image: dict[str, Any] = {
        "name": f"{recipe}-{version}",
        "created": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "snapshots": 1,
        **step,
    }
    made = {"source_instance": "i-0123456789abcdef0"}
    (home,) = aws.seed(images=[{**image, **made, "region": HOME, "tags": tags}])["images"]
    ids = {HOME: home}
    for region in FURTHER:
        copied = {**tags, words.ORIGIN_TAG: f"{HOME}/{home}", words.ATTEMPT_TAG: "1"}
        made = {"source_image": home, "source_region": HOME}
        (ids[region],) = aws.seed(images=[{**image, **made, "region": region, "tags": copied}])["images"]
    return ids


def _foreign(aws: LocalAws, account: Account) -> None:
    """Old things that look much like Kiln's, and are not."""
    old = {"created": "2020-01-01T00:00:00Z"}
    for region in REGIONS:
        account.foreign[region] = aws.seed(
            images=[
                {**old, "region": region, "name": "legacy-app", "tags": {"Name": "legacy-app"}},
                {**old, "region": region, "name": "web-20200101T000000Z", "tags": {"Name": "web"}},
            ]
        )["images"]


def midnight() -> datetime:
    """The night's start: now, to the second."""
    return datetime.now(UTC).replace(microsecond=0)
