"""What a scene is, and what scenes have in common."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from local_aws.client import LocalAws
from local_aws.settings import ACCOUNT


class Keeps(Enum):
    """What must still be there after a tool has removed old images."""

    IMAGE = "image"
    SNAPSHOTS = "snapshots"
    """The image may go; its snapshots are somebody else's as well."""


@dataclass(frozen=True)
class Use:
    """One use of an image, which goes on until it is ended."""

    kind: str
    """What sort of thing uses it, in the words that a person would use."""
    name: str
    """Which one: its ARN where it has one, else what tells it from others."""
    end: Callable[[], object]
    """Ends the use, as whoever it belongs to would."""

    def told_by(self, reason: str) -> bool:
        """Whether a reason names this user."""
        return self.kind.lower() in reason.lower() and self.name in reason


@dataclass(frozen=True)
class Scene:
    """A source of use: `begin` takes the local AWS, an image and its Region."""

    name: str
    begin: Callable[[LocalAws, str, str], Use]
    home_only: bool = False
    """It has a meaning only for images in the Region where they are baked."""
    recipe: str = ""
    """What a recipe of Kiln's must say under `[expire]` for this use to count."""
    keeps: Keeps = Keeps.IMAGE

    def __str__(self) -> str:
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")


def arn(service: str, region: str, resource: str) -> str:
    return f"arn:aws:{service}:{region}:{ACCOUNT}:{resource}"


def another(aws: LocalAws, region: str) -> str:
    """An image that is none of the account's: what a template names in its other versions."""
    found = aws.client("ec2", region).describe_images(Owners=["amazon"])["Images"]
    return str(min(found, key=lambda image: str(image["Name"]))["ImageId"])


def described(aws: LocalAws, image: str, region: str) -> dict[str, Any]:
    found = aws.client("ec2", region).describe_images(ImageIds=[image], IncludeDisabled=True)["Images"]
    return dict(found[0])


def tag(aws: LocalAws, image: str, region: str, key: str, value: str) -> Callable[[], object]:
    """Tags an image. Gives what takes the tag away again."""
    ec2 = aws.client("ec2", region)
    ec2.create_tags(Resources=[image], Tags=[{"Key": key, "Value": value}])
    return lambda: ec2.delete_tags(Resources=[image], Tags=[{"Key": key}])


def again(aws: LocalAws, image: str, region: str, tags: dict[str, str] | None = None, **more: Any) -> None:
    """Makes an image once more, under its id and on its snapshots: with what nobody but AWS can give it."""
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
    """A tag that begins with `aws:`, which only a service of AWS can put on a resource."""
    again(aws, image, region, tags={key: value})
    ec2 = aws.client("ec2", region)
    return lambda: ec2.delete_tags(Resources=[image], Tags=[{"Key": key}])


def launch_template(
    aws: LocalAws, region: str, name: str, versions: list[str], default: int = 1
) -> tuple[str, Callable[[], object]]:
    """A launch template of these images. Gives its id and what deletes it."""
    seeded = {"region": region, "name": name, "versions": versions, "default": default}
    (made,) = aws.seed(launch_templates=[seeded])["launch_templates"]
    ec2 = aws.client("ec2", region)
    return made, lambda: ec2.delete_launch_template(LaunchTemplateId=made)
