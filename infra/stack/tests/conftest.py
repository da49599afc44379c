"""A local AWS for the tests that deploy, with functions that are never run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from local_aws.client import LocalAws
from local_aws.deploy import Deployed, deploy
from stack import functions


def build(folder: Path) -> Path:
    """A build folder with a binary of each function."""
    for function in functions.names():
        (folder / function).mkdir()
        (folder / function / "bootstrap").write_bytes(b"binary of " + function.encode())
    return folder


@pytest.fixture
def built(tmp_path: Path) -> Path:
    return build(tmp_path)


@pytest.fixture(scope="session")
def aws() -> Iterator[LocalAws]:
    with LocalAws() as running:
        yield running


@pytest.fixture(scope="session")
def second() -> Iterator[LocalAws]:
    with LocalAws() as running:
        yield running


@pytest.fixture
def fresh(second: LocalAws) -> LocalAws:
    """A local AWS to which nothing was deployed; the same for all tests, because a start takes seconds."""
    second.reset(everything=True)
    return second


@pytest.fixture(scope="session")
def deployed(aws: LocalAws, tmp_path_factory: pytest.TempPathFactory) -> Deployed:
    """The real templates, deployed once: us-east-1 and one further Region."""
    built = build(tmp_path_factory.mktemp("build"))
    samples = {"SampleRecipes": "true"}
    return deploy(aws.url, built, regions=["eu-west-1"], parameters=samples, say=lambda _: None)
