"""The bucket that Kiln is deployed from: whose it is, how it is found, and what goes from it."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from local_aws.client import LocalAws
from stack import Deployed, StackError, artifacts, deploy
from stack import template as templates
from stack.artifacts import Bucket, BucketError
from stack.clients import Clients
from stack.deploy import stack_of
from stack.stacks import Stack


def quiet(_: str) -> None:
    pass


def stack_in(aws: LocalAws) -> Stack:
    return stack_of(Clients(aws.url), "kiln-artifacts", "us-east-1")


def found(aws: LocalAws) -> Bucket:
    account = aws.client("sts").get_caller_identity()["Account"]
    bucket = artifacts.find(stack_in(aws), aws.client("s3"), account)
    assert bucket
    return bucket


@pytest.fixture
def own(fresh: LocalAws, built: Path) -> LocalAws:
    """A local AWS of the test's own, with Kiln on it."""
    deploy(fresh.url, built, regions=[], say=quiet)
    return fresh


def resource(name: str) -> dict[str, Any]:
    document = templates.read(templates.ARTIFACTS_TEMPLATE)
    return dict(document["Resources"][name]["Properties"])


def test_the_bucket_is_private_versioned_and_encrypted_and_what_was_deleted_goes() -> None:
    bucket = resource("Bucket")
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    (encryption,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    algorithm = encryption["ServerSideEncryptionByDefault"]["SSEAlgorithm"]
    assert algorithm.value == ["WithKmsKey", "aws:kms", "AES256"]
    rules = {key: value for rule in bucket["LifecycleConfiguration"]["Rules"] for key, value in rule.items()}
    assert rules["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}
    assert rules["ExpiredObjectDeleteMarker"] is True
    assert "ExpirationInDays" not in rules, "a zip that is deployed may be years old"


def test_the_bucket_has_the_key_and_the_tags_of_its_stack(own: LocalAws, built: Path) -> None:
    key = own.client("kms").create_key()["KeyMetadata"]["Arn"]
    tags = {"team": "platform"}
    deploy(own.url, built, regions=[], parameters={"KmsKey": key}, say=quiet, tags=tags)
    assert stack_in(own).parameters()["KmsKey"] == key
    # The local AWS does not hand them on to the bucket; CloudFormation does.
    (stack,) = own.client("cloudformation").describe_stacks(StackName="kiln-artifacts")["Stacks"]
    assert stack["Tags"] == [{"Key": "team", "Value": "platform"}]
    deploy(own.url, built, regions=[], say=quiet)
    assert stack_in(own).parameters()["KmsKey"] == key, "what is not given keeps its value"
    deploy(own.url, built, regions=[], parameters={"KmsKey": ""}, say=quiet)
    assert stack_in(own).parameters()["KmsKey"] == ""


def test_the_bucket_refuses_every_call_without_tls() -> None:
    (statement,) = resource("BucketPolicy")["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "s3:*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert len(statement["Resource"]) == 2, "the bucket and its objects"


def test_the_buckets_name_cannot_be_guessed(fresh: LocalAws, aws: LocalAws, deployed: Deployed) -> None:
    assert re.fullmatch(r"kiln-artifacts-[0-9a-f]{16}", found(aws).name)
    account = fresh.client("sts").get_caller_identity()["Account"]
    bucket, outcome = artifacts.ensure(stack_in(fresh), fresh.client("s3"), account, lambda _: None)
    assert outcome == "created" and bucket.name != found(aws).name


def test_a_deployment_finds_the_bucket_again_by_its_stack(own: LocalAws, built: Path) -> None:
    before = found(own).name
    # A bucket that looks alike is not taken for it.
    own.client("s3").create_bucket(Bucket="kiln-artifacts-0123456789abcdef")
    deploy(own.url, built, regions=[], say=quiet)
    assert found(own).name == before
    policy = json.loads(own.client("s3").get_bucket_policy(Bucket=before)["Policy"])
    assert policy["Statement"][0]["Sid"] == "TlsOnly"


def test_a_bucket_of_another_account_is_never_used(own: LocalAws, built: Path) -> None:
    bucket = found(own)
    bucket.empty()
    own.client("s3").delete_bucket(Bucket=bucket.name)
    stranger = boto3.client(
        "s3",
        region_name="us-east-1",
        endpoint_url=own.url,
        aws_access_key_id="222222222222",
        aws_secret_access_key="test",
    )
    stranger.create_bucket(Bucket=bucket.name)
    with pytest.raises(BucketError, match="is not owned by account 000000000000.* Nothing was uploaded"):
        deploy(own.url, built, regions=[], say=quiet)
    assert "Contents" not in stranger.list_objects_v2(Bucket=bucket.name)


def test_every_call_of_s3_names_the_owner_that_it_expects(fresh: LocalAws, built: Path) -> None:
    class Recording:
        """An S3 client that remembers the calls."""

        def __init__(self, client: Any) -> None:
            self._client, self.calls = client, []
            client.meta.events.register("before-parameter-build.s3", self._remember)

        def _remember(self, params: dict[str, Any], model: Any, **_: Any) -> None:
            self.calls.append((model.name, params.get("ExpectedBucketOwner")))

        def __getattr__(self, name: str) -> Any:
            return getattr(self._client, name)

    account = fresh.client("sts").get_caller_identity()["Account"]
    s3 = Recording(fresh.client("s3"))
    bucket, _ = artifacts.ensure(stack_in(fresh), s3, account, lambda _: None)
    bucket.put_once("one", b"one")
    bucket.put_once("one", b"one")
    assert bucket.forget([], datetime.now(UTC) + timedelta(days=31)) == 1
    bucket.empty()
    assert artifacts.former(s3, account, "us-east-1") is None
    assert {owner for _, owner in s3.calls} == {account}
    assert {name for name, _ in s3.calls} >= {"HeadBucket", "HeadObject", "PutObject", "DeleteObjects"}


def test_what_is_old_and_not_deployed_goes_and_what_is_deployed_stays(own: LocalAws, built: Path) -> None:
    bucket, s3 = found(own), own.client("s3")
    bucket.put_once("bake/former.zip", b"former")

    def keys() -> set[str]:
        return {one["Key"] for one in s3.list_objects_v2(Bucket=bucket.name).get("Contents", [])}

    deployed = keys() - {"bake/former.zip"}
    assert len(deployed) == 10, "nine functions and the template"
    assert bucket.forget(deployed) == 0, "a deployment that is under way may name what is young"
    later = datetime.now(UTC) + timedelta(days=31)
    assert bucket.forget(deployed, later) == 1
    assert keys() == deployed
    versions = s3.list_object_versions(Bucket=bucket.name, Prefix="bake/former.zip")
    assert len(versions["Versions"]) == 1, "it can be brought back until the lifecycle rule removes it"


def test_a_deployment_keeps_all_that_it_deploys(own: LocalAws, built: Path, monkeypatch: Any) -> None:
    (built / "bake" / "bootstrap").write_bytes(b"a newer binary of bake")
    monkeypatch.setattr(artifacts, "KEPT_FOR", timedelta(days=-1))
    said: list[str] = []
    deploy(own.url, built, regions=[], say=said.append)
    (told,) = [line for line in said if line.startswith("deleted ")]
    assert "deleted 2 old files from bucket kiln-artifacts-" in told, "the former zip and template"
    again: list[str] = []
    deploy(own.url, built, regions=[], say=again.append)
    assert not [line for line in again if "uploaded" in line or "deleted" in line]


def test_a_stack_without_its_bucket_says_what_to_do(own: LocalAws) -> None:
    stack = stack_in(own)
    bucket = found(own)
    bucket.empty()
    own.client("s3").delete_bucket(Bucket=bucket.name)
    with pytest.raises(BucketError, match="delete its stack, whose name ends with -artifacts, and"):
        artifacts.ensure(stack, own.client("s3"), bucket.account, lambda _: None)


def test_a_bucket_that_holds_something_is_not_deleted_with_its_stack(own: LocalAws) -> None:
    with pytest.raises(StackError, match="Bucket .* not empty"):
        stack_in(own).delete()
    found(own).empty()
    stack_in(own).delete()
    assert stack_in(own).status() is None
