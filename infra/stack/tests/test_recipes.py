"""`make recipes`: what is put, what is shown of it, and what is left alone."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local_aws.client import LocalAws
from stack import Deployed
from stack.clients import Clients
from stack.operate import OperateError
from stack.recipes import put

HOME = "us-east-1"
DOCUMENT = 'name = "web"\n[bake]\nsteps = ["scripts/a.sh"]\n'


@pytest.fixture(autouse=True)
def no_recipes(aws: LocalAws) -> Iterator[None]:
    """No recipe is there yet; those that were are there again for other tests."""
    ssm = aws.client("ssm")

    def found() -> dict[str, str]:
        there = ssm.get_parameters_by_path(Path="/kiln/recipes")["Parameters"]
        return {one["Name"]: one["Value"] for one in there}

    before = found()
    for name in before:
        ssm.delete_parameter(Name=name)
    yield
    for name in found():
        ssm.delete_parameter(Name=name)
    for name, value in before.items():
        ssm.put_parameter(Name=name, Value=value, Type="String")


def packed(folder: Path, files: dict[str, str], document: str = DOCUMENT) -> str:
    """Writes what `recipes pack` writes, and gives the digest of the archive, which is only a name here."""
    for name in ("recipes", "archives"):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for old in (folder / name).iterdir():
            old.unlink()
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    digest = f"{abs(hash(tuple(files.items()))):064x}"[-64:]
    (folder / "recipes/web.toml").write_text(f'archive = "sha256:{digest}"\n{document}')
    (folder / "archives" / f"{digest}.tar.gz").write_bytes(data.getvalue())
    return digest


def said(aws: LocalAws, folder: Path, **more: Any) -> list[str]:
    lines: list[str] = []
    put(Clients(aws.url), HOME, folder, lines.append, **more)
    return lines


def test_an_archive_is_put_under_its_digest_and_its_changes_are_shown(
    aws: LocalAws, deployed: Deployed, tmp_path: Path
) -> None:
    ssm, s3, store = aws.client("ssm"), aws.client("s3"), deployed.outputs["Store"]
    first = packed(tmp_path, {"scripts/a.sh": "true\n", "files/b": "one"})
    assert said(aws, tmp_path)[0] == "/kiln/recipes/web: new"
    assert s3.head_object(Bucket=store, Key=f"archives/{first}.tar.gz")["ContentLength"] > 0
    assert said(aws, tmp_path)[0] == "/kiln/recipes/web: unchanged"

    packed(tmp_path, {"scripts/a.sh": "false\n", "files/c": "two"}, DOCUMENT + 'timeout = "5m"\n')
    lines = said(aws, tmp_path, dry_run=True)
    assert lines[0] == "/kiln/recipes/web: changed" and '  +timeout = "5m"' in lines
    assert "  scripts/a.sh: changed, 5 → 6 bytes" in lines
    assert "  files/b: removed" in lines and "  files/c: new, 3 bytes" in lines
    assert not any("sha256" in line for line in lines)
    assert first in ssm.get_parameter(Name="/kiln/recipes/web")["Parameter"]["Value"], "only shown"
    assert said(aws, tmp_path)[0] == "/kiln/recipes/web: changed"
    assert first not in ssm.get_parameter(Name="/kiln/recipes/web")["Parameter"]["Value"]


def test_what_is_not_in_the_folders_stays_until_it_is_asked_for(
    aws: LocalAws, deployed: Deployed, tmp_path: Path
) -> None:
    ssm = aws.client("ssm")
    ssm.put_parameter(Name="/kiln/recipes/left", Value='name = "left"', Type="String", Overwrite=True)
    packed(tmp_path, {"scripts/a.sh": "true\n"})
    assert any("still put: left" in line and "PRUNE=1" in line for line in said(aws, tmp_path))
    asked: list[str] = []
    shown = said(aws, tmp_path, prune=asked.append, dry_run=True)
    assert any("would be removed: left" in line for line in shown)
    assert asked == []
    assert any("removed: left" in line for line in said(aws, tmp_path, prune=asked.append))
    assert asked == ["Remove 1 recipe?"]
    names = [one["Name"] for one in ssm.get_parameters_by_path(Path="/kiln/recipes")["Parameters"]]
    assert "/kiln/recipes/left" not in names and "/kiln/recipes/web" in names


def test_without_a_stack_a_folder_has_no_place_and_nothing_is_put(aws: LocalAws, tmp_path: Path) -> None:
    packed(tmp_path, {"scripts/a.sh": "true\n"})
    with pytest.raises(OperateError, match="deploy it first .*, or correct REGION or STACK"):
        put(Clients(aws.url), HOME, tmp_path, lambda _: None, stack="nowhere")
    assert aws.client("ssm").get_parameters_by_path(Path="/nowhere/recipes")["Parameters"] == []
