"""Change sets and buckets answer as AWS's do."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from local_aws.client import LocalAws
from local_aws.settings import ACCOUNT

TEMPLATE = {
    "Parameters": {"Second": {"Type": "String", "Default": "no"}},
    "Conditions": {"WithSecond": {"Fn::Equals": [{"Ref": "Second"}, "yes"]}},
    "Resources": {
        "First": {"Type": "AWS::SQS::Queue"},
        "Second": {"Type": "AWS::SQS::Queue", "Condition": "WithSecond", "DeletionPolicy": "Retain"},
    },
}
BUCKET = {"Resources": {"Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "full"}}}}


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    with LocalAws() as running:
        yield running


def proposed(aws: LocalAws, stack: str, kind: str, name: str = "", **parameters: str) -> dict[str, Any]:
    """A change set; its name is new unless it is given."""
    cloudformation = aws.client("cloudformation")
    made = cloudformation.create_change_set(
        StackName=stack,
        ChangeSetName=name or f"change-{uuid.uuid4()}",
        ChangeSetType=kind,
        TemplateBody=json.dumps(TEMPLATE),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
    )
    return dict(cloudformation.describe_change_set(ChangeSetName=made["Id"]))


def executed(aws: LocalAws, change_set: dict[str, Any], kind: str = "create") -> None:
    cloudformation = aws.client("cloudformation")
    cloudformation.execute_change_set(ChangeSetName=change_set["ChangeSetId"])
    waiter = cloudformation.get_waiter(f"stack_{kind}_complete")
    waiter.wait(StackName=change_set["StackName"], WaiterConfig={"Delay": 0.1, "MaxAttempts": 50})


def told(change_set: dict[str, Any]) -> set[tuple[str, str, str]]:
    return {
        (change["Action"], change["LogicalResourceId"], change.get("PolicyAction", ""))
        for change in (one["ResourceChange"] for one in change_set["Changes"])
    }


def test_a_change_set_counts_a_resource_only_if_its_condition_holds(aws: LocalAws) -> None:
    first = proposed(aws, "conditions", "CREATE")
    assert told(first) == {("Add", "First", "")}
    executed(aws, first)
    more = proposed(aws, "conditions", "UPDATE", Second="yes")
    assert told(more) == {("Add", "Second", "")}
    executed(aws, more, "update")
    assert told(proposed(aws, "conditions", "UPDATE", Second="no")) == {("Remove", "Second", "Retain")}


def test_a_change_set_without_changes_has_failed_and_says_why(aws: LocalAws) -> None:
    executed(aws, proposed(aws, "unchanged", "CREATE"))
    again = proposed(aws, "unchanged", "UPDATE")
    assert again["Status"] == "FAILED" and "didn't contain changes" in again["StatusReason"]


def test_two_change_sets_may_wait_for_the_same_stack_under_review(aws: LocalAws) -> None:
    first, second = (proposed(aws, "reviewed", "CREATE", name) for name in ("one", "two"))
    assert first["StackId"] == second["StackId"]
    cloudformation = aws.client("cloudformation")
    (stack,) = cloudformation.describe_stacks(StackName="reviewed")["Stacks"]
    assert (stack["StackId"], stack["StackStatus"]) == (first["StackId"], "REVIEW_IN_PROGRESS")
    executed(aws, first)
    assert cloudformation.list_change_sets(StackName="reviewed")["Summaries"][0]["ChangeSetName"] == "one"


def test_a_refused_change_set_leaves_the_stack_under_review(aws: LocalAws) -> None:
    first = proposed(aws, "refused", "CREATE")
    with pytest.raises(ClientError, match="ValidationError"):
        aws.client("cloudformation").create_change_set(
            StackName="refused", ChangeSetName="two", ChangeSetType="CREATE", TemplateBody="{"
        )
    executed(aws, first)


def test_a_bucket_that_holds_something_is_not_deleted_with_its_stack(aws: LocalAws) -> None:
    cloudformation, s3 = aws.client("cloudformation"), aws.client("s3")
    cloudformation.create_stack(StackName="full", TemplateBody=json.dumps(BUCKET))
    cloudformation.get_waiter("stack_create_complete").wait(
        StackName="full", WaiterConfig={"Delay": 0.1, "MaxAttempts": 50}
    )
    s3.put_object(Bucket="full", Key="one", Body=b"one")
    cloudformation.delete_stack(StackName="full")
    waiter = cloudformation.get_waiter("stack_delete_complete")
    with pytest.raises(Exception, match="DELETE_FAILED"):
        waiter.wait(StackName="full", WaiterConfig={"Delay": 0.1, "MaxAttempts": 50})
    s3.delete_object(Bucket="full", Key="one")
    cloudformation.delete_stack(StackName="full")
    waiter.wait(StackName="full", WaiterConfig={"Delay": 0.1, "MaxAttempts": 50})


def test_a_bucket_is_refused_to_whoever_expects_another_owner(aws: LocalAws) -> None:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="mine")
    assert s3.head_bucket(Bucket="mine", ExpectedBucketOwner=ACCOUNT)
    with pytest.raises(ClientError, match="403"):
        s3.head_bucket(Bucket="mine", ExpectedBucketOwner="111111111111")

    theirs = boto3.client(
        "s3",
        region_name="us-east-1",
        endpoint_url=aws.url,
        aws_access_key_id="222222222222",
        aws_secret_access_key="test",
    )
    theirs.create_bucket(Bucket="theirs")
    with pytest.raises(ClientError, match="403"):
        s3.head_bucket(Bucket="theirs", ExpectedBucketOwner=ACCOUNT)
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.put_object(Bucket="theirs", Key="zip", Body=b"", ExpectedBucketOwner=ACCOUNT)
