"""Creates the account for the tools: releases of one recipe in one Region."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from botocore.exceptions import ClientError

from bench.peers.tools import REGION
from local_aws.client import LocalAws

RECIPE = """
name = "web"
[bake]
base = "ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"
instance_type = "t4g.small"
[expire]
keep = 2
older_than = "30d"
confirm_after = "{confirm_after}"
quarantine = "{quarantine}"
max_per_run = 100000
max_percent = 100
{more}
"""


@contextmanager
def local_aws() -> Iterator[LocalAws]:
    """A local AWS without output."""
    with TemporaryDirectory(prefix="peers-") as folder, LocalAws(log=Path(folder) / "log") as aws:
        yield aws


def put_recipe(aws: LocalAws, confirm_after: str = "0d", quarantine: str = "0d", more: str = "") -> None:
    text = RECIPE.format(confirm_after=confirm_after, quarantine=quarantine, more=more)
    aws.client("ssm", REGION).put_parameter(
        Name="/kiln/recipes/web", Value=text, Type="String", Overwrite=True
    )


def releases(aws: LocalAws, days_ago: list[int], **fields: Any) -> list[str]:
    """Creates one release for each age in days, as Kiln leaves it: an image with its record and snapshots of
    8 GB. Returns the ids."""
    now = datetime.now(UTC).replace(microsecond=0)
    tags = {"kiln:recipe": "web", "kiln:stage": "released", **fields.pop("tags", {})}
    images = []
    for days in days_ago:
        at = now - timedelta(days=days)
        version = f"{at:%Y%m%dT%H%M%SZ}"
        made = {"source_instance": "i-0123456789abcdef0", "created": f"{at:%Y-%m-%dT%H:%M:%SZ}"}
        named = {"region": REGION, "name": f"web-{version}", "tags": {**tags, "kiln:version": version}}
        images.append({**named, **made, **fields})
    return list(aws.seed(images=images)["images"])


def clear(aws: LocalAws) -> None:
    """Removes everything except the deployed functions."""
    aws.wait_idle(60)
    aws.reset()
    ssm = aws.client("ssm", REGION)
    for path in ("/golden", "/kiln/recipes"):
        for parameter in ssm.get_parameters_by_path(Path=path, Recursive=True)["Parameters"]:
            ssm.delete_parameter(Name=parameter["Name"])


def has_image(aws: LocalAws, image: str) -> bool:
    """Whether the image exists, in any state."""
    try:
        found = aws.client("ec2", REGION).describe_images(ImageIds=[image], IncludeDisabled=True)
    except ClientError as error:
        if error.response["Error"]["Code"].startswith("InvalidAMIID."):
            return False
        raise
    return bool(found["Images"])


def images(aws: LocalAws) -> set[str]:
    found = aws.client("ec2", REGION).describe_images(Owners=["self"], IncludeDisabled=True)["Images"]
    return {str(image["ImageId"]) for image in found}


def snapshots(aws: LocalAws) -> set[str]:
    found = aws.client("ec2", REGION).describe_snapshots(OwnerIds=["self"])["Snapshots"]
    return {str(snapshot["SnapshotId"]) for snapshot in found}
