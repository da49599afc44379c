"""What protects the bucket of the artifacts, which is made before the stack and so is no part of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError


def protect(s3: Any, bucket: str, key: str | None, tags: Mapping[str, str]) -> None:
    """Encrypts what comes into the bucket with the stack's key, and adds the stack's tags.

    An empty key lets S3 encrypt with its own again; None leaves the encryption as it is. Objects that are
    there already keep theirs.
    """
    if key == "":
        s3.delete_bucket_encryption(Bucket=bucket)
    if key:
        rule = {
            "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key},
            "BucketKeyEnabled": True,
        }
        s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    if tags:
        # The call replaces all tags, and some may be others'.
        merged = {**_tags(s3, bucket), **tags}
        tag_set = [{"Key": name, "Value": value} for name, value in sorted(merged.items())]
        s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tag_set})


def _tags(s3: Any, bucket: str) -> dict[str, str]:
    try:
        return {tag["Key"]: tag["Value"] for tag in s3.get_bucket_tagging(Bucket=bucket)["TagSet"]}
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchTagSet":
            return {}
        raise
