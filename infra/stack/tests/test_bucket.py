"""The bucket of the artifacts has the key and the tags of its stack."""

from __future__ import annotations

from pathlib import Path

from local_aws.client import LocalAws
from stack import Deployed, deploy
from stack.bucket import protect

BUCKET = "kiln-artifacts-000000000000-us-east-1"


def tags(aws: LocalAws, bucket: str) -> dict[str, str]:
    found = aws.client("s3").get_bucket_tagging(Bucket=bucket)["TagSet"]
    return {tag["Key"]: tag["Value"] for tag in found}


def encryption(aws: LocalAws) -> dict[str, str]:
    found = aws.client("s3").get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"]
    (rule,) = found["Rules"]
    return rule["ApplyServerSideEncryptionByDefault"]


def test_the_key_of_the_stack_encrypts_what_comes_into_the_bucket(
    aws: LocalAws, deployed: Deployed, built: Path
) -> None:
    key = aws.client("kms").create_key()["KeyMetadata"]["Arn"]
    deploy(
        aws.url, built, regions=[], parameters={"KmsKey": key}, say=lambda _: None, tags={"team": "platform"}
    )
    assert encryption(aws) == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    assert tags(aws, BUCKET)["team"] == "platform"
    deploy(aws.url, built, regions=[], parameters={"KmsKey": ""}, say=lambda _: None)
    assert encryption(aws)["SSEAlgorithm"] == "AES256", "S3's own key again"


def test_tags_of_others_stay_on_the_bucket(aws: LocalAws) -> None:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="tagged")
    protect(s3, "tagged", None, {"team": "platform", "cost": "42"})
    protect(s3, "tagged", None, {"cost": "43"})
    assert tags(aws, "tagged") == {"team": "platform", "cost": "43"}


def test_a_bucket_of_a_stack_without_key_and_tags_is_left_alone() -> None:
    protect(None, "bucket", None, {})
