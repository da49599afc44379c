"""The zip of a function, and templates that survive being read and written."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest

from stack import template as templates
from stack.release import QUICK, SMALL, ReleaseError, zipped


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
    with pytest.raises(ReleaseError, match=r"replicate/bootstrap is missing: build the functions first"):
        zipped(built / "replicate" / "bootstrap")


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
