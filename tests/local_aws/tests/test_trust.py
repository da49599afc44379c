"""Roles of other accounts: who may take them, and what is seen through them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from local_aws.client import LocalAws
from local_aws.settings import ACCOUNT
from local_aws.tests.conftest import image, refused

OTHER = "111111111111"
ROLE = f"arn:aws:iam::{OTHER}:role/golden"
# A reset keeps parameters, so no other test may write this one.
NAME = "/golden/trusted"


@pytest.fixture
def role(aws: LocalAws) -> Iterator[Any]:
    """Makes the role `golden` of the other account with this condition of its trust."""
    iam = aws.client("iam", account=OTHER)

    def make(**condition: Any) -> None:
        statement = {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
            "Action": "sts:AssumeRole",
            "Condition": condition,
        }
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.create_role(RoleName="golden", AssumeRolePolicyDocument=document)

    yield make
    if iam.list_roles()["Roles"]:
        iam.delete_role(RoleName="golden")


def session(aws: LocalAws, region: str = "us-east-1", **more: str) -> Any:
    """SSM of the other account, through its role."""
    given = aws.client("sts").assume_role(RoleArn=ROLE, RoleSessionName="test", **more)["Credentials"]
    return boto3.client(
        "ssm",
        region_name=region,
        endpoint_url=aws.url,
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
    )


def test_a_role_that_is_not_there_cannot_be_taken(aws: LocalAws) -> None:
    with refused("AccessDenied", f"sts:AssumeRole on resource: {ROLE}"):
        session(aws)


def test_an_external_id_is_asked_for(aws: LocalAws, role: Any) -> None:
    role(StringEquals={"sts:ExternalId": "kiln"})
    for wrong in ({}, {"ExternalId": "other"}):
        with refused("AccessDenied"):
            session(aws, **wrong)
    session(aws, ExternalId="kiln")


def test_a_caller_that_the_role_does_not_name_cannot_take_it(aws: LocalAws, role: Any) -> None:
    role(ArnLike={"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:role/kiln-*"})
    with refused("AccessDenied"):
        session(aws)


def test_what_is_written_through_it_is_the_other_accounts_and_names_what_that_may_launch(
    aws: LocalAws, role: Any
) -> None:
    role()
    made = image(aws)
    value = {"Name": NAME, "Value": made, "Type": "String", "DataType": "aws:ec2:image", "Overwrite": True}
    there, here = aws.client("ssm", account=OTHER), aws.client("ssm")
    session(aws).put_parameter(**value)
    aws.wait_idle(10)
    assert there.get_parameters(Names=[NAME])["Parameters"] == [], "it is not shared with that account"
    aws.client("ec2").modify_image_attribute(ImageId=made, LaunchPermission={"Add": [{"UserId": OTHER}]})
    before = aws.journal_end()
    session(aws).put_parameter(**value)
    aws.wait_idle(10)
    assert there.get_parameters(Names=[NAME])["Parameters"][0]["Value"] == made
    assert here.get_parameters(Names=[NAME])["Parameters"] == []
    assert [e for e in aws.journal(before, kind="event") if e["source"] == "aws.ssm"] == []
    there.delete_parameter(Name=NAME)
