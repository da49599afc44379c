"""`kiln recipes`: what is put, what is shown of it, and what is left alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from local_aws.cli import Cli
from local_aws.client import LocalAws
from local_aws.deploy import Deployed

DOCUMENT = """name = "web"
[bake]
base = "ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"
instance_type = "t4g.small"
steps = ["scripts/a.sh"]
"""
PATH = "/kiln/recipes"


@pytest.fixture(autouse=True)
def no_recipes(aws: LocalAws) -> Iterator[None]:
    """No recipe is there yet; those that were are there again for other tests."""
    ssm = aws.client("ssm")

    def found() -> dict[str, str]:
        return {one["Name"]: one["Value"] for one in ssm.get_parameters_by_path(Path=PATH)["Parameters"]}

    before = found()
    for name in before:
        ssm.delete_parameter(Name=name)
    yield
    for name in found():
        ssm.delete_parameter(Name=name)
    for name, value in before.items():
        ssm.put_parameter(Name=name, Value=value, Type="String")


@pytest.fixture
def cli(aws: LocalAws, tmp_path: Path) -> Cli:
    return Cli(aws.url, tmp_path)


def written(folder: Path, files: dict[str, str], document: str = DOCUMENT) -> str:
    """Writes a recipe's folder anew."""
    for old in [path for path in folder.rglob("*") if path.is_file()]:
        old.unlink()
    for name, text in {"recipe.toml": document, **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return str(folder)


def stored(aws: LocalAws, name: str = "web") -> str:
    return str(aws.client("ssm").get_parameter(Name=f"{PATH}/{name}")["Parameter"]["Value"])


def test_an_archive_is_put_under_its_digest_and_its_changes_are_shown(
    aws: LocalAws, deployed: Deployed, cli: Cli, tmp_path: Path
) -> None:
    folder = tmp_path / "web"
    path = written(folder, {"scripts/a.sh": "true\n", "files/b": "one"})
    assert cli.text("recipes", "push", path) == "/kiln/recipes/web: new\n"
    first = stored(aws).splitlines()[0].removeprefix('archive = "sha256:').removesuffix('"')
    s3, store = aws.client("s3"), deployed.outputs["Store"]
    assert s3.head_object(Bucket=store, Key=f"archives/{first}.tar.gz")["ContentLength"] > 0
    assert cli.text("recipes", "push", path) == "/kiln/recipes/web: unchanged\n"

    written(folder, {"scripts/a.sh": "false\n", "files/c": "two"}, DOCUMENT + 'timeout = "5m"\n')
    shown = cli.text("recipes", "diff", path)
    lines = shown.splitlines()
    assert lines[0] == "/kiln/recipes/web: changed" and '  +timeout = "5m"' in lines
    assert "  scripts/a.sh changed (6 bytes, before 5)" in lines
    assert "  files/b was removed (3 bytes)" in lines and "  files/c is new (3 bytes)" in lines
    assert "sha256" not in shown and lines[-1] == "nothing was put: it was only shown"
    assert first in stored(aws), "only shown"
    found = cli.document("recipes", "push", path)["recipes"]
    assert [(one["recipe"], one["change"]) for one in found] == [("web", "changed")]
    assert first not in stored(aws)


def test_what_is_not_among_them_stays_until_it_is_asked_for(
    aws: LocalAws, deployed: Deployed, cli: Cli, tmp_path: Path
) -> None:
    left = DOCUMENT.replace('"web"', '"left"').replace('steps = ["scripts/a.sh"]', 'script = "true"')
    aws.client("ssm").put_parameter(Name=f"{PATH}/left", Value=left, Type="String")
    path = written(tmp_path / "web", {"scripts/a.sh": "true\n"})
    assert "still put: left. kiln recipes push --prune removes such" in cli.text("recipes", "push", path)
    error = cli.document("recipes", "push", path, "--prune", code=1)["error"]
    assert error["kind"] == "not-confirmed" and stored(aws, "left")
    ended = cli.at_terminal("recipes", "push", path, "--prune", answers=["y"])
    assert (
        "Put the others, and remove 1 recipe? [y/N]" in ended.out
        and "removed: left. Their images stay" in ended.out
    )
    names = [one["Name"] for one in aws.client("ssm").get_parameters_by_path(Path=PATH)["Parameters"]]
    assert names == [f"{PATH}/web"]


def test_without_a_stack_a_folder_has_no_place_and_nothing_is_put(
    aws: LocalAws, cli: Cli, tmp_path: Path
) -> None:
    path = written(tmp_path / "web", {"scripts/a.sh": "true\n"})
    error = cli.document("recipes", "push", path, "--stack", "nowhere", code=1)["error"]
    assert error["kind"] == "not-deployed" and "kiln deploy" in error["advice"]
    assert aws.client("ssm").get_parameters_by_path(Path="/nowhere/recipes")["Parameters"] == []
