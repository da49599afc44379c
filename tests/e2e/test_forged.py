"""What a tag permits counts only with a seal: who may write tags, and nothing else, moves nothing."""

from __future__ import annotations

from typing import Any

import pytest

from e2e.kiln import FURTHER, HOME, REGIONS, Kiln, tags_of

OLD, NEW = "20250101T020000Z", "20250201T020000Z"
BUILDER = "i-0123456789abcdef0"


def raw(thing: dict[str, Any]) -> list[dict[str, str]]:
    """Kiln's tags of a resource as they stand, to be copied or set back."""
    return [tag for tag in thing["Tags"] if tag["Key"].startswith("kiln:")]


def tag(kiln: Kiln, resource: str, region: str = HOME, **values: str) -> None:
    tags = [{"Key": f"kiln:{key.replace('_', '-')}", "Value": value} for key, value in values.items()]
    kiln.ec2(region).create_tags(Resources=[resource], Tags=tags)


def two_releases(kiln: Kiln, **fields: Any) -> tuple[dict[str, str], dict[str, str]]:
    kiln.recipe(**{"publish": 'parameter = "/golden/web"\nshare = { accounts = ["111111111111"] }', **fields})
    both = kiln.release("web", OLD), kiln.release("web", NEW)
    kiln.sweep()
    kiln.sweep()
    assert kiln.named() == [NEW] * 3
    return both


def nothing_happens(kiln: Kiln, image: str | None = None) -> None:
    """Neither a sweep, nor a night, nor an event about it changes anything."""
    before = kiln.aws.journal_end()
    if image:
        kiln.aws.emit("EC2 AMI State Change", {"ImageId": image, "State": "available"})
    kiln.sweep()
    kiln.invoke("expire", {"dry_run": False})
    kiln.settle()
    assert kiln.changes(before) == [], kiln.changes(before)
    assert kiln.said("Image Released", before) == [] and kiln.said("Drift Repaired", before) == []


def test_an_image_of_ones_own_that_is_tagged_as_verified_goes_nowhere(kiln: Kiln) -> None:
    kiln.recipe(verify="script = 'exit 1'", publish='share = { accounts = ["111111111111"] }')
    tags = {"kiln:recipe": "web", "kiln:version": NEW, "kiln:stage": "verified"}
    own = {"region": HOME, "name": f"web-{NEW}", "source_instance": BUILDER, "tags": tags, "sealed": False}
    (image,) = kiln.aws.seed(images=[own])["images"]
    nothing_happens(kiln, image)
    assert kiln.allowed(image) == []
    event = {"source": "kiln", "detail-type": "Image Verified", "detail": {"image": image, "region": HOME}}
    (answer,) = kiln.invoke("publish", event).decisions
    assert answer["action"] == "keep" and "kiln:seal is missing" in answer["reason"]


def test_a_rejected_image_stays_rejected_whatever_stage_somebody_writes(kiln: Kiln) -> None:
    kiln.recipe(verify="script = 'exit 1'", publish='share = { accounts = ["111111111111"] }')
    kiln.bake()
    (rejected,) = kiln.images()
    assert tags_of(rejected)["kiln:stage"] == "rejected"
    for stage in ("verified", "captured", "published", "released"):
        tag(kiln, rejected["ImageId"], stage=stage)
        nothing_happens(kiln, rejected["ImageId"])
    assert kiln.allowed(rejected["ImageId"]) == []


def test_tags_of_a_rollback_move_no_region_without_a_seal_and_with_that_of_another_image(kiln: Kiln) -> None:
    old, new = two_releases(kiln)
    tag(kiln, old[HOME], pinned="2030-01-01T00:00:00.000Z", pinned_over=NEW)
    nothing_happens(kiln)
    assert kiln.named() == [NEW] * 3
    kiln.invoke("publish", {"rollback": "web"})
    kiln.settle()
    assert kiln.named() == [OLD] * 3
    pinned = next(image for image in kiln.images() if image["ImageId"] == old[HOME])
    pins = [one for one in raw(pinned) if one["Key"].startswith("kiln:pinned")]
    kiln.ec2().create_tags(Resources=[new[HOME]], Tags=pins)
    nothing_happens(kiln)
    assert kiln.named() == [OLD] * 3, "the pin of another image counts for that image alone"


def test_the_marks_of_an_expiry_count_only_with_their_seal(kiln: Kiln) -> None:
    kiln.recipe(confirm_after="2d", quarantine="7d", keep=1, older_than="1d")
    old = kiln.release("web", OLD)
    kiln.release("web", NEW)
    for region, image in old.items():
        tag(kiln, image, region, unused_since="2026-01-01T00:00:00Z", disabled_at="2026-01-01T00:00:00Z")
    kiln.invoke("expire", {"dry_run": False})
    kiln.settle()
    states = [image["State"] for region in REGIONS for image in kiln.images(region)]
    assert states == ["available"] * 6
    assert {news["image"] for news in kiln.told_of("Image Deprecated")} == set(old.values()), "the first step"


def test_a_mark_of_an_older_image_does_not_count_on_a_newer_one(kiln: Kiln) -> None:
    kiln.recipe(confirm_after="2d", quarantine="7d", keep=1, older_than="1d")
    old = kiln.release("web", OLD)
    new = kiln.release("web", NEW)
    kiln.invoke("expire", {"dry_run": False})
    kiln.settle()
    kiln.aws.days_pass(3)
    marked = next(image for image in kiln.images() if image["ImageId"] == old[HOME])
    marks = [one for one in raw(marked) if one["Key"] in ("kiln:unused-since", "kiln:fleet-size")]
    assert len(marks) == 2
    kiln.ec2().create_tags(Resources=[new[HOME]], Tags=marks)
    kiln.release("web", "20250301T020000Z")
    kiln.invoke("expire", {"dry_run": False})
    kiln.settle()
    newer = next(image for image in kiln.images() if image["ImageId"] == new[HOME])
    assert newer["State"] == "available", "it was found unused today for the first time"


@pytest.mark.parametrize("stage", ["disabled", "Released", "captured", "rejected"])
def test_whatever_stage_somebody_writes_on_the_newest_release_no_region_goes_back(
    kiln: Kiln, stage: str
) -> None:
    _, new = two_releases(kiln)
    tag(kiln, new[HOME], stage=stage)
    before = kiln.aws.journal_end()
    kiln.sweep()
    assert kiln.named() == [NEW] * 3
    assert kiln.calls("RunInstances", before) == [] and kiln.calls("DisableImage", before) == []


def test_the_tags_of_a_release_on_another_image_and_on_one_of_another_region_are_no_release(
    kiln: Kiln,
) -> None:
    _, new = two_releases(kiln)
    replica = next(image for image in kiln.images(FURTHER[0]) if image["ImageId"] == new[FURTHER[0]])
    release = next(image for image in kiln.images() if image["ImageId"] == new[HOME])
    for name, region, copied in [("copy-1", HOME, release), ("copy-2", FURTHER[1], replica)]:
        own = {"region": region, "name": name, "source_instance": BUILDER}
        (image,) = kiln.aws.seed(images=[own])["images"]
        kiln.ec2(region).create_tags(Resources=[image], Tags=raw(copied))
        nothing_happens(kiln)
        assert kiln.allowed(image, region) == []


def test_a_builder_that_somebody_else_launched_is_neither_imaged_nor_ended(kiln: Kiln) -> None:
    kiln.recipe()
    base = kiln.ec2().describe_images(Filters=[{"Name": "name", "Values": ["al2023*arm64"]}])["Images"][0]
    tags = {"kiln:recipe": "web", "kiln:version": NEW, "kiln:role": "builder", "kiln:base": base["ImageId"]}
    own = {"region": HOME, "image": base["ImageId"], "state": "stopped", "tags": tags, "sealed": False}
    (instance,) = kiln.aws.seed(instances=[own])["instances"]
    kiln.builder_stops(instance)
    kiln.sweep()
    assert kiln.images() == [] and [one["InstanceId"] for one in kiln.living()] == [instance]


@pytest.mark.parametrize(
    ("key", "value"), [("kiln:version", "20250101T020000Z"), ("kiln:role", "tester"), ("kiln:role", None)]
)
def test_a_builder_whose_tags_somebody_changes_finishes_its_bake(
    kiln: Kiln, key: str, value: str | None
) -> None:
    kiln.recipe(script="echo at work; sleep infinity", regions="[]")
    kiln.bake()
    (builder,) = kiln.living()
    kiln.wait_for_console(builder["InstanceId"], "at work")
    if value is None:
        kiln.ec2().delete_tags(Resources=[builder["InstanceId"]], Tags=[{"Key": key}])
    else:
        kiln.ec2().create_tags(Resources=[builder["InstanceId"]], Tags=[{"Key": key, "Value": value}])
    kiln.aws.days_pass(1.2)
    kiln.sweep()
    (failed,) = kiln.said("Bake Failed")
    assert failed["version"] == tags_of(builder)["kiln:version"] and kiln.living() == []


def test_a_persons_snapshot_with_the_tags_of_kilns_is_kept_for_ever(kiln: Kiln) -> None:
    kiln.recipe(quarantine="1d")
    kiln.bake()
    (own,) = kiln.snapshots_of("web")
    volume = kiln.ec2().create_volume(AvailabilityZone=f"{HOME}a", Size=8)["VolumeId"]
    description = "Created by CreateImage(i-0aaaaaaaaaaaaaaaa) for ami-0aaaaaaaaaaaaaaaa"
    mine = kiln.ec2().create_snapshot(VolumeId=volume, Description=description)["SnapshotId"]
    kiln.ec2().create_tags(Resources=[mine], Tags=raw(own))
    tag(kiln, mine, orphaned_since="2025-01-01T00:00:00Z")
    kiln.aws.days_pass(3)
    kiln.sweep()
    kiln.invoke("expire", {"dry_run": False})
    kiln.settle()
    assert mine in [snapshot["SnapshotId"] for snapshot in kiln.snapshots()]


def test_what_restrains_needs_no_seal(kiln: Kiln) -> None:
    kiln.recipe(keep=1, older_than="1d")
    old = kiln.release("web", OLD)
    kiln.release("web", NEW)
    tag(kiln, old[HOME], hold="audit")
    kiln.invoke("expire", {"dry_run": False})
    kiln.settle()
    assert old[HOME] in [image["ImageId"] for image in kiln.images()]


@pytest.mark.parametrize(
    ("name", "tags"),
    [
        ("packer 1748736000", {"kiln:version": "20620101T000000Z"}),
        ("packer AwsBackup_i-0a11_44b4c3f0", {"aws:backup:source-resource": "i-0a11:44b4c3f0"}),
        ("packer of a policy", {"aws:dlm:lifecycle-policy-id": "policy-0abc"}),
    ],
)
def test_what_is_of_the_future_or_a_backup_is_not_taken_in_though_the_recipe_asks_for_its_name(
    kiln: Kiln, name: str, tags: dict[str, str]
) -> None:
    publish = 'parameter = "/golden/web"\nshare = { accounts = ["111122223333"] }\n[adopt]\nname = "packer *"'
    kiln.recipe(publish=publish, regions="[]")
    given = {"region": HOME, "name": name, "tags": {"kiln:recipe": "web", **tags}}
    (image,) = kiln.aws.seed(images=[given])["images"]
    for _ in range(2):
        kiln.sweep()
    assert kiln.parameter() is None and kiln.allowed(image) == []
    # Tonight's release is named as if the other had never been given.
    kiln.bake(scheduled_time="2025-06-02T02:00:00Z")
    tonight = next(made for made in kiln.images() if made["Name"] == "web-20250602T020000Z")
    assert kiln.parameter() == tonight["ImageId"]
