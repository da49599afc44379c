"""Regions that were deployed to before: they are told, and go when that is wanted. Images stay."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from local_aws.cli import Cli
from local_aws.client import LocalAws
from local_aws.deploy import arguments, deploy, release_of
from stack.tests.seen import resources, settled, status

RECIPE = 'name = "{name}"\n[replicate]\nregions = ["eu-west-1"]\n'


def quiet(_: str) -> None:
    pass


@pytest.fixture
def wide(fresh: LocalAws, built: Path) -> LocalAws:
    """A local AWS with Kiln in three Regions."""
    deploy(fresh.url, built, regions=["eu-west-1", "ap-southeast-2"], say=quiet)
    return fresh


def test_a_region_that_left_is_told_and_keeps_its_stack(wide: LocalAws, built: Path) -> None:
    said: list[str] = []
    deploy(wide.url, built, regions=["ap-southeast-2"], say=said.append)
    assert [line for line in said if "eu-west-1" in line] == [
        "stack kiln-region in eu-west-1 stays, though eu-west-1 is no longer one of --regions. To delete it, "
        "and keep the images there: the same with --remove-regions"
    ]
    assert status(wide, "kiln-region", "eu-west-1") == "CREATE_COMPLETE"


def test_a_region_that_left_is_removed_on_demand_once_that_was_shown(
    wide: LocalAws, built: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    image = wide.seed(images=[{"region": "eu-west-1", "name": "web-1", "tags": {"kiln:recipe": "web"}}])
    cli = Cli(wide.url, tmp_path_factory.mktemp("home"))
    folder, regions = release_of(built, "x86_64"), ["ap-southeast-2"]
    asked = arguments(folder, "us-east-1", regions, "x86_64", remove_regions=True)
    said = cli.run(*asked)
    count = len(resources(wide, "kiln-region", "eu-west-1"))
    assert said.code == 1
    assert f"stack kiln-region in eu-west-1 will be DELETED: {count} REMOVED" in said.out
    assert "! REMOVED  ForwardImages" in said.out
    assert f"of all resources: {count} REMOVED" in said.out
    assert said.err.startswith("Nothing was changed")
    assert status(wide, "kiln-region", "eu-west-1") == "CREATE_COMPLETE"

    assert cli.run(*asked, "--yes").code == 0
    assert status(wide, "kiln-region", "eu-west-1") is None
    assert status(wide, "kiln-region", "ap-southeast-2") == "CREATE_COMPLETE"
    left = wide.client("ec2", "eu-west-1").describe_images(ImageIds=image["images"])["Images"]
    assert len(left) == 1, "images stay"


def test_a_recipe_that_still_names_a_region_that_left_is_told(wide: LocalAws, built: Path) -> None:
    text = RECIPE.format(name="web")
    wide.client("ssm").put_parameter(Name="/kiln/recipes/web", Value=text, Type="String")
    said: list[str] = []
    deploy(wide.url, built, regions=["ap-southeast-2"], say=said.append)
    assert any("eu-west-1 is not one of --regions, but recipes name it: web" in line for line in said)


def test_a_no_keeps_a_region_that_left(
    wide: LocalAws, built: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    cli = Cli(wide.url, tmp_path_factory.mktemp("home"))
    asked = arguments(release_of(built, "x86_64"), "us-east-1", [], "x86_64", remove_regions=True)
    assert cli.at_terminal(*asked, answers=["n"]).code == 1
    for region in ("eu-west-1", "ap-southeast-2"):
        assert status(wide, "kiln-region", region) == "CREATE_COMPLETE"


def bystander(aws: LocalAws, region: str, home: str, bus: str) -> None:
    """A stack of the name of a further Region's, which is of another home Region or bus."""
    template = {
        "Parameters": {"HomeRegion": {"Type": "String"}, "BusName": {"Type": "String"}},
        "Resources": {"A": {"Type": "AWS::SQS::Queue"}},
    }
    given = {"HomeRegion": home, "BusName": bus}
    aws.client("cloudformation", region).create_stack(
        StackName="kiln-region",
        TemplateBody=json.dumps(template),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()],
    )
    settled(aws, "kiln-region", "stack_create_complete", region)


def test_a_region_of_another_home_or_stack_is_not_ours_to_remove(fresh: LocalAws, built: Path) -> None:
    bystander(fresh, "eu-west-1", "eu-central-1", "kiln")
    bystander(fresh, "ap-southeast-2", "us-east-1", "other")
    said: list[str] = []
    deploy(fresh.url, built, regions=[], say=said.append, remove_regions=True)
    assert not [line for line in said if "eu-west-1" in line or "ap-southeast-2" in line]
    for region in ("eu-west-1", "ap-southeast-2"):
        assert status(fresh, "kiln-region", region) == "CREATE_COMPLETE"


def test_a_region_that_may_not_be_asked_is_told_and_stops_nothing(fresh: LocalAws, built: Path) -> None:
    denied = {"code": "AccessDenied", "message": "you may not", "status": 403}
    fresh.faults(
        {"call": "DescribeStacks", "service": "cloudformation", "region": "eu-west-1", "times": -1, **denied}
    )
    said: list[str] = []
    deploy(fresh.url, built, regions=[], say=said.append)
    fresh.faults()
    (line,) = [line for line in said if "cannot be seen" in line]
    assert line.startswith(
        "Whether a stack is left in eu-west-1 cannot be seen: DescribeStacks of stack kiln-region"
    )
    assert "you may not" in line
