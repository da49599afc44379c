"""Fetches the catalogue from the stack's bucket, so that a browser can read it without any right in AWS."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from stack.clients import Clients
from stack.operate import OperateError
from stack.store import deployed, store_of

PREFIX = "catalog/"
# What the function remembers for itself.
_OWN = {"digests.json", "made.json"}
_OPENERS = ("xdg-open", "open")


def fetch(clients: Clients, home: str, folder: Path, say: Callable[[str], None], stack: str) -> Path:
    """Fetches all of the catalogue, and gives its first page. What lay in the folder before goes."""
    bucket = store_of(clients, deployed(clients, stack, home))
    s3 = clients.of("s3", home)
    keys = [key for key in _keys(s3, bucket.name) if key.removeprefix(PREFIX) not in _OWN] if bucket else []
    if bucket is None or PREFIX + "index.html" not in keys:
        raise OperateError(
            "there is no catalogue yet: it is made every night and after each release, or now by "
            "make invoke FN=catalog EVENT=infra/events/catalog.json"
        )
    shutil.rmtree(folder, ignore_errors=True)
    for key in keys:
        file = _within(folder, key.removeprefix(PREFIX))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(s3.get_object(Bucket=bucket.name, Key=key)["Body"].read())
    say(f"{len(keys)} files of the catalogue are in {folder}")
    return folder / "index.html"


def _keys(s3: Any, bucket: str) -> Iterator[str]:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=PREFIX):
        yield from (one["Key"] for one in page.get("Contents", []))


def _within(folder: Path, path: str) -> Path:
    """Where a file goes. A key that leads out of the folder is none of Kiln's."""
    file = (folder / path).resolve()
    if not file.is_relative_to(folder.resolve()):
        raise OperateError(f"the bucket has a strange key, {PREFIX}{path}: nothing of it was fetched")
    return file


def show(page: Path, say: Callable[[str], None]) -> None:
    """Opens a page in the browser if there is something that does that, and tells where it lies."""
    say(f"Its first page is {page}")
    opener = next(filter(None, map(shutil.which, _OPENERS)), None)
    if opener:
        subprocess.run([opener, str(page)], check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
