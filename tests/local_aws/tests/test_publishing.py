"""Parameters that name images, permissions, launch template versions, and settings of the account."""

from __future__ import annotations

import urllib.request
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_aws.client import LocalAws

HOME = "us-east-1"


def image(aws: LocalAws, **fields: Any) -> str:
    (made,) = aws.seed(images=[{"region": HOME, "name": "web", **fields}])["images"]
    return made


def put(aws: LocalAws, value: str, **more: Any) -> None:
    ssm = aws.client("ssm")
    ssm.put_parameter(Name="/t/web", Value=value, Type="String", DataType="aws:ec2:image", **more)


def shown(aws: LocalAws) -> list[str]:
    return [one["Value"] for one in aws.client("ssm").get_parameters(Names=["/t/web"])["Parameters"]]


@pytest.fixture(autouse=True)
def clean(aws: LocalAws) -> None:
    aws.client("ssm").delete_parameters(Names=["/t/web"])


def test_a_parameter_names_an_image_once_it_was_looked_at_and_an_event_says_so(aws: LocalAws) -> None:
    made, before = image(aws), aws.journal_end()
    put(aws, made)
    assert shown(aws) == []
    aws.wait_idle()
    assert shown(aws) == [made]
    (event,) = [e for e in aws.journal(before, "event") if e["detail_type"] == "Parameter Store Change"]
    assert event["source"] == "aws.ssm" and event["detail"]["operation"] == "Create"
    assert event["detail"]["dataType"] == "aws:ec2:image" and "exception" not in event["detail"]


def test_an_image_that_is_not_available_is_refused_later_and_the_former_value_stays(aws: LocalAws) -> None:
    good, bad = image(aws), image(aws, state="pending")
    put(aws, good)
    aws.wait_idle()
    before = aws.journal_end()
    put(aws, bad, Overwrite=True)
    aws.wait_idle()
    assert shown(aws) == [good]
    (event,) = [e for e in aws.journal(before, "event") if e["detail_type"] == "Parameter Store Change"]
    assert event["detail"]["exception"] == "Unable to Resolve Resource"


def test_of_two_values_at_once_the_later_stays(aws: LocalAws) -> None:
    first, second = image(aws), image(aws)
    put(aws, first)
    put(aws, second, Overwrite=True)
    aws.wait_idle()
    assert shown(aws) == [second]


def test_a_value_that_its_own_pattern_forbids_is_not_written(aws: LocalAws) -> None:
    with pytest.raises(ClientError, match="ParameterPatternMismatchException"):
        aws.client("ssm").put_parameter(Name="/t/web", Value="x", Type="String", AllowedPattern="^ami-")
    assert shown(aws) == []


def test_volume_permissions_are_added_and_removed(aws: LocalAws) -> None:
    ec2 = aws.client("ec2")
    (found,) = ec2.describe_images(ImageIds=[image(aws)])["Images"]
    snapshot = found["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    one = {"UserId": "111111111111"}
    for change, left in (({"Add": [one]}, [one]), ({"Remove": [one]}, [])):
        ec2.modify_snapshot_attribute(
            SnapshotId=snapshot, Attribute="createVolumePermission", CreateVolumePermission=change
        )
        body = ec2.describe_snapshot_attribute(SnapshotId=snapshot, Attribute="createVolumePermission")
        assert body["CreateVolumePermissions"] == left


def test_a_version_of_a_launch_template_takes_what_is_not_said_from_its_source_and_is_made_once(
    aws: LocalAws,
) -> None:
    ec2 = aws.client("ec2")
    data = {"InstanceType": "t4g.small", "ImageId": "ami-0123abcd"}
    ec2.create_launch_template(LaunchTemplateName="fleet", LaunchTemplateData=data)
    call = {"LaunchTemplateName": "fleet", "SourceVersion": "$Latest", "ClientToken": "once"}
    for _ in range(2):
        made = ec2.create_launch_template_version(LaunchTemplateData={"ImageId": "ami-0456abcd"}, **call)
        version = made["LaunchTemplateVersion"]
        assert version["VersionNumber"] == 2
        assert version["LaunchTemplateData"] == {"InstanceType": "t4g.small", "ImageId": "ami-0456abcd"}


def test_findings_of_inspector_appear_once_it_has_scanned(aws: LocalAws) -> None:
    made = image(aws)
    aws.scan(made, [{"severity": "high", "title": "CVE-1 & more"}])
    body = f"Action=DescribeImages&Version=2016-11-15&ImageId.1={made}"
    assert b"<scanResults><findingScanDate>" in signed(aws, body)
    body = signed(aws, f"Action=GetImageFindings&Version=2016-11-15&ImageId={made}")
    assert b"<severityLabel>high</severityLabel>" in body and b"CVE-1 &amp; more" in body


def signed(aws: LocalAws, body: str) -> bytes:
    """A call that botocore's model does not have. The server reads only the scope of the signature."""
    scope = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/ec2/aws4_request"
    headers = {
        "authorization": f"{scope}, SignedHeaders=host, Signature=0",
        "content-type": "application/x-www-form-urlencoded",
    }
    request = urllib.request.Request(aws.url, body.encode(), headers, method="POST")
    with urllib.request.urlopen(request, timeout=10) as answer:
        body: bytes = answer.read()
        return body


def test_public_images_are_blocked_until_somebody_unblocks_them(aws: LocalAws) -> None:
    ec2 = aws.client("ec2")
    state = "ImageBlockPublicAccessState"
    assert ec2.get_image_block_public_access_state()[state] == "block-new-sharing"
    ec2.disable_image_block_public_access()
    assert ec2.get_image_block_public_access_state()[state] == "unblocked"
    ec2.enable_image_block_public_access(ImageBlockPublicAccessState="block-new-sharing")
    assert ec2.get_image_block_public_access_state()[state] == "block-new-sharing"


def test_new_volumes_are_encrypted_with_awss_own_key_unless_somebody_chose_another(aws: LocalAws) -> None:
    assert aws.client("ec2", "eu-west-1").get_ebs_default_kms_key_id()["KmsKeyId"] == "alias/aws/ebs"
