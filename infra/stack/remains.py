"""What stays when Kiln's stacks are deleted: how much of it there is, and how to remove it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from stack import regions as further_regions
from stack import template as templates
from stack.operate import recipes_of
from stack.stacks import Stack
from stack.text import table

Client = Callable[[str, str], Any]
RECIPE_TAG, ROLE_TAG = "kiln:recipe", "kiln:role"
_LOG_GROUP = "AWS::Logs::LogGroup"
_STAYS = ("Retain", "RetainExceptOnCreate")


@dataclass(frozen=True)
class Kept:
    """What one stack leaves behind of its own resources, and what goes with it."""

    stays: dict[str, tuple[str, str]]
    goes: dict[str, tuple[str, str]]


def of_stack(stack: Stack) -> Kept:
    """By the DeletionPolicy of the template that is deployed, not of the one in this folder."""
    body = stack.cloudformation.get_template(StackName=stack.name, TemplateStage="Processed")["TemplateBody"]
    document = templates.parse(body) if isinstance(body, str) else body
    policies = {name: one.get("DeletionPolicy") for name, one in document["Resources"].items()}
    found = stack.resources()
    stays = {name: one for name, one in found.items() if policies.get(name) in _STAYS}
    return Kept(stays, {name: one for name, one in found.items() if name not in stays})


def at_work(client: Client, regions: Iterable[str]) -> list[tuple[str, str, str]]:
    """The builders and testers that are not terminated: Region, role and id."""
    filters = [
        {"Name": "tag-key", "Values": [ROLE_TAG]},
        {"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "stopped"]},
    ]
    return [
        (region, _tags(one).get(ROLE_TAG, ""), one["InstanceId"])
        for region in regions
        for page in client("ec2", region).get_paginator("describe_instances").paginate(Filters=filters)
        for reservation in page["Reservations"]
        for one in reservation["Instances"]
    ]


def lines(client: Client, name: str, home: str, regions: Iterable[str], kept: Iterable[Kept]) -> list[str]:
    """What stays, as text, and below each how to remove it."""
    regions, kept = list(regions), list(kept)
    return [
        "What stays:",
        *_images(client, regions),
        *_recipes(client, home, name),
        *_waiting(client, home, name),
        *_log_groups(home, kept),
        *_seal_keys(home, kept),
    ]


def _images(client: Client, regions: list[str]) -> list[str]:
    rows: list[list[str]] = []
    for region in regions:
        ec2, filters = client("ec2", region), [{"Name": "tag-key", "Values": [RECIPE_TAG]}]
        images = ec2.get_paginator("describe_images").paginate(
            Owners=["self"], Filters=filters, IncludeDisabled=True
        )
        snapshots = ec2.get_paginator("describe_snapshots").paginate(OwnerIds=["self"], Filters=filters)
        of_images = Counter(_tags(one)[RECIPE_TAG] for page in images for one in page["Images"])
        of_snapshots = Counter(_tags(one)[RECIPE_TAG] for page in snapshots for one in page["Snapshots"])
        rows += [
            [region, recipe, str(of_images[recipe]), str(of_snapshots[recipe])]
            for recipe in sorted(of_images | of_snapshots)
        ]
    if not rows:
        return ["  images and snapshots: there are none"]
    listed = table([["REGION", "RECIPE", "IMAGES", "SNAPSHOTS"], *rows], right=(2, 3))
    return [
        "  images and snapshots, with all that uses them:",
        *(f"    {line}" for line in listed),
        "    To have Kiln remove the unused ones first: go no further, delete the recipe, and "
        "make retire RECIPE=<recipe>",
        "    To list those of a Region: aws ec2 describe-images --owners self --include-disabled "
        f"--filters Name=tag-key,Values={RECIPE_TAG} --region <region>",
        "    To remove one: aws ec2 deregister-image --delete-associated-snapshots --image-id <image> "
        "--region <region>",
    ]


def _recipes(client: Client, home: str, stack: str) -> list[str]:
    found = further_regions.recipes(client("ssm", home), stack)
    if not found:
        return ["  recipes: there are none"]
    named = sorted(
        {
            str(document["publish"]["parameter"])
            for document in found.values()
            if isinstance(document.get("publish"), dict) and document["publish"].get("parameter")
        }
    )
    names = " ".join(f"{recipes_of(stack)}/{name}" for name in sorted(found))
    text = [
        f"  recipes in {home}: {', '.join(sorted(found))}",
        f"    To remove them: aws ssm delete-parameters --region {home} --names {names}",
    ]
    if named:
        text += [
            f"  the parameters that name their releases, in each Region of theirs: {', '.join(named)}",
            "    To remove them, once nothing reads them: "
            f"aws ssm delete-parameters --names {' '.join(named)} --region <region>",
        ]
    return text


def _waiting(client: Client, home: str, stack: str) -> list[str]:
    """The notes on bakes that found no room."""
    pages = client("ssm", home).get_paginator("get_parameters_by_path").paginate(Path=f"/{stack}/waiting")
    names = [one["Name"] for page in pages for one in page["Parameters"]]
    if not names:
        return []
    return [
        f"  notes on {len(names)} bakes that found no room for their builders, in {home}",
        f"    To remove them: aws ssm delete-parameters --region {home} --names {' '.join(names[:10])}",
    ]


def _log_groups(home: str, kept: list[Kept]) -> list[str]:
    groups = [name for one in kept for kind, name in one.stays.values() if kind == _LOG_GROUP]
    gone = [name for one in kept for kind, name in one.goes.values() if kind == _LOG_GROUP]
    if groups:
        return [
            f"  log groups in {home}: {', '.join(sorted(groups))}",
            f"    To remove one: aws logs delete-log-group --region {home} --log-group-name <log group>",
        ]
    return [f"  log groups: none. The {len(gone)} of Kiln's functions go with their stack"] if gone else []


def _seal_keys(home: str, kept: list[Kept]) -> list[str]:
    """The keys of the seals are deleted with their stack, and KMS waits 30 days until it does so."""
    keys = [name for one in kept for kind, name in one.goes.values() if kind == "AWS::KMS::Key"]
    if not keys:
        return []
    return [
        f"  the key of the seals, for 30 days: {', '.join(sorted(keys))}. Without it, a Kiln that is "
        "deployed anew cannot tell that the images are Kiln's",
        f"    To keep it: aws kms cancel-key-deletion --region {home} --key-id <key>",
    ]


def _tags(thing: dict[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in thing.get("Tags", [])}
