"""What is published of a version: complete, always the same, and deployed as it is."""

from __future__ import annotations

import base64
import hashlib
import io
import subprocess
import tomllib
import zipfile
from pathlib import Path

import pytest

from local_aws.cli import Cli
from local_aws.client import LocalAws
from local_aws.deploy import DeployError, deploy
from stack import release
from stack import template as templates
from stack.__main__ import main
from stack.functions import names
from stack.release import ReleaseError
from stack.tests.conftest import build

VERSION = tomllib.loads((release.ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]


def quiet(_: str) -> None:
    pass


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    """A release of functions that differ by their architecture."""
    builds = {}
    for architecture in release.ARCHITECTURES:
        (tmp_path / architecture).mkdir()
        builds[architecture] = build(tmp_path / architecture)
        (builds[architecture] / "bake" / "bootstrap").write_text(f"bake for {architecture}")
    release.lay(builds, tmp_path / "dist", quiet)
    return tmp_path / "dist"


def lay_again(dist: Path) -> None:
    builds = {architecture: dist.parent / architecture for architecture in release.ARCHITECTURES}
    release.lay(builds, dist, quiet)


def test_a_release_has_a_zip_of_each_function_and_architecture_and_the_sums_of_all(dist: Path) -> None:
    zips = {f"{name}-{architecture}.zip" for name in names() for architecture in release.ARCHITECTURES}
    others = {"template-arm64.yaml", "template-x86_64.yaml", "region.yaml", "account.yaml", "artifacts.yaml"}
    others |= {release.SUMS}
    assert {path.name for path in dist.iterdir()} == zips | others
    checked = ["sha256sum", "--check", "--strict", release.SUMS]
    lines = subprocess.run(checked, cwd=dist, check=True, capture_output=True, text=True).stdout.splitlines()
    assert len(lines) == len(zips | others) - 1
    with zipfile.ZipFile(io.BytesIO((dist / "bake-x86_64.zip").read_bytes())) as archive:
        assert archive.read("bootstrap") == b"bake for x86_64"


def test_the_same_binaries_make_the_same_release(dist: Path) -> None:
    before = {path.name: path.read_bytes() for path in dist.iterdir()}
    lay_again(dist)
    assert {path.name: path.read_bytes() for path in dist.iterdir()} == before


def test_a_releases_template_differs_in_its_zips_and_its_default_architecture_alone(dist: Path) -> None:
    original = templates.read(templates.HOME_TEMPLATE)
    for architecture in release.ARCHITECTURES:
        document = templates.read(release.home_template(dist, architecture))
        for name, properties in templates.functions(document).items():
            assert properties["CodeUri"] == f"{name.lower()}-{architecture}.zip"
            properties["CodeUri"] = templates.functions(original)[name]["CodeUri"]
        assert document["Parameters"]["Architecture"]["Default"] == architecture
        document["Parameters"]["Architecture"]["Default"] = "arm64"
        assert document == original


def test_nothing_but_a_former_release_is_replaced(dist: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "work.txt").write_text("mine")
    with pytest.raises(ReleaseError, match="holds something else than a release"):
        release.lay({"arm64": tmp_path / "arm64"}, tmp_path / "mine", quiet)
    assert (tmp_path / "mine" / "work.txt").read_text() == "mine"


def test_a_release_is_deployed_as_it_is(fresh: LocalAws, dist: Path) -> None:
    region = release.region_template(dist)
    region.write_text(region.read_text().replace("The role by which", "In this release, the role by which"))
    sums = dist / release.SUMS
    own = hashlib.sha256(region.read_bytes()).hexdigest()
    others = [line for line in sums.read_text().splitlines() if not line.endswith("  region.yaml")]
    sums.write_text("\n".join([*others, f"{own}  region.yaml"]) + "\n")

    deployed = deploy(fresh.url, dist, regions=["eu-west-1"], architecture="x86_64", say=quiet)
    assert deployed.outputs["BakeFunction"] == "kiln-bake"
    for name in names():
        function = fresh.client("lambda").get_function_configuration(FunctionName=f"kiln-{name}")
        digest = hashlib.sha256((dist / f"{name}-x86_64.zip").read_bytes()).digest()
        assert function["CodeSha256"] == base64.b64encode(digest).decode()
    body = fresh.client("cloudformation", "eu-west-1").get_template(StackName="kiln-region")["TemplateBody"]
    assert "In this release, the role" in str(body)

    said: list[str] = []
    deploy(fresh.url, dist, regions=["eu-west-1"], architecture="x86_64", say=said.append)
    assert [line.strip() for line in said if line.startswith("  ")][-2:] == ["unchanged", "unchanged"]

    (dist / "bake-x86_64.zip").unlink()
    with pytest.raises(DeployError, match="bake-x86_64.zip is missing"):
        deploy(fresh.url, dist, regions=["eu-west-1"], architecture="x86_64", say=quiet)


def test_an_upgrade_keeps_regions_architecture_and_parameters(
    fresh: LocalAws, dist: Path, tmp_path: Path
) -> None:
    cli = Cli(fresh.url, tmp_path)
    error = cli.document("upgrade", str(dist), "--yes", code=1)["error"]
    assert error["kind"] == "not-deployed" and "kiln deploy" in error["advice"]
    given = {"LogRetention": "7"}
    deploy(fresh.url, dist, regions=["eu-west-1"], architecture="x86_64", parameters=given, say=quiet)
    (dist.parent / "x86_64" / "bake" / "bootstrap").write_text("a newer bake for x86_64")
    lay_again(dist)
    upgraded = cli.document("upgrade", str(dist), "--yes")
    assert [(one["stack"], one["outcome"]) for one in upgraded["stacks"]] == [
        ("kiln-artifacts", "unchanged"),
        ("kiln", "updated"),
        ("kiln-region", "unchanged"),
    ]
    function = fresh.client("lambda").get_function_configuration(FunctionName="kiln-bake")
    assert function["Architectures"] == ["x86_64"]
    digest = hashlib.sha256((dist / "bake-x86_64.zip").read_bytes()).digest()
    assert function["CodeSha256"] == base64.b64encode(digest).decode()
    (stack,) = fresh.client("cloudformation").describe_stacks(StackName="kiln")["Stacks"]
    assert {"ParameterKey": "LogRetention", "ParameterValue": "7"} in stack["Parameters"]


def test_the_notes_are_the_versions_section_of_the_changelog() -> None:
    new = "- One [here](x.md#y),\n  [there](https://z).\n- Two.\n"
    text = f"# Changelog\n\n## [Unreleased]\n\nNew.\n\n## [0.1.0] - 2026-11-27\n\n{new}\n## [0.0.1]\n\nOld.\n"
    assert release.notes(text, "0.1.0") == "- One here, [there](https://z).\n- Two.\n"
    with pytest.raises(ReleaseError, match=r"no section \[0.2.0\]"):
        release.notes(text, "0.2.0")


@pytest.mark.parametrize("version", ["", "v0.1.0", "99.0.0"])
def test_a_version_that_is_not_cargos_is_refused(
    version: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["release-files", "--version", version, "--notes", str(tmp_path / "notes.md")]
    assert main(given) == 1
    assert "not done: VERSION is " in capsys.readouterr().err
    assert not (tmp_path / "notes.md").exists()


def test_the_command_lays_what_was_built_with_the_command_line(
    dist: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = tmp_path / "new"
    given = ["--arm64", str(tmp_path / "arm64"), "--x86-64", str(tmp_path / "x86_64"), "--to", str(new)]
    assert main(["release-files", "--version", VERSION, *given]) == 1
    assert "make command-line builds it" in capsys.readouterr().err and not new.exists()
    for architecture in release.ARCHITECTURES:
        path = release.command_line(tmp_path / architecture)
        path.parent.mkdir()
        path.write_text(f"kiln for {architecture}")
    assert main(["release-files", "--version", VERSION, *given]) == 0
    assert "25 files and their sums" in capsys.readouterr().out
    assert (new / "kiln-linux-arm64").read_text() == "kiln for arm64"
    before = set((dist / release.SUMS).read_text().splitlines())
    assert before < set((new / release.SUMS).read_text().splitlines())


def test_the_changelog_has_notes_of_the_next_release() -> None:
    assert release.notes((release.ROOT / "docs" / "CHANGELOG.md").read_text(), VERSION)
