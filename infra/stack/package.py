"""Zips the functions, puts them into S3, and makes the template that names them there."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from stack import functions
from stack import template as templates

SMALL, QUICK = 6, 0
"""How hard the zips are compressed: for AWS, which keeps them, and for the local AWS, which is waited for."""
_YEAR = (1980, 1, 1, 0, 0, 0)


class PackageError(RuntimeError):
    """A function was not built, or the artifacts cannot be kept."""


def zipped(bootstrap: Path, level: int = SMALL) -> bytes:
    """The zip of one function. The same binary gives the same bytes, so only what changed is deployed."""
    if not bootstrap.is_file():
        raise PackageError(f"{bootstrap} is missing: build the functions first (make build)")
    entry = zipfile.ZipInfo("bootstrap", _YEAR)
    entry.external_attr = 0o100755 << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        archive.writestr(entry, bootstrap.read_bytes(), compresslevel=level)
    return memory.getvalue()


def package(
    template: Path,
    build_dir: Path,
    s3: Any,
    bucket: str,
    say: Callable[[str], None] = lambda _: None,
    level: int = SMALL,
) -> str:
    """The template as text, with each `CodeUri` replaced by where in `bucket` the function's zip now is.

    A function's `CodeUri` tells its folder by its last part; below `build_dir` that folder holds `bootstrap`.
    """
    document = templates.read(template)
    for name, properties in templates.functions(document).items():
        folder = functions.folder(properties)
        data = zipped(build_dir / folder / "bootstrap", level)
        key = f"{folder}/{hashlib.sha256(data).hexdigest()}.zip"
        fate = "uploaded" if _put(s3, bucket, key, data) else "unchanged"
        say(f"{name}: {len(data) / 1e6:.1f} MB zipped, {fate}")
        properties["CodeUri"] = f"s3://{bucket}/{key}"
    return templates.write(document)


def ensure_bucket(s3: Any, bucket: str, region: str) -> None:
    """Makes the bucket for artifacts if there is none: private, as S3 makes every new bucket."""
    try:
        s3.head_bucket(Bucket=bucket)
        return
    except ClientError as error:
        if error.response["Error"]["Code"] not in {"404", "NoSuchBucket", "NotFound"}:
            raise PackageError(f"bucket {bucket} cannot be used: {error}") from error
    # us-east-1 is S3's unnamed default, and refuses to be named.
    where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    s3.create_bucket(Bucket=bucket, **where)


def _put(s3: Any, bucket: str, key: str, data: bytes) -> bool:
    """Puts an object whose key is its content; false if it was there."""
    try:
        s3.head_object(Bucket=bucket, Key=key)
        return False
    except ClientError as error:
        if error.response["Error"]["Code"] not in {"404", "NoSuchKey", "NotFound"}:
            raise PackageError(f"s3://{bucket}/{key} cannot be read: {error}") from error
    s3.put_object(Bucket=bucket, Key=key, Body=data)
    return True
