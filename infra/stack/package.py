"""Zips the functions, puts them into S3, and makes the template that names them there."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from stack import functions
from stack import template as templates

SMALL, QUICK = 6, 0
"""How hard the zips are compressed: for AWS, which keeps them, and for the local AWS, which is waited for."""
_YEAR = (1980, 1, 1, 0, 0, 0)


class PackageError(RuntimeError):
    """A function was not built."""


class Bucket(Protocol):
    """As much of a bucket as packaging uses."""

    @property
    def name(self) -> str: ...

    def put_once(self, key: str, data: bytes) -> bool: ...


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


def keys(document: templates.Template, bucket: Bucket) -> set[str]:
    """The objects of the bucket that a packaged template names."""
    start = f"s3://{bucket.name}/"
    found = templates.functions(document).values()
    return {str(one["CodeUri"]).removeprefix(start) for one in found if str(one["CodeUri"]).startswith(start)}


def package(
    template: Path,
    build_dir: Path,
    bucket: Bucket,
    say: Callable[[str], None] = lambda _: None,
    level: int = SMALL,
) -> str:
    """The template as text, with each `CodeUri` replaced by where in `bucket` the function's zip now is.

    A function's `CodeUri` tells its folder by its last part; below `build_dir` that folder holds `bootstrap`.
    The template of a release names zips instead, which lie beside it and go up as they are.
    """
    document = templates.read(template)
    for name, properties in templates.functions(document).items():
        folder, data = _code(template, build_dir, properties, level)
        key = f"{folder}/{hashlib.sha256(data).hexdigest()}.zip"
        fate = "uploaded" if bucket.put_once(key, data) else "unchanged"
        say(f"{name}: {len(data) / 1e6:.1f} MB zipped, {fate}")
        properties["CodeUri"] = f"s3://{bucket.name}/{key}"
    return templates.write(document)


def _code(template: Path, build_dir: Path, properties: dict[str, Any], level: int) -> tuple[str, bytes]:
    """The folder of a function, and its zip."""
    folder = functions.folder(properties)
    if folder.endswith(".zip"):
        # Such as bake-arm64.zip.
        path = template.parent / folder
        return path.stem.rpartition("-")[0], path.read_bytes()
    return folder, zipped(build_dir / folder / "bootstrap", level)
