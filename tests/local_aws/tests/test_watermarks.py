"""Watermarks of images."""

from __future__ import annotations

from typing import Any

from local_aws.client import LocalAws
from local_aws.settings import ACCOUNT
from local_aws.tests.conftest import image, refused

KEY = f"{ACCOUNT}:verified"


def borne(aws: LocalAws, made: str, region: str = "us-east-1") -> list[str]:
    (found,) = aws.client("ec2", region).describe_images(ImageIds=[made])["Images"]
    return [one["WatermarkKey"] for one in found.get("ImageWatermarks", [])]


def attach(aws: LocalAws, made: str, name: str = "verified", **more: Any) -> str:
    return str(
        aws.client("ec2").attach_image_watermark(ImageId=made, WatermarkName=name, **more)["WatermarkKey"]
    )


def test_a_watermark_is_attached_once_found_by_a_filter_and_detached_more_than_once(aws: LocalAws) -> None:
    ec2, made = aws.client("ec2"), image(aws)
    assert attach(aws, made) == attach(aws, made) == KEY
    (found,) = ec2.describe_images(ImageIds=[made])["Images"]
    (mark,) = found["ImageWatermarks"]
    assert (mark["WatermarkKey"], mark["SourceImageId"], mark["SourceImageRegion"]) == (
        KEY,
        made,
        "us-east-1",
    )
    by_key = [{"Name": "image-watermark.watermark-key", "Values": [KEY]}]
    assert [one["ImageId"] for one in ec2.describe_images(Filters=by_key)["Images"]] == [made]
    for _ in range(2):
        ec2.detach_image_watermark(ImageId=made, WatermarkKey=KEY)
    assert borne(aws, made) == []


def test_a_copy_keeps_the_watermark_that_its_source_loses(aws: LocalAws) -> None:
    made = image(aws)
    attach(aws, made)
    far = aws.client("ec2", "eu-west-1")
    copy = far.copy_image(Name="copy", SourceImageId=made, SourceRegion="us-east-1")["ImageId"]
    aws.client("ec2").detach_image_watermark(ImageId=made, WatermarkKey=KEY)
    assert borne(aws, copy, "eu-west-1") == [KEY] and borne(aws, made) == []


def test_a_public_image_gets_none_and_one_with_a_watermark_does_not_become_public(aws: LocalAws) -> None:
    ec2 = aws.client("ec2")
    ec2.disable_image_block_public_access()
    marked, public = image(aws), image(aws, name="public", public=True)
    attach(aws, marked)
    everyone = {"Add": [{"Group": "all"}]}
    with refused("OperationNotPermitted", "cannot be made public"):
        ec2.modify_image_attribute(ImageId=marked, LaunchPermission=everyone)
    with refused("OperationNotPermitted", "is public"):
        attach(aws, public)


def test_an_image_has_at_most_five_and_a_name_is_checked(aws: LocalAws) -> None:
    made = image(aws)
    for number in range(5):
        attach(aws, made, f"mark-{number}")
    with refused("ResourceLimitExceeded"):
        attach(aws, made)
    with refused("InvalidParameterValue"):
        attach(aws, made, "a:b")


def test_a_region_without_watermarks_knows_neither_the_calls_nor_the_filter(aws: LocalAws) -> None:
    ec2, made = aws.client("ec2"), image(aws)
    aws.without_watermarks("us-east-1")
    with refused("InvalidAction"):
        attach(aws, made)
    with refused("InvalidParameterValue", "The filter 'image-watermark.watermark-key' is invalid"):
        ec2.describe_images(Filters=[{"Name": "image-watermark.watermark-key", "Values": ["x"]}])
