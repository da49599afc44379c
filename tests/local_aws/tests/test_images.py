"""CreateImage, CopyImage, and their images in DescribeImages."""

from __future__ import annotations

from typing import Any

import pytest

from local_aws.client import LocalAws
from local_aws.tests.conftest import image, instance, refused, tagged


def test_create_image_is_pending_then_available_with_a_snapshot_per_volume(aws: LocalAws) -> None:
    ec2 = aws.client("ec2")
    builder = instance(aws, volumes=[20], tags={"kiln:recipe": "web"})
    tags = [tagged("image", recipe="web"), tagged("snapshot", recipe="web", kind="snap")]
    made = ec2.create_image(InstanceId=builder, Name="web-2", TagSpecifications=tags)["ImageId"]
    (pending,) = ec2.describe_images(ImageIds=[made])["Images"]
    assert pending["State"] == "pending"
    assert pending["Tags"] == [{"Key": "recipe", "Value": "web"}]
    assert {s["State"] for s in _snapshots(ec2, pending)} == {"pending"}
    aws.wait_idle()
    (found,) = ec2.describe_images(ImageIds=[made])["Images"]
    assert found["State"] == "available"
    assert found["SourceInstanceId"] == builder
    assert found["Architecture"] == "arm64"
    sizes = {m["DeviceName"]: m["Ebs"]["VolumeSize"] for m in found["BlockDeviceMappings"]}
    assert sizes == {"/dev/xvda": 8, "/dev/sdf": 20}
    snapshots = _snapshots(ec2, found)
    assert {s["State"] for s in snapshots} == {"completed"}
    assert {s["Description"] for s in snapshots} == {f"Created by CreateImage({builder}) for {made}"}
    for snapshot in snapshots:
        assert {"Key": "kind", "Value": "snap"} in snapshot["Tags"]
        assert snapshot["VolumeId"] != "vol-ffffffff"


def test_create_image_leaves_out_a_device_on_request(aws: LocalAws) -> None:
    ec2 = aws.client("ec2")
    builder = instance(aws, volumes=[20])
    without = [{"DeviceName": "/dev/sdf", "NoDevice": ""}]
    made = ec2.create_image(InstanceId=builder, Name="web-2", BlockDeviceMappings=without)["ImageId"]
    (found,) = ec2.describe_images(ImageIds=[made])["Images"]
    assert [m["DeviceName"] for m in found["BlockDeviceMappings"]] == ["/dev/xvda"]


def test_create_image_refuses_a_name_in_use_even_by_a_pending_image(aws: LocalAws) -> None:
    ec2 = aws.client("ec2")
    builder = instance(aws)
    made = ec2.create_image(InstanceId=builder, Name="web-2")["ImageId"]
    with refused("InvalidAMIName.Duplicate", f"AMI name web-2 is already in use by AMI {made}"):
        ec2.create_image(InstanceId=builder, Name="web-2")
    ec2.deregister_image(ImageId=made)
    assert ec2.create_image(InstanceId=builder, Name="web-2")["ImageId"] != made


@pytest.mark.parametrize("name", ["x" * 129, "web:1", "web#1"])
def test_create_image_refuses_a_malformed_name(aws: LocalAws, name: str) -> None:
    builder = instance(aws)
    with refused("InvalidAMIName.Malformed"):
        aws.client("ec2").create_image(InstanceId=builder, Name=name)


def test_create_image_refuses_a_terminated_and_an_unknown_instance(aws: LocalAws) -> None:
    ec2 = aws.client("ec2")
    builder = instance(aws)
    ec2.terminate_instances(InstanceIds=[builder])
    with refused("InvalidParameterValue", "Instance is not in state 'running' or 'stopping' or 'stopped'"):
        ec2.create_image(InstanceId=builder, Name="web-2")
    with refused("InvalidInstanceID.NotFound"):
        ec2.create_image(InstanceId="i-0123456789abcdef0", Name="web-2")


def test_create_image_tags_images_and_snapshots_only(aws: LocalAws) -> None:
    with refused("InvalidParameterValue", "'instance' is not a valid taggable resource type"):
        aws.client("ec2").create_image(
            InstanceId=instance(aws), Name="web-2", TagSpecifications=[tagged("instance", a="b")]
        )
    assert aws.client("ec2").describe_images(Owners=["self"], Filters=_named("web-2"))["Images"] == []


def test_an_image_fails_when_its_instance_is_terminated_too_early(aws: LocalAws) -> None:
    ec2 = aws.client("ec2")
    builder = instance(aws)
    made = ec2.create_image(InstanceId=builder, Name="web-2")["ImageId"]
    ec2.terminate_instances(InstanceIds=[builder])
    aws.wait_idle()
    (found,) = ec2.describe_images(ImageIds=[made])["Images"]
    assert (found["State"], found["StateReason"]["Code"]) == ("failed", "Client.InstanceTerminated")


def test_copy_image_takes_devices_tags_and_key_to_the_destination(aws: LocalAws) -> None:
    source = image(aws, snapshots=2, tags={"recipe": "web"})
    europe = aws.client("ec2", "eu-west-1")
    made = europe.copy_image(
        SourceImageId=source,
        SourceRegion="us-east-1",
        Name="web-1",
        Encrypted=True,
        KmsKeyId="alias/golden",
        TagSpecifications=[tagged("image", origin="us-east-1/x"), tagged("snapshot", origin="us-east-1/x")],
    )["ImageId"]
    aws.wait_idle()
    (found,) = europe.describe_images(ImageIds=[made])["Images"]
    assert (found["State"], found["SourceImageId"], found["SourceImageRegion"]) == (
        "available",
        source,
        "us-east-1",
    )
    assert found["Tags"] == [{"Key": "origin", "Value": "us-east-1/x"}]
    snapshots = _snapshots(europe, found)
    assert len(snapshots) == 2
    for snapshot in snapshots:
        assert (snapshot["Encrypted"], snapshot["KmsKeyId"]) == (True, "alias/golden")
        assert snapshot["Tags"] == [{"Key": "origin", "Value": "us-east-1/x"}]
        assert snapshot["VolumeId"] == "vol-ffffffff"


def test_copy_image_with_the_same_token_answers_the_same_image(aws: LocalAws) -> None:
    source = image(aws)
    europe = aws.client("ec2", "eu-west-1")
    call = {"SourceImageId": source, "SourceRegion": "us-east-1", "Name": "web-1", "ClientToken": "t1"}
    first = europe.copy_image(**call)["ImageId"]
    assert europe.copy_image(**call)["ImageId"] == first
    with refused("IdempotentParameterMismatch"):
        europe.copy_image(**{**call, "Name": "web-2"})
    assert europe.copy_image(**{**call, "ClientToken": "t2"})["ImageId"] != first, "names need not differ"
    pacific = aws.client("ec2", "ap-southeast-2")
    assert pacific.copy_image(**call)["ImageId"] != first, "a token counts within one Region"


def test_copy_image_answers_the_dead_image_for_a_used_token(aws: LocalAws) -> None:
    source = image(aws)
    europe = aws.client("ec2", "eu-west-1")
    call = {"SourceImageId": source, "SourceRegion": "us-east-1", "Name": "web-1", "ClientToken": "t1"}
    aws.faults({"image": "CopyImage", "message": "no room"})
    first = europe.copy_image(**call)["ImageId"]
    aws.wait_idle()
    assert europe.copy_image(**call)["ImageId"] == first
    assert europe.describe_images(ImageIds=[first])["Images"][0]["State"] == "failed"


def test_copy_image_refuses_a_source_that_is_not_available(aws: LocalAws) -> None:
    europe = aws.client("ec2", "eu-west-1")
    for state in ("pending", "failed", "disabled"):
        source = image(aws, name=f"web-{state}", state=state)
        with refused("InvalidAMIID.Unavailable", state):
            europe.copy_image(SourceImageId=source, SourceRegion="us-east-1", Name="web-1")
    with refused("InvalidAMIID.NotFound"):
        europe.copy_image(SourceImageId="ami-0123456789abcdef0", SourceRegion="us-east-1", Name="web-1")


def test_copy_image_wants_encryption_for_a_key_and_finds_a_wrong_key_later(aws: LocalAws) -> None:
    source = image(aws)
    europe = aws.client("ec2", "eu-west-1")
    call = {"SourceImageId": source, "SourceRegion": "us-east-1", "Name": "web-1"}
    with refused("InvalidParameterDependency"):
        europe.copy_image(**call, KmsKeyId="alias/golden")
    external_uses = "arn:aws:kms:us-east-1:000000000000:key/1"
    made = europe.copy_image(**call, Encrypted=True, KmsKeyId=external_uses)["ImageId"]
    aws.wait_idle()
    (found,) = europe.describe_images(ImageIds=[made])["Images"]
    assert (found["State"], found["StateReason"]["Message"]) == (
        "failed",
        "Given key ID is not accessible",
    )


def test_copy_image_copies_tags_only_when_asked(aws: LocalAws) -> None:
    source = image(aws, tags={"recipe": "web"})
    europe = aws.client("ec2", "eu-west-1")
    call = {"SourceImageId": source, "SourceRegion": "us-east-1", "Name": "web-1"}
    bare = europe.copy_image(**call)["ImageId"]
    full = europe.copy_image(**call, CopyImageTags=True)["ImageId"]
    tags = {i["ImageId"]: i.get("Tags", []) for i in europe.describe_images(Owners=["self"])["Images"]}
    assert tags == {bare: [], full: [{"Key": "recipe", "Value": "web"}]}


def test_an_unknown_operation_is_an_aws_error(aws: LocalAws) -> None:
    with refused("InvalidAction"):
        aws.client("ec2").get_image_ancestry(ImageId="ami-0123456789abcdef0")


def test_a_dry_run_changes_nothing(aws: LocalAws) -> None:
    ec2 = aws.client("ec2")
    builder = instance(aws)
    with refused("DryRunOperation"):
        ec2.create_image(InstanceId=builder, Name="web-2", DryRun=True)
    assert ec2.describe_images(Owners=["self"], Filters=_named("web-2"))["Images"] == []


def test_tags_are_refused_on_what_is_not_there(aws: LocalAws) -> None:
    ec2 = aws.client("ec2")
    made = image(aws, tags={"a": "1", "b": "2"})
    ec2.create_tags(Resources=[made], Tags=[{"Key": "stage", "Value": "retired"}])
    ec2.delete_tags(Resources=[made], Tags=[{"Key": "a"}, {"Key": "b", "Value": "other"}])
    (found,) = ec2.describe_images(ImageIds=[made])["Images"]
    assert {t["Key"]: t["Value"] for t in found["Tags"]} == {"b": "2", "stage": "retired"}
    with refused("InvalidAMIID.NotFound"):
        ec2.create_tags(Resources=[made, "ami-0123456789abcdef0"], Tags=[{"Key": "c", "Value": "3"}])
    (found,) = ec2.describe_images(ImageIds=[made])["Images"]
    assert "c" not in {t["Key"] for t in found["Tags"]}
    with refused("InvalidParameterValue", "reserved"):
        ec2.create_tags(Resources=[made], Tags=[{"Key": "aws:x", "Value": "3"}])


def _named(name: str) -> list[dict[str, object]]:
    return [{"Name": "name", "Values": [name]}]


def _snapshots(ec2: Any, found: dict[str, Any]) -> list[dict[str, Any]]:
    ids = [mapping["Ebs"]["SnapshotId"] for mapping in found["BlockDeviceMappings"]]
    snapshots: list[dict[str, Any]] = ec2.describe_snapshots(SnapshotIds=ids)["Snapshots"]
    return snapshots
