"""The types of scenes, and helpers that several scenes use."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from local_aws.client import LocalAws
from local_aws.settings import ACCOUNT


class Keeps(Enum):
    """What must still exist after a tool has removed old images."""

    IMAGE = "image"
    SNAPSHOTS = "snapshots"
    """The image may be removed; its snapshots may not, because another image uses them."""


@dataclass(frozen=True)
class Use:
    """One use of an image, until `end` is called."""

    kind: str
    """The kind of user, in plain words."""
    name: str
    """The ARN of the user if it has one, otherwise its name or id."""
    end: Callable[[], object]
    """Ends the use, as its owner would."""

    def told_by(self, reason: str) -> bool:
        """Whether a reason names this user."""
        return self.kind.lower() in reason.lower() and self.name in reason


@dataclass(frozen=True)
class Scene:
    """A kind of use; `begin` takes the local AWS, an image and its Region."""

    name: str
    begin: Callable[[LocalAws, str, str], Use]
    home_only: bool = False
    """Whether the scene applies only to images in the home Region."""
    recipe: str = ""
    """The `[expire]` fields that a recipe of Kiln needs for this use to count."""
    keeps: Keeps = Keeps.IMAGE

    def __str__(self) -> str:
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")


def arn(service: str, region: str, resource: str) -> str:
    return f"arn:aws:{service}:{region}:{ACCOUNT}:{resource}"


def another(aws: LocalAws, region: str) -> str:
    """A public image, for the other versions of a template."""
    found = aws.client("ec2", region).describe_images(Owners=["amazon"])["Images"]
    return str(min(found, key=lambda image: str(image["Name"]))["ImageId"])


def described(aws: LocalAws, image: str, region: str) -> dict[str, Any]:
    found = aws.client("ec2", region).describe_images(ImageIds=[image], IncludeDisabled=True)["Images"]
    return dict(found[0])


def tag(aws: LocalAws, image: str, region: str, key: str, value: str) -> Callable[[], object]:
    """Tags an image. Returns a function that removes the tag."""
    ec2 = aws.client("ec2", region)
    ec2.create_tags(Resources=[image], Tags=[{"Key": key, "Value": value}])
    return lambda: ec2.delete_tags(Resources=[image], Tags=[{"Key": key}])


def again(aws: LocalAws, image: str, region: str, tags: dict[str, str] | None = None, **more: Any) -> None:
    """Replaces an image by one with the same id and snapshots, to set fields that only AWS can set."""
    seen = described(aws, image, region)
    own = {one["Key"]: one["Value"] for one in seen.get("Tags", [])}
    made = {
        "region": region,
        "id": image,
        "name": seen["Name"],
        "created": seen["CreationDate"],
        "state": seen["State"],
        "architecture": seen["Architecture"],
        "source_image": seen.get("SourceImageId"),
        "source_region": seen.get("SourceImageRegion"),
        "source_instance": seen.get("SourceInstanceId"),
        "tags": {**own, **(tags or {})},
        "share_snapshots_with": [image],
    }
    aws.seed(images=[{**made, **more}])


def service_tag(aws: LocalAws, image: str, region: str, key: str, value: str) -> Callable[[], object]:
    """Puts a tag with the prefix `aws:` on an image, as only a service of AWS can."""
    again(aws, image, region, tags={key: value})
    ec2 = aws.client("ec2", region)
    return lambda: ec2.delete_tags(Resources=[image], Tags=[{"Key": key}])


def launch_template(
    aws: LocalAws, region: str, name: str, versions: list[str], default: int = 1
) -> tuple[str, Callable[[], object]]:
    """A launch template with these images. Returns its id and a function that deletes it."""
    seeded = {"region": region, "name": name, "versions": versions, "default": default}
    (made,) = aws.seed(launch_templates=[seeded])["launch_templates"]
    ec2 = aws.client("ec2", region)
    return made, lambda: ec2.delete_launch_template(LaunchTemplateId=made)
