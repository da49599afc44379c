"""A rollback, told by what each Region named before and names after."""

from __future__ import annotations

import time
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from stack.answers import DECISIONS, VERSION
from stack.arguments import IMAGE_ID
from stack.operate import recipes_of
from stack.text import table

Client = Callable[[str, str], Any]
"""A client of a service in a Region."""
Versions = dict[tuple[str, str], str]
"""What is named, by Region and by what names it."""
PATIENCE_S = 15.0
_VERSION_TAG = "kiln:version"


@dataclass(frozen=True)
class Named:
    """What the releases of a recipe are named by, and in which Regions."""

    regions: list[str]
    parameter: str | None
    launch_template: str | None

    @classmethod
    def by(cls, client: Client, home: str, recipe: str, stack: str = "kiln") -> Named | None:
        """Of a recipe in Parameter Store; None where it cannot be read, for the function says why."""
        try:
            name = f"{recipes_of(stack)}/{recipe}"
            found = client("ssm", home).get_parameter(Name=name)["Parameter"]["Value"]
            document = tomllib.loads(found)
            publish = document.get("publish", {})
            regions = [home, *document.get("replicate", {}).get("regions", [])]
            return cls(regions, publish.get("parameter"), publish.get("launch_template", {}).get("name"))
        except (ClientError, BotoCoreError, ValueError, AttributeError, TypeError):
            return None

    def now(self, client: Client) -> Versions:
        """The version that is named at this moment."""
        found = {}
        for region in self.regions:
            ssm, ec2 = client("ssm", region), client("ec2", region)
            if self.parameter:
                named = _tried(_value, ssm, self.parameter)
                found[region, f"parameter {self.parameter}"] = _version(ec2, named)
            if self.launch_template:
                named = _tried(_latest, ec2, self.launch_template)
                found[region, f"launch template {self.launch_template}"] = _version(ec2, named)
        return found


def settled(
    named: Named, client: Client, version: str, pause: Callable[[float], None] = time.sleep
) -> Versions:
    """What is named once all Regions name that version, or after a while: SSM looks at an image before a
    parameter names it, and writes it only then."""
    end = time.monotonic() + PATIENCE_S
    while True:
        found = named.now(client)
        if set(found.values()) <= {version} or time.monotonic() > end:
            return found
        pause(0.5)


def version_of(body: dict[str, Any]) -> str | None:
    """The version that the function went back to."""
    return next((line[VERSION] for line in body[DECISIONS] if line.get(VERSION)), None)


def moved(before: Versions, after: Versions, version: str | None = None) -> list[str]:
    """From which version to which each Region went, and where the one that was asked for is not seen yet."""
    rows = [["REGION", "NAMED BY", "FROM", "TO"]]
    for (region, what), now in after.items():
        then = before[region, what]
        told = f"{now} (as before)" if now == then else now
        if version not in (None, now):
            told = f"{now} ({version} is not seen there yet)"
        rows.append([region, what, then, told])
    return table(rows)


def _value(ssm: Any, parameter: str) -> str | None:
    found = ssm.get_parameters(Names=[parameter])["Parameters"]
    return str(found[0]["Value"]) if found else None


def _latest(ec2: Any, name: str) -> str | None:
    call = {"LaunchTemplateName": name, "Versions": ["$Latest"]}
    found = ec2.describe_launch_template_versions(**call)["LaunchTemplateVersions"]
    return found[0]["LaunchTemplateData"].get("ImageId") if found else None


def _image(ec2: Any, image: str) -> list[dict[str, Any]]:
    return list(ec2.describe_images(ImageIds=[image])["Images"])


def _version(ec2: Any, named: str | None) -> str:
    """The version of the image that is named; what is named, where that is none of Kiln's images."""
    if named is None or not IMAGE_ID.fullmatch(named):
        return named or "nothing"
    found = _tried(_image, ec2, named)
    if isinstance(found, str):
        return f"{named} ({found})"
    tags = {tag["Key"]: tag["Value"] for one in found for tag in one.get("Tags", [])}
    return tags.get(_VERSION_TAG, named)


def _tried(look: Callable[[Any, str], Any], client: Any, name: str) -> Any:
    """What is there, or why it cannot be seen: that holds no rollback up."""
    try:
        return look(client, name)
    except (ClientError, BotoCoreError) as error:
        return f"not seen: {error}"
