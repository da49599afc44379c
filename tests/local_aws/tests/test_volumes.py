"""Volumes by their snapshot and state, also those that are still being created."""

from __future__ import annotations

from typing import Any

from local_aws.client import LocalAws
from local_aws.tests.conftest import image, instance, refused


def found(ec2: Any, **wanted: str) -> list[str]:
    filters = [{"Name": name.replace("_", "-"), "Values": [value]} for name, value in wanted.items()]
    return [one["VolumeId"] for one in ec2.describe_volumes(Filters=filters)["Volumes"]]


def snapshot_of(aws: LocalAws, made: str) -> str:
    (shown,) = aws.client("ec2").describe_images(ImageIds=[made])["Images"]
    return str(shown["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"])


def test_a_volume_is_created_from_a_snapshot_until_it_is_available(aws: LocalAws) -> None:
    ec2, made = aws.client("ec2"), image(aws, size_gb=12)
    snapshot = snapshot_of(aws, made)
    (volume,) = aws.seed(volumes=[{"region": "us-east-1", "snapshot": snapshot}])["volumes"]
    (found_volume,) = ec2.describe_volumes(VolumeIds=[volume])["Volumes"]
    assert (found_volume["State"], found_volume["SnapshotId"], found_volume["Size"]) == (
        "creating",
        snapshot,
        12,
    )
    assert found(ec2, snapshot_id=snapshot, status="creating") == [volume]
    aws.volume_becomes(volume)
    assert found(ec2, snapshot_id=snapshot, status="creating") == []
    assert found(ec2, snapshot_id=snapshot, status="available") == [volume]
    ec2.delete_volume(VolumeId=volume)
    assert found(ec2) == []
    with refused("InvalidVolume.NotFound", volume):
        ec2.describe_volumes(VolumeIds=[volume])


def test_the_volume_of_an_instance_is_in_use(aws: LocalAws) -> None:
    ec2, made = aws.client("ec2"), image(aws)
    machine = instance(aws, image=made)
    (found_volume,) = ec2.describe_volumes()["Volumes"]
    assert (found_volume["State"], found_volume["SnapshotId"]) == ("in-use", snapshot_of(aws, made))
    assert [(one["InstanceId"], one["DeleteOnTermination"]) for one in found_volume["Attachments"]] == [
        (machine, True)
    ]
    by_instance = [{"Name": "attachment.instance-id", "Values": [machine]}]
    assert ec2.describe_volumes(Filters=by_instance)["Volumes"] == [found_volume]
    with refused("VolumeInUse"):
        ec2.delete_volume(VolumeId=found_volume["VolumeId"])


def test_volumes_come_in_pages(aws: LocalAws) -> None:
    ec2, made = aws.client("ec2"), image(aws)
    seed = {"region": "us-east-1", "snapshot": snapshot_of(aws, made), "size_gb": 9}
    wanted = aws.seed(volumes=[seed] * 7)["volumes"]
    pages = list(
        ec2.get_paginator("describe_volumes").paginate(
            Filters=[{"Name": "snapshot-id", "Values": [seed["snapshot"]]}], PaginationConfig={"PageSize": 5}
        )
    )
    assert [[one["VolumeId"] for one in page["Volumes"]] for page in pages] == [wanted[:5], wanted[5:]]
    with refused("InvalidParameterCombination"):
        ec2.describe_volumes(VolumeIds=wanted, MaxResults=5)


def test_an_unknown_filter_of_volumes_is_refused(aws: LocalAws) -> None:
    instance(aws)
    with refused("InvalidParameterValue", "colour"):
        found(aws.client("ec2"), colour="red")
