"""Deprecation, disabling, protection and deregistration of images, and their snapshots."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from local_aws.client import LocalAws
from local_aws.tests.conftest import image, refused

GONE = "ami-0123456789abcdef0"


def test_a_disabled_image_is_hidden_unless_asked_for_and_cannot_be_run(aws: LocalAws) -> None:
    ec2 = aws.client("ec2")
    made = image(aws)
    ec2.modify_image_attribute(ImageId=made, LaunchPermission={"Add": [{"UserId": "111122223333"}]})
    ec2.disable_image(ImageId=made)
    assert ec2.describe_images(Owners=["self"])["Images"] == []
    state = [{"Name": "state", "Values": ["disabled"]}]
    assert ec2.describe_images(Owners=["self"], Filters=state)["Images"] == []
    (found,) = ec2.describe_images(Owners=["self"], Filters=state, IncludeDisabled=True)["Images"]
    assert (found["ImageId"], found["State"]) == (made, "disabled")
    with refused("InvalidAMIID.Unavailable"):
        ec2.run_instances(ImageId=made, InstanceType="t4g.small", MinCount=1, MaxCount=1)


def test_enabling_brings_an_image_back_without_its_launch_permissions(aws: LocalAws) -> None:
    ec2 = aws.client("ec2")
    made = image(aws)
    ec2.modify_image_attribute(ImageId=made, LaunchPermission={"Add": [{"UserId": "111122223333"}]})
    shared = ec2.describe_image_attribute(ImageId=made, Attribute="launchPermission")["LaunchPermissions"]
    assert shared == [{"UserId": "111122223333"}]
    ec2.disable_image(ImageId=made)
    ec2.enable_image(ImageId=made)
    assert ec2.describe_images(ImageIds=[made])["Images"][0]["State"] == "available"
    shared = ec2.describe_image_attribute(ImageId=made, Attribute="launchPermission")["LaunchPermissions"]
    assert shared == []


def test_only_an_available_image_can_be_disabled(aws: LocalAws) -> None:
    for state in ("pending", "failed"):
        made = image(aws, name=f"web-{state}", state=state)
        with refused("IncorrectState", state):
            aws.client("ec2").disable_image(ImageId=made)


def test_a_deprecation_is_rounded_to_the_minute_and_can_be_taken_back(aws: LocalAws) -> None:
    ec2 = aws.client("ec2")
    made = image(aws)
    at = datetime.now(UTC).replace(second=10, microsecond=0) + timedelta(days=90)
    ec2.enable_image_deprecation(ImageId=made, DeprecateAt=at)
    (found,) = ec2.describe_images(ImageIds=[made])["Images"]
    assert found["DeprecationTime"] == at.strftime("%Y-%m-%dT%H:%M:00.000Z")
    ec2.disable_image_deprecation(ImageId=made)
    assert "DeprecationTime" not in ec2.describe_images(ImageIds=[made])["Images"][0]
    with refused("InvalidParameterValue", "past"):
        ec2.enable_image_deprecation(ImageId=made, DeprecateAt=at - timedelta(days=100))


def test_a_protected_image_is_not_deregistered(aws: LocalAws) -> None:
    ec2 = aws.client("ec2")
    made = image(aws)
    ec2.enable_image_deregistration_protection(ImageId=made)
    (found,) = ec2.describe_images(ImageIds=[made])["Images"]
    assert found["DeregistrationProtection"] == "enabled-without-cooldown"
    with refused("OperationNotPermitted"):
        ec2.deregister_image(ImageId=made)
    ec2.disable_image_deregistration_protection(ImageId=made)
    ec2.deregister_image(ImageId=made)


def test_protection_with_a_cooldown_lasts_a_day_longer(aws: LocalAws) -> None:
    ec2 = aws.client("ec2")
    made = image(aws)
    ec2.enable_image_deregistration_protection(ImageId=made, WithCooldown=True)
    ec2.disable_image_deregistration_protection(ImageId=made)
    (found,) = ec2.describe_images(ImageIds=[made])["Images"]
    assert found["DeregistrationProtection"].startswith("disabled-after-")
    with refused("OperationNotPermitted"):
        ec2.deregister_image(ImageId=made)


def test_snapshots_stay_unless_the_deregistration_takes_them(aws: LocalAws) -> None:
    ec2 = aws.client("ec2")
    region_state, taken = image(aws, name="kept", snapshots=2), image(aws, name="taken", snapshots=2)
    assert len(_snapshots(ec2)) == 4
    assert ec2.deregister_image(ImageId=region_state).get("DeleteSnapshotResults", []) == []
    assert len(_snapshots(ec2)) == 4
    answer = ec2.deregister_image(ImageId=taken, DeleteAssociatedSnapshots=True)
    assert answer["Return"] is True
    assert [r["ReturnCode"] for r in answer["DeleteSnapshotResults"]] == ["success", "success"]
    assert len(_snapshots(ec2)) == 2


def test_a_snapshot_that_another_image_stands_on_is_skipped(aws: LocalAws) -> None:
    ec2 = aws.client("ec2")
    first = image(aws, name="first")
    second = image(aws, name="second", share_snapshots_with=[first])
    (snapshot,) = _snapshots(ec2)
    answer = ec2.deregister_image(ImageId=first, DeleteAssociatedSnapshots=True)
    assert answer["DeleteSnapshotResults"] == [{"SnapshotId": snapshot, "ReturnCode": "skipped"}]
    assert _snapshots(ec2) == {snapshot}
    ec2.deregister_image(ImageId=second, DeleteAssociatedSnapshots=True)
    assert _snapshots(ec2) == set()


def test_a_snapshot_in_use_is_not_deleted_not_even_under_a_disabled_image(aws: LocalAws) -> None:
    ec2 = aws.client("ec2")
    made = image(aws)
    (snapshot,) = _snapshots(ec2)
    ec2.disable_image(ImageId=made)
    with refused("InvalidSnapshot.InUse", made):
        ec2.delete_snapshot(SnapshotId=snapshot)
    ec2.deregister_image(ImageId=made)
    ec2.delete_snapshot(SnapshotId=snapshot)
    with refused("InvalidSnapshot.NotFound"):
        ec2.delete_snapshot(SnapshotId=snapshot)


def test_a_deregistered_image_is_gone(aws: LocalAws) -> None:
    ec2 = aws.client("ec2")
    made = image(aws)
    ec2.deregister_image(ImageId=made)
    with refused("InvalidAMIID.NotFound", made):
        ec2.describe_images(ImageIds=[made])
    with refused("InvalidAMIID.Unavailable"):
        ec2.deregister_image(ImageId=made)
    with refused("InvalidAMIID.NotFound"):
        ec2.deregister_image(ImageId=GONE)


def test_a_pending_copy_is_cancelled_by_deregistering_it(aws: LocalAws) -> None:
    europe = aws.client("ec2", "eu-west-1")
    source = image(aws)
    made = europe.copy_image(SourceImageId=source, SourceRegion="us-east-1", Name="web-1")["ImageId"]
    europe.deregister_image(ImageId=made, DeleteAssociatedSnapshots=True)
    aws.wait_idle()
    states = [e["state"] for e in aws.journal(kind="state") if e["id"] == made]
    assert states == ["pending", "deregistered"]


def test_the_recycle_bin_is_listed_in_pages(aws: LocalAws) -> None:
    ec2 = aws.client("ec2")
    region_state = {"region": "us-east-1", "tags": {"recycle-bin-days": "14"}}
    made = aws.seed(images=[{**region_state, "name": f"web-{n}"} for n in range(5)])["images"]
    for one in [*made, image(aws, name="not kept")]:
        ec2.deregister_image(ImageId=one)
    paginator = ec2.get_paginator("list_images_in_recycle_bin")
    pages = list(paginator.paginate(PaginationConfig={"PageSize": 2}))
    found = [[one["ImageId"] for one in page["Images"]] for page in pages]
    assert found == [made[:2], made[2:4], made[4:]]
    (lying,) = ec2.list_images_in_recycle_bin(ImageIds=[made[3], GONE])["Images"]
    assert (lying["ImageId"], lying["Name"]) == (made[3], "web-3")
    with refused("InvalidParameterValue", "20"):
        ec2.list_images_in_recycle_bin(ImageIds=[GONE] * 21)


def test_another_owners_image_is_not_ours_to_end(aws: LocalAws) -> None:
    ec2 = aws.client("ec2")
    theirs = image(aws, owner="111122223333", public=True)
    with refused("AuthFailure"):
        ec2.deregister_image(ImageId=theirs)


def _snapshots(ec2: Any) -> set[str]:
    return {snapshot["SnapshotId"] for snapshot in ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]}
