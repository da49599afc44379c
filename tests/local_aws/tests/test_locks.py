"""Locked snapshots, and the full size of a snapshot."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from local_aws.client import LocalAws
from local_aws.tests.conftest import image, refused

GIB = 1024**3
GONE = "snap-0123456789abcdef0"


def snapshots(aws: LocalAws, made: str) -> list[str]:
    (found,) = aws.client("ec2").describe_images(ImageIds=[made])["Images"]
    return [device["Ebs"]["SnapshotId"] for device in found["BlockDeviceMappings"]]


def states(ec2: Any, **asked: Any) -> dict[str, str]:
    answer = ec2.describe_locked_snapshots(**asked)["Snapshots"]
    return {one["SnapshotId"]: one["LockState"] for one in answer}


def test_a_locked_snapshot_is_not_deleted_until_it_is_unlocked(aws: LocalAws) -> None:
    ec2, made = aws.client("ec2"), image(aws)
    (snapshot,) = snapshots(aws, made)
    answer = ec2.lock_snapshot(SnapshotId=snapshot, LockMode="governance", LockDuration=7)
    assert (answer["LockState"], answer["LockDuration"]) == ("governance", 7)
    assert answer["LockExpiresOn"] - answer["LockCreatedOn"] == timedelta(days=7)
    (found,) = ec2.describe_locked_snapshots(SnapshotIds=[snapshot])["Snapshots"]
    assert (found["LockState"], found["OwnerId"]) == ("governance", "000000000000")
    ec2.deregister_image(ImageId=made)
    with refused("OperationNotPermitted", snapshot):
        ec2.delete_snapshot(SnapshotId=snapshot)
    ec2.unlock_snapshot(SnapshotId=snapshot)
    assert states(ec2) == {}
    ec2.delete_snapshot(SnapshotId=snapshot)


def test_a_locked_snapshot_stays_when_its_image_goes(aws: LocalAws) -> None:
    ec2, made = aws.client("ec2"), image(aws, snapshots=2)
    first, second = snapshots(aws, made)
    ec2.lock_snapshot(SnapshotId=first, LockMode="compliance", LockDuration=1)
    answer = ec2.deregister_image(ImageId=made, DeleteAssociatedSnapshots=True)
    assert {one["SnapshotId"]: one["ReturnCode"] for one in answer["DeleteSnapshotResults"]} == {
        first: "client-error",
        second: "success",
    }
    left = ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]
    assert [one["SnapshotId"] for one in left] == [first]


def test_a_compliance_lock_can_be_taken_back_only_while_it_cools_off(aws: LocalAws) -> None:
    ec2, made = aws.client("ec2"), image(aws)
    (snapshot,) = snapshots(aws, made)
    lock = {"SnapshotId": snapshot, "LockMode": "compliance", "LockDuration": 10}
    answer = ec2.lock_snapshot(**lock, CoolOffPeriod=24)
    assert answer["LockState"] == "compliance-cooloff"
    assert answer["CoolOffPeriodExpiresOn"] - answer["LockCreatedOn"] == timedelta(hours=24)
    ec2.unlock_snapshot(SnapshotId=snapshot)
    ec2.lock_snapshot(**lock, CoolOffPeriod=24)
    aws.days_pass(2)
    assert states(ec2) == {snapshot: "compliance"}
    with refused("OperationNotPermitted"):
        ec2.unlock_snapshot(SnapshotId=snapshot)
    with refused("OperationNotPermitted", "extended"):
        ec2.lock_snapshot(**{**lock, "LockDuration": 7})
    longer = ec2.lock_snapshot(**{**lock, "LockDuration": 30})
    assert longer["LockExpiresOn"] - datetime.now(UTC) > timedelta(days=29)


def test_a_lock_expires(aws: LocalAws) -> None:
    ec2, made = aws.client("ec2"), image(aws)
    (snapshot,) = snapshots(aws, made)
    ec2.deregister_image(ImageId=made)
    end = datetime.now(UTC) + timedelta(days=3)
    ec2.lock_snapshot(SnapshotId=snapshot, LockMode="compliance", ExpirationDate=end)
    assert states(ec2) == {snapshot: "compliance"}
    aws.days_pass(3)
    assert states(ec2) == {snapshot: "expired"}
    ec2.delete_snapshot(SnapshotId=snapshot)
    assert states(ec2) == {}


def test_locks_come_in_pages_and_by_state(aws: LocalAws) -> None:
    ec2, made = aws.client("ec2"), image(aws, snapshots=7)
    all_of_them = snapshots(aws, made)
    for snapshot in all_of_them:
        mode = "compliance" if snapshot == all_of_them[3] else "governance"
        ec2.lock_snapshot(SnapshotId=snapshot, LockMode=mode, LockDuration=1)
    first = ec2.describe_locked_snapshots(MaxResults=5)
    second = ec2.describe_locked_snapshots(MaxResults=5, NextToken=first["NextToken"])
    assert [one["SnapshotId"] for one in first["Snapshots"] + second["Snapshots"]] == all_of_them
    assert "NextToken" not in second
    wanted = [{"Name": "lock-state", "Values": ["compliance"]}]
    assert states(ec2, Filters=wanted) == {all_of_them[3]: "compliance"}


def test_a_lock_that_makes_no_sense_is_refused(aws: LocalAws) -> None:
    ec2, made = aws.client("ec2"), image(aws)
    (snapshot,) = snapshots(aws, made)
    lock = {"SnapshotId": snapshot, "LockMode": "governance"}
    past, soon = datetime.now(UTC) - timedelta(days=1), datetime.now(UTC) + timedelta(days=1)
    with refused("MissingParameter"):
        ec2.lock_snapshot(**lock)
    with refused("InvalidParameterCombination"):
        ec2.lock_snapshot(**lock, LockDuration=1, ExpirationDate=soon)
    with refused("InvalidParameterCombination"):
        ec2.lock_snapshot(**lock, LockDuration=1, CoolOffPeriod=1)
    with refused("InvalidParameterValue"):
        ec2.lock_snapshot(**lock, ExpirationDate=past)
    with refused("InvalidSnapshot.NotFound"):
        ec2.lock_snapshot(**{**lock, "SnapshotId": GONE}, LockDuration=1)
    with refused("InvalidSnapshot.NotFound"):
        ec2.describe_locked_snapshots(SnapshotIds=[GONE])
    with refused("InvalidParameterCombination"):
        ec2.describe_locked_snapshots(SnapshotIds=[snapshot], MaxResults=5)
    with refused("InvalidParameterValue"):
        ec2.unlock_snapshot(SnapshotId=snapshot)
    assert states(ec2, SnapshotIds=[snapshot]) == {}


def test_the_full_size_of_a_snapshot_is_as_seeded_and_goes_with_a_copy(aws: LocalAws) -> None:
    made, whole = image(aws, size_gb=20, full_gb=1.5, snapshots=2), image(aws, name="web-2", size_gb=20)
    assert _sizes(aws, "us-east-1") == {
        *[(one, int(1.5 * GIB)) for one in snapshots(aws, made)],
        (
            snapshots(aws, whole)[0],
            20 * GIB,
        ),
    }
    europe = aws.client("ec2", "eu-west-1")
    europe.copy_image(SourceImageId=made, SourceRegion="us-east-1", Name="web-1")
    aws.wait_idle()
    assert [size for _, size in _sizes(aws, "eu-west-1")] == [int(1.5 * GIB)] * 2


def _sizes(aws: LocalAws, region: str) -> set[tuple[str, int]]:
    found = aws.client("ec2", region).describe_snapshots(OwnerIds=["self"])["Snapshots"]
    return {(one["SnapshotId"], one["FullSnapshotSizeInBytes"]) for one in found}
