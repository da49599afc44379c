"""The bucket that Kiln is deployed from: a stack of its own, found by that stack and never by its name."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from stack import template as templates
from stack.changes import ChangeSet
from stack.stacks import Stack, StackError

ARTIFACTS_STACK = "{}-artifacts"
"""The stack's name, after the home stack's."""
KEPT_FOR = timedelta(days=30)
"""What is no longer deployed stays this long, for a deployment that is under way may still name it."""
_NOT_FOUND = {"404", "NoSuchKey", "NotFound", "NoSuchBucket"}
_MOST_KEYS = 1_000


class BucketError(RuntimeError):
    """The bucket for artifacts cannot be used; tells why and what to do."""


@dataclass(frozen=True)
class Bucket:
    """A bucket of this account. Every call names the account, so that S3 refuses a bucket of another's."""

    s3: Any
    name: str
    account: str

    def check(self) -> None:
        """Refuses a bucket that is gone, or that another account owns."""
        try:
            self.s3.head_bucket(**self._call)
        except ClientError as error:
            raise BucketError(
                f"bucket {self.name} is gone, is not owned by account {self.account}, or must not be "
                f"read by you ({_code(error)}). Nothing was uploaded. If somebody deleted it, delete its "
                "stack, whose name ends with -artifacts, and deploy again: the next bucket has another name"
            ) from error

    def url(self, key: str) -> str:
        """Where CloudFormation finds an object."""
        return f"{self.s3.meta.endpoint_url}/{self.name}/{key}"

    def put_once(self, key: str, data: bytes) -> bool:
        """Puts an object whose key tells its content; false if it was there."""
        try:
            self.s3.head_object(Key=key, **self._call)
            return False
        except ClientError as error:
            if _code(error) not in _NOT_FOUND:
                raise BucketError(f"s3://{self.name}/{key} cannot be read: {error}") from error
        self.s3.put_object(Key=key, Body=data, **self._call)
        return True

    def get(self, key: str) -> bytes | None:
        """What an object holds; None if it is not there."""
        try:
            return bytes(self.s3.get_object(Key=key, **self._call)["Body"].read())
        except ClientError as error:
            if _code(error) in _NOT_FOUND:
                return None
            raise BucketError(f"s3://{self.name}/{key} cannot be read: {error}") from error

    def forget(self, deployed: Iterable[str], now: datetime | None = None) -> int:
        """Deletes the objects that are neither deployed nor young; answers how many.

        The bucket keeps what was deleted for another 30 days, then its lifecycle rule removes it.
        """
        kept, before = set(deployed), (now or datetime.now(UTC)) - KEPT_FOR
        pages = self.s3.get_paginator("list_objects_v2").paginate(**self._call)
        old = [
            {"Key": found["Key"]}
            for page in pages
            for found in page.get("Contents", [])
            if found["Key"] not in kept and found["LastModified"] < before
        ]
        self._delete(old)
        return len(old)

    def empty(self) -> None:
        """Deletes every version of every object."""
        pages = self.s3.get_paginator("list_object_versions").paginate(**self._call)
        self._delete(
            [
                {"Key": found["Key"], "VersionId": found["VersionId"]}
                for page in pages
                for found in page.get("Versions", []) + page.get("DeleteMarkers", [])
            ]
        )

    def delete(self) -> None:
        """Deletes the bucket, which must be empty."""
        self.s3.delete_bucket(**self._call)

    @property
    def _call(self) -> dict[str, str]:
        return {"Bucket": self.name, "ExpectedBucketOwner": self.account}

    def _delete(self, objects: list[dict[str, str]]) -> None:
        for some in _chunks(objects):
            answer = self.s3.delete_objects(Delete={"Objects": some, "Quiet": True}, **self._call)
            for error in answer.get("Errors", []):
                raise BucketError(
                    f"s3://{self.name}/{error['Key']} was not deleted: {error['Code']} {error['Message']}"
                )


def ensure(
    stack: Stack, s3: Any, account: str, agree: Callable[[ChangeSet], None], key: str | None = None
) -> tuple[Bucket, str]:
    """The bucket of this account, and whether it was `created`, `updated` or `unchanged`.

    What comes into it is encrypted with `key`; an empty one is S3's own, None leaves it as it is.
    Where anything is to be changed, `agree` is shown it first; it raises if nothing may be.
    """
    given = {} if stack.is_there() else {"Suffix": secrets.token_hex(8)}
    given |= {} if key is None else {"KmsKey": key}
    body = templates.ARTIFACTS_TEMPLATE.read_text()
    change_set = stack.propose({"TemplateBody": body}, given, ["Suffix", "KmsKey"])
    outcome = "unchanged"
    if change_set:
        try:
            agree(change_set)
        except BaseException:
            stack.drop(change_set)
            raise
        outcome = stack.carry_out(change_set)
    bucket = find(stack, s3, account)
    if bucket is None:
        raise StackError(f"{stack.title} has no bucket: delete it, and deploy again")
    bucket.check()
    return bucket, outcome


def find(stack: Stack, s3: Any, account: str, resource: str = "Bucket") -> Bucket | None:
    """A bucket of the stack, by the stack's own record; None where there is no such stack or bucket.

    That of a home stack for recipes' folders and logs is its `Store`."""
    if not stack.is_there():
        return None
    name = stack.resources().get(resource, ("", ""))[1]
    return Bucket(s3, name, account) if name else None


def former(s3: Any, account: str, home: str) -> Bucket | None:
    """The bucket of Kiln's versions before this one, whose name could be guessed; None if it is gone, or is
    another account's. Nothing is read from it."""
    bucket = Bucket(s3, f"kiln-artifacts-{account}-{home}", account)
    try:
        bucket.check()
    except BucketError:
        return None
    return bucket


def _chunks(objects: list[dict[str, str]]) -> Iterator[list[dict[str, str]]]:
    for at in range(0, len(objects), _MOST_KEYS):
        yield objects[at : at + _MOST_KEYS]


def _code(error: ClientError) -> str:
    return str(error.response["Error"]["Code"])
