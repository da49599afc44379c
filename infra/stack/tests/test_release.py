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

from local_aws.client import LocalAws
from stack import deploy, release
from stack import template as templates
from stack.__main__ import main
from stack.functions import names
from stack.package import PackageError, package
from stack.tests.conftest import build
from stack.tests.test_package import Bucket

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
    others = {"template-arm64.yaml", "template-x86_64.yaml", "region.yaml", "account.yaml", release.SUMS}
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


def test_a_packaged_release_is_the_packaged_build(dist: Path) -> None:
    of_release, of_build = Bucket(), Bucket()
    packaged = templates.parse(package(release.home_template(dist, "arm64"), dist, of_release))
    assert packaged == templates.parse(package(templates.HOME_TEMPLATE, dist.parent / "arm64", of_build))
    assert of_release.objects == of_build.objects


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda dist: (dist / "bake-arm64.zip").unlink(), "bake-arm64.zip is missing: download"),
        (lambda dist: (dist / "bake-arm64.zip").write_bytes(b"other"), "is not what SHA256SUMS says"),
        (lambda dist: (dist / "region.yaml").write_text("Resources: {}"), "region.yaml is not what"),
        (lambda dist: (dist / release.SUMS).write_text(f"{'0' * 64}  ../evil\n"), "evil is missing"),
        (
            lambda dist: (dist / release.SUMS).write_text(""),
            "lacks template-arm64.yaml, region.yaml, bake-arm64",
        ),
    ],
)
def test_a_spoiled_release_is_refused(dist: Path, spoil, said: str) -> None:
    release.check(dist, "arm64")
    (dist.parent / "evil").write_text("evil")
    spoil(dist)
    with pytest.raises(PackageError, match=said):
        release.check(dist, "arm64")


def test_nothing_but_a_former_release_is_replaced(dist: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "work.txt").write_text("mine")
    with pytest.raises(PackageError, match="holds something else than a release"):
        release.lay({"arm64": tmp_path / "arm64"}, tmp_path / "mine", quiet)
    assert (tmp_path / "mine" / "work.txt").read_text() == "mine"


def test_a_release_is_deployed_as_it_is(
    fresh: LocalAws, dist: Path, capsys: pytest.CaptureFixture[str]
) -> None:
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
    where = ["deploy", "--endpoint-url", fresh.url, "--architecture", "x86_64", "--yes", "1"]
    assert main([*where, "--build-dir", str(dist)]) == 1
    assert "not done: " in capsys.readouterr().err


def test_the_notes_are_the_versions_section_of_the_changelog() -> None:
    new = "- One [here](x.md#y),\n  [there](https://z).\n- Two.\n"
    text = f"# Changelog\n\n## [Unreleased]\n\nNew.\n\n## [0.1.0] - 2026-11-27\n\n{new}\n## [0.0.1]\n\nOld.\n"
    assert release.notes(text, "0.1.0") == "- One here, [there](https://z).\n- Two.\n"
    with pytest.raises(PackageError, match=r"no section \[0.2.0\]"):
        release.notes(text, "0.2.0")


@pytest.mark.parametrize("version", ["", "v0.1.0", "99.0.0"])
def test_a_version_that_is_not_cargos_is_refused(
    version: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["release-files", "--version", version, "--notes", str(tmp_path / "notes.md")]
    assert main(given) == 1
    assert "not done: VERSION is " in capsys.readouterr().err
    assert not (tmp_path / "notes.md").exists()


def test_the_command_lays_what_was_built(
    dist: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [
        "--arm64",
        str(tmp_path / "arm64"),
        "--x86-64",
        str(tmp_path / "x86_64"),
        "--to",
        str(tmp_path / "new"),
    ]
    assert main(["release-files", "--version", VERSION, *given]) == 0
    assert "22 files and their sums" in capsys.readouterr().out
    assert (tmp_path / "new" / release.SUMS).read_text() == (dist / release.SUMS).read_text()


def test_the_changelog_has_notes_of_the_next_release() -> None:
    assert release.notes((release.ROOT / "docs" / "CHANGELOG.md").read_text(), VERSION)
