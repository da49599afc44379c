"""Deploys Kiln to a local AWS with its own command line, from a release that is laid of what was built."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import boto3

from local_aws.cli import BINARY, Cli
from stack import release

HOME_STACK = "kiln"
REGION_STACK = f"{HOME_STACK}-region"


class DeployError(RuntimeError):
    """The stacks were not brought to their templates; tells what `kiln` said."""


@dataclass(frozen=True)
class Deployed:
    """What stands after a deployment."""

    home: str
    outputs: dict[str, str]
    regions: dict[str, dict[str, str]]


def deploy(
    url: str,
    build_dir: str | Path,
    home: str = "us-east-1",
    regions: Iterable[str] = ("eu-west-1", "ap-southeast-2"),
    architecture: str = "x86_64",
    parameters: Mapping[str, str] | None = None,
    say: Callable[[str], None] = print,
    name: str = HOME_STACK,
    tags: Mapping[str, str] | None = None,
    remove_regions: bool = False,
) -> Deployed:
    """Brings the stacks to what was built, without a question.

    `build_dir` holds `<function>/bootstrap`, or is a release. What `kiln` says is handed on line by line."""
    regions = list(regions)
    folder = release_of(Path(build_dir), architecture)
    asked = arguments(folder, home, regions, architecture, parameters, name, tags, remove_regions)
    with tempfile.TemporaryDirectory() as nobody:
        process = subprocess.Popen(
            [BINARY, *asked, "--yes"],
            env=Cli(url, Path(nobody)).environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout and process.stderr
        for line in process.stdout:
            say(line.rstrip("\n"))
        err = process.stderr.read()
        if process.wait() != 0:
            raise DeployError(err.strip())
    further = {region: outputs(url, f"{name}-region", region) for region in regions}
    return Deployed(home, outputs(url, name, home), further)


def arguments(
    folder: Path,
    home: str,
    regions: list[str],
    architecture: str,
    parameters: Mapping[str, str] | None = None,
    name: str = HOME_STACK,
    tags: Mapping[str, str] | None = None,
    remove_regions: bool = False,
) -> list[str]:
    """What a person types for it."""
    given = ["deploy", str(folder), "--stack", name, "--region", home, "--architecture", architecture]
    given += ["--regions", *regions]
    given += ["--parameters", *(f"{key}={value}" for key, value in parameters.items())] if parameters else []
    given += ["--tags", *(f"{key}={value}" for key, value in tags.items())] if tags else []
    return given + (["--remove-regions"] if remove_regions else [])


def release_of(build_dir: Path, architecture: str) -> Path:
    """The folder of a release with what was built; a release itself stays as it is."""
    if release.is_one(build_dir):
        return build_dir
    found = [path.stat() for path in sorted(build_dir.glob("*/bootstrap"))]
    return _laid(build_dir, architecture, tuple((one.st_mtime_ns, one.st_size) for one in found))


@cache
def _laid(build_dir: Path, architecture: str, _: tuple[tuple[int, int], ...]) -> Path:
    folder = Path(_kept().name) / f"{len(os.listdir(_kept().name))}"
    release.lay({architecture: build_dir}, folder, lambda _: None, release.QUICK)
    return folder


@cache
def _kept() -> tempfile.TemporaryDirectory[str]:
    """Goes with the process."""
    return tempfile.TemporaryDirectory(prefix="kiln-release-")


def outputs(url: str, stack: str, region: str) -> dict[str, str]:
    """The outputs of a stack."""
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    client = boto3.client("cloudformation", region_name=region, endpoint_url=url, **keys)
    (found,) = client.describe_stacks(StackName=stack)["Stacks"]
    return {one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", [])}
