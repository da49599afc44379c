"""Regions that were deployed to before: they are told, and go when that is wanted. Images stay."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from local_aws.client import LocalAws
from stack import deploy
from stack.__main__ import main
from stack.clients import Clients
from stack.confirm import Asked, NotConfirmed
from stack.deploy import stack_of
from stack.regions import named_by, naming, recipes, with_a_stack
from stack.stacks import Stack, StackError

RECIPE = 'name = "{name}"\n[replicate]\nregions = ["eu-west-1"]\n'


def quiet(_: str) -> None:
    pass


@pytest.fixture
def wide(fresh: LocalAws, built: Path) -> LocalAws:
    """A local AWS with Kiln in three Regions."""
    deploy(fresh.url, built, regions=["eu-west-1", "ap-southeast-2"], say=quiet)
    return fresh


def stack_in(aws: LocalAws, region: str) -> Stack:
    return stack_of(Clients(aws.url), "kiln-region", region)


def test_a_region_that_left_is_told_and_keeps_its_stack(wide: LocalAws, built: Path) -> None:
    said: list[str] = []
    deploy(wide.url, built, regions=["ap-southeast-2"], say=said.append)
    assert [line for line in said if "eu-west-1" in line] == [
        "stack kiln-region in eu-west-1 stays, though eu-west-1 is no longer one of REGIONS. To delete it, "
        "and keep the images there: make deploy REMOVE_REGIONS=1"
    ]
    assert stack_in(wide, "eu-west-1").status() == "CREATE_COMPLETE"


def test_a_region_that_left_is_removed_on_demand_once_that_was_shown(
    wide: LocalAws, built: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = wide.seed(images=[{"region": "eu-west-1", "name": "web-1", "tags": {"kiln:recipe": "web"}}])
    where = ["deploy", "--endpoint-url", wide.url, "--build-dir", str(built), "--architecture", "x86_64"]
    where += ["--regions", "ap-southeast-2", "--remove-regions", "1"]
    assert main(where) == 1
    said = capsys.readouterr()
    count = len(stack_in(wide, "eu-west-1").resources())
    assert f"stack kiln-region in eu-west-1 will be DELETED: {count} REMOVED" in said.out
    assert "! REMOVED  ForwardImages" in said.out
    assert f"of all resources: {count} REMOVED" in said.out
    assert said.err.startswith("Nothing was changed")
    assert stack_in(wide, "eu-west-1").status() == "CREATE_COMPLETE"

    assert main([*where, "--yes", "1"]) == 0
    assert stack_in(wide, "eu-west-1").status() is None
    assert stack_in(wide, "ap-southeast-2").status() == "CREATE_COMPLETE"
    left = wide.client("ec2", "eu-west-1").describe_images(ImageIds=image["images"])["Images"]
    assert len(left) == 1, "images stay"


def test_a_recipe_that_still_names_a_region_that_left_is_told(wide: LocalAws, built: Path) -> None:
    text = RECIPE.format(name="web")
    wide.client("ssm").put_parameter(Name="/kiln/recipes/web", Value=text, Type="String")
    said: list[str] = []
    deploy(wide.url, built, regions=["ap-southeast-2"], say=said.append)
    assert any("eu-west-1 is not one of REGIONS, but recipes name it: web" in line for line in said)


def test_a_no_keeps_a_region_that_left(wide: LocalAws, built: Path) -> None:
    no = Asked("make deploy", yes=False, terminal=True, answer=lambda _: "n")
    with pytest.raises(NotConfirmed):
        deploy(wide.url, built, regions=[], say=quiet, confirm=no, remove_regions=True)
    for region in ("eu-west-1", "ap-southeast-2"):
        assert stack_in(wide, region).status() == "CREATE_COMPLETE"


class Ec2:
    """As much of EC2 as tells the Regions."""

    def __init__(self, *regions: str) -> None:
        self._regions = regions

    def describe_regions(self) -> dict[str, Any]:
        return {"Regions": [{"RegionName": region} for region in self._regions]}


class Asking(Stack):
    """A stack that only tells its home Region."""

    def __init__(self, region: str, home: str | Exception | None, bus: str = "kiln") -> None:
        super().__init__(None, "kiln-region", region)
        self._home, self._bus = home, bus

    def parameters(self) -> dict[str, str]:
        if isinstance(self._home, Exception):
            raise self._home
        return {"HomeRegion": self._home, "BusName": self._bus} if self._home else {}


def test_a_region_of_another_home_is_not_ours_to_remove() -> None:
    homes = {"eu-west-1": "us-east-1", "eu-west-2": "eu-central-1", "eu-west-3": None}
    found = with_a_stack(Ec2("us-east-1", *homes), lambda one: Asking(one, homes[one]), "us-east-1", "kiln")
    assert [stack.region for stack in found.stacks] == ["eu-west-1"]
    assert found.lines() == []


def test_a_region_of_another_stack_of_the_same_home_is_not_ours_to_remove() -> None:
    regions = Ec2("us-east-1", "eu-west-1")
    assert not with_a_stack(
        regions, lambda one: Asking(one, "us-east-1", "other"), "us-east-1", "kiln"
    ).stacks


def test_a_region_that_may_not_be_asked_is_told_and_stops_nothing() -> None:
    homes = {"eu-west-1": "us-east-1", "eu-west-2": StackError("stack kiln-region cannot be seen: denied")}
    found = with_a_stack(Ec2("us-east-1", *homes), lambda one: Asking(one, homes[one]), "us-east-1", "kiln")
    assert [stack.region for stack in found.stacks] == ["eu-west-1"]
    (line,) = found.lines()
    assert line == (
        "Whether a stack is left in eu-west-2 cannot be seen: stack kiln-region cannot be seen: denied"
    )


def test_a_recipe_that_cannot_be_read_names_no_region(aws: LocalAws) -> None:
    ssm = aws.client("ssm")
    ssm.put_parameter(Name="/kiln/recipes/broken", Value="name =", Type="String")
    try:
        found = recipes(ssm, "kiln")
        assert found["broken"] == {} and naming(found, "nowhere-1") == []
    finally:
        ssm.delete_parameter(Name="/kiln/recipes/broken")
    assert named_by({"replicate": {"regions": "eu-west-1"}}) == named_by({"replicate": 1}) == []
