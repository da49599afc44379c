"""Packaging: what goes up is what was built, and the template survives."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest

from stack import template as templates
from stack.functions import names
from stack.package import QUICK, SMALL, PackageError, package, zipped


class Bucket:
    """As much of a bucket as packaging uses."""

    name = "artifacts"

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def put_once(self, key: str, data: bytes) -> bool:
        new = key not in self.objects
        self.objects[key] = data
        return new


def test_a_zip_holds_the_executable_bootstrap_alone_and_is_always_the_same(built: Path) -> None:
    data = zipped(built / "bake" / "bootstrap")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        (entry,) = archive.infolist()
        assert entry.filename == "bootstrap"
        assert entry.external_attr >> 16 == 0o100755
        assert archive.read(entry) == b"binary of bake"
    assert zipped(built / "bake" / "bootstrap") == data


def test_a_zip_for_aws_is_smaller_than_one_for_the_local_aws_and_holds_the_same(tmp_path: Path) -> None:
    (tmp_path / "bootstrap").write_bytes(b"".join(b"%d," % (number * number) for number in range(100_000)))
    small, quick = (zipped(tmp_path / "bootstrap", level) for level in (SMALL, QUICK))
    assert len(small) < len(quick)
    read = [zipfile.ZipFile(io.BytesIO(data)).read("bootstrap") for data in (small, quick)]
    assert read[0] == read[1]


def test_a_function_that_was_not_built_is_named_with_what_to_do(built: Path) -> None:
    (built / "replicate" / "bootstrap").unlink()
    with pytest.raises(PackageError, match=r"replicate/bootstrap is missing: build the functions first"):
        package(templates.HOME_TEMPLATE, built, Bucket())


def test_only_the_code_uris_change(built: Path) -> None:
    bucket = Bucket()
    packaged = templates.parse(package(templates.HOME_TEMPLATE, built, bucket))
    original = templates.read(templates.HOME_TEMPLATE)
    for name, properties in templates.functions(packaged).items():
        uri = properties["CodeUri"]
        assert uri.startswith(f"s3://artifacts/{name.lower()}/")
        stored = bucket.objects[uri.removeprefix("s3://artifacts/")]
        with zipfile.ZipFile(io.BytesIO(stored)) as archive:
            assert archive.read("bootstrap") == b"binary of " + name.lower().encode()
        properties["CodeUri"] = templates.functions(original)[name]["CodeUri"]
    assert packaged == original


def test_what_is_there_is_not_put_again(built: Path) -> None:
    bucket = Bucket()
    said: list[str] = []
    package(templates.HOME_TEMPLATE, built, bucket)
    (built / "expire" / "bootstrap").write_bytes(b"another binary of expire")
    package(templates.HOME_TEMPLATE, built, bucket, said.append)
    fates = {line.split(":")[0]: line.rsplit(", ", 1)[1] for line in said}
    assert fates.pop("Expire") == "uploaded"
    assert len(fates) == len(names()) - 1 and set(fates.values()) == {"unchanged"}


@pytest.mark.parametrize(
    "text",
    [
        "a: !Ref Bus\n",
        "a: !Sub ${AWS::StackName}-bake\n",
        "a: !If [C, !Ref A, !GetAtt B.Arn]\n",
        "'Null': {a: 'false'}\n",
    ],
)
def test_short_tags_and_words_of_yaml_survive_a_round_trip(text: str) -> None:
    read: Any = templates.parse(text)
    assert templates.parse(templates.write(read)) == read
