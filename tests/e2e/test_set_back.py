"""Tags that were once right, with their seals: who keeps them and sets them back moves nothing."""

from __future__ import annotations

from typing import Any

from e2e.kiln import HOME, REGIONS, Kiln, tags_of
from e2e.test_forged import NEW, OLD, nothing_happens, raw, tag, two_releases


def set_back(kiln: Kiln, image: str, tags: list[dict[str, str]], region: str = HOME) -> None:
    kiln.ec2(region).create_tags(Resources=[image], Tags=tags)


def of_snapshot(kiln: Kiln, image: dict[str, Any], region: str = HOME) -> list[dict[str, str]]:
    """The tags with which an image was made: its snapshot bears them as long as it lives."""
    snapshot = image["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    (found,) = [one for one in kiln.snapshots(region) if one["SnapshotId"] == snapshot]
    return raw(found)


def stage(kiln: Kiln, image: str, region: str = HOME) -> str:
    (found,) = [one for one in kiln.images(region) if one["ImageId"] == image]
    return tags_of(found)["kiln:stage"]


def test_a_rejected_image_gets_no_other_chance_by_the_tags_with_which_it_was_made(kiln: Kiln) -> None:
    kiln.recipe(verify="script = 'exit 1'", publish='share = { accounts = ["111111111111"] }')
    kiln.bake()
    (rejected,) = kiln.images()
    assert tags_of(rejected)["kiln:stage"] == "rejected"
    kiln.recipe(publish='parameter = "/golden/web"\nshare = { accounts = ["111111111111"] }')
    set_back(kiln, rejected["ImageId"], of_snapshot(kiln, rejected))
    assert stage(kiln, rejected["ImageId"]) == "captured"
    before = kiln.aws.journal_end()
    assert kiln.sweep() == ["set-stage"]
    assert kiln.changes(before) == ["CreateTags"] and stage(kiln, rejected["ImageId"]) == "rejected"
    (told,) = kiln.said("Drift Repaired", before)
    assert "kiln:stage says captured" in str(told) and "that it is rejected" in str(told)
    nothing_happens(kiln, rejected["ImageId"])
    assert kiln.parameter() is None and kiln.allowed(rejected["ImageId"]) == []


def test_a_release_that_is_set_back_to_an_earlier_stage_stays_released_and_no_tester_is_launched(
    kiln: Kiln,
) -> None:
    kiln.recipe(publish='parameter = "/golden/web"')
    kiln.bake()
    (released,) = kiln.images()
    named = kiln.named()
    for region in REGIONS:
        (member,) = kiln.images(region)
        set_back(kiln, member["ImageId"], of_snapshot(kiln, member, region), region)
    before = kiln.aws.journal_end()
    for _ in range(3):
        kiln.sweep()
    assert kiln.calls("RunInstances", before) == [] and kiln.calls("PutParameter", before) == []
    assert kiln.calls("CopyImage", before) == [] and kiln.said("Image Released", before) == []
    assert stage(kiln, released["ImageId"]) == "released" and kiln.named() == named
    nothing_happens(kiln, released["ImageId"])


def test_a_rollback_is_not_undone_by_the_tags_of_before_it_nor_by_none(kiln: Kiln) -> None:
    old, _ = two_releases(kiln)
    (kept,) = [raw(image) for image in kiln.images() if image["ImageId"] == old[HOME]]
    kiln.invoke("publish", {"rollback": "web"})
    kiln.settle()
    assert kiln.named() == [OLD] * 3
    set_back(kiln, old[HOME], kept)
    kiln.ec2().delete_tags(Resources=[old[HOME]], Tags=[{"Key": "kiln:pin-holds"}])
    nothing_happens(kiln, old[HOME])
    assert kiln.named() == [OLD] * 3
    kiln.bake(scheduled_time="2025-05-01T02:00:00Z")
    assert kiln.named() == ["20250501T020000Z"] * 3, "a newer release ends it, as ever"


def test_a_rollback_that_another_one_followed_does_not_come_back_with_its_tags(kiln: Kiln) -> None:
    old, new = two_releases(kiln)
    kiln.invoke("publish", {"rollback": "web"})
    kiln.settle()
    kept = {image["ImageId"]: raw(image) for image in kiln.images()}
    kiln.invoke("publish", {"rollback": "web", "to": NEW})
    kiln.settle()
    assert kiln.named() == [NEW] * 3
    for image in (old[HOME], new[HOME]):
        set_back(kiln, image, kept[image])
    nothing_happens(kiln, old[HOME])
    assert kiln.named() == [NEW] * 3


def test_the_quarantine_of_before_a_restore_does_not_count_for_the_next_one(kiln: Kiln) -> None:
    kiln.recipe(keep=1, older_than="1d", confirm_after="0d", quarantine="7d", regions="[]")
    old = kiln.release("web", OLD, regions=(HOME,))[HOME]
    kiln.release("web", NEW, regions=(HOME,))
    kiln.invoke("expire", {"dry_run": False})
    kiln.settle()
    assert stage(kiln, old) == "disabled"
    kept = next(raw(image) for image in kiln.images() if image["ImageId"] == old)
    kiln.aws.days_pass(9)
    kiln.invoke("expire", {"restore": old})
    kiln.settle()
    kiln.sweep()
    assert stage(kiln, old) == "released"
    set_back(kiln, old, kept)
    kiln.ec2().delete_tags(Resources=[old], Tags=[{"Key": "kiln:restored-at"}])
    kiln.invoke("expire", {"dry_run": False})
    kiln.settle()
    (image,) = [image for image in kiln.images() if image["ImageId"] == old]
    assert image["State"] == "disabled", "it begins anew, with its whole quarantine"


def test_an_image_that_was_brought_back_is_tested_whatever_stage_it_once_had(kiln: Kiln) -> None:
    kiln.recipe(keep=1, older_than="1d", confirm_after="0d", quarantine="7d", regions="[]")
    old = kiln.release("web", OLD, regions=(HOME,))[HOME]
    kiln.release("web", NEW, regions=(HOME,))
    kept = next(raw(image) for image in kiln.images() if image["ImageId"] == old)
    kiln.invoke("expire", {"dry_run": False})
    kiln.settle()
    full = {"code": "InsufficientInstanceCapacity", "message": "no room", "status": 500, "times": -1}
    kiln.aws.faults({"call": "RunInstances", **full})
    kiln.invoke("expire", {"restore": old})
    kiln.settle()
    set_back(kiln, old, kept)
    assert stage(kiln, old) == "released"
    kiln.aws.faults()
    before = kiln.aws.journal_end()
    kiln.sweep()
    assert len(kiln.calls("RunInstances", before)) == 1, "its old stage and seal do not count"
    assert stage(kiln, old) == "released", "it passed its test, and is released again"
    tag(kiln, old, stage="rejected")
    nothing_happens(kiln, old)


def test_a_spoiled_or_missing_tag_of_what_is_named_moves_no_region_and_makes_no_copy(kiln: Kiln) -> None:
    old, _ = two_releases(kiln)
    kiln.invoke("publish", {"rollback": "web"})
    kiln.settle()
    before = kiln.aws.journal_end()
    tag(kiln, old[HOME], seal="0000-00000000000000000000000000000000")
    for _ in range(2):
        kiln.sweep()
    assert kiln.named()[1:] == [OLD] * 2 and kiln.parameter() == old[HOME]
    kiln.ec2().delete_tags(Resources=[old[HOME]], Tags=[{"Key": "kiln:recipe"}])
    for _ in range(2):
        kiln.sweep()
    assert kiln.named()[1:] == [OLD] * 2 and kiln.parameter() == old[HOME]
    assert kiln.calls("CopyImage", before) == [] and kiln.said("Release Lost", before) == []


def test_an_image_that_was_kilns_is_not_taken_in_as_another_version(kiln: Kiln) -> None:
    kiln.recipe(publish='parameter = "/golden/web"\n[adopt]\nname = "web-*"', regions="[]")
    kiln.bake()
    (image,) = kiln.images()
    own = [{"Key": one["Key"]} for one in image["Tags"] if one["Key"].startswith("kiln:")]
    kiln.bake(scheduled_time="2026-01-01T02:00:00Z")
    named = kiln.parameter()
    kiln.ec2().delete_tags(Resources=[image["ImageId"]], Tags=own)
    given = {"kiln:recipe": "web", "kiln:version": "20260301T020000Z"}
    tags = [{"Key": key, "Value": value} for key, value in given.items()]
    kiln.ec2().create_tags(Resources=[image["ImageId"]], Tags=tags)
    before = kiln.aws.journal_end()
    for _ in range(2):
        kiln.sweep()
    assert kiln.parameter() == named and kiln.calls("RunInstances", before) == []
