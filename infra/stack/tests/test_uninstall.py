"""Uninstalling: the stacks go, the images stay, and what stays is told with the way to remove it."""

from __future__ import annotations

from pathlib import Path

import pytest

from local_aws.cli import Cli
from local_aws.client import LocalAws
from local_aws.deploy import deploy
from stack.functions import names
from stack.tests.seen import status

HOME, FURTHER = "us-east-1", "eu-west-1"
STACKS = [("kiln-region", FURTHER), ("kiln", HOME), ("kiln-artifacts", HOME)]
RECIPE = """
name = "web"
[publish]
parameter = "/golden/web/latest"
[replicate]
regions = ["ap-southeast-2"]
"""


def quiet(_: str) -> None:
    pass


@pytest.fixture
def aws(fresh: LocalAws, built: Path) -> LocalAws:
    """A local AWS of the test's own with Kiln, a recipe, an image and a replica."""
    deploy(fresh.url, built, regions=[FURTHER], parameters={"SampleRecipes": "true"}, say=quiet)
    fresh.client("ssm").put_parameter(Name="/kiln/recipes/web", Value=RECIPE, Type="String", Overwrite=True)
    tags = {"kiln:recipe": "web", "kiln:version": "20261116T020000Z"}
    for region in (HOME, "ap-southeast-2"):
        fresh.seed(images=[{"region": region, "name": "web-20261116T020000Z", "tags": tags}])
    return fresh


def statuses(aws: LocalAws) -> list[str | None]:
    return [status(aws, name, region) for name, region in STACKS]


def images(aws: LocalAws, region: str) -> int:
    return len(aws.client("ec2", region).describe_images(Owners=["self"])["Images"])


@pytest.fixture
def cli(fresh: LocalAws, tmp_path_factory: pytest.TempPathFactory) -> Cli:
    return Cli(fresh.url, tmp_path_factory.mktemp("home"))


def test_uninstalling_keeps_images_recipes_and_snapshots_and_tells_which(aws: LocalAws, cli: Cli) -> None:
    ended = cli.at_terminal("uninstall", answers=["y", "n"])
    assert ended.code == 0, ended
    assert statuses(aws) == [None, None, "CREATE_COMPLETE"]
    assert (images(aws, HOME), images(aws, "ap-southeast-2")) == (1, 1)
    found = aws.client("ssm").get_parameters_by_path(Path="/kiln/recipes")["Parameters"]
    assert sorted(one["Name"] for one in found) == ["/kiln/recipes/web", "/kiln/recipes/worker"]

    text = ended.out
    assert [line.split() for line in text.splitlines() if "web " in line and "1" in line.split()] == [
        [HOME, "web", "1", "1"],
        ["ap-southeast-2", "web", "1", "1"],
    ]
    assert "stack kiln-region in eu-west-1 will be DELETED: " in text and "! REMOVED  ForwardImages" in text
    assert "WebRecipe, WorkerRecipe" in text
    assert "  recipes in us-east-1: web, worker" in text
    assert "aws ssm delete-parameters --region us-east-1 --names /kiln/recipes/web" in text
    assert "/golden/web/latest" in text
    assert "aws ec2 deregister-image --delete-associated-snapshots" in text
    assert "  log groups in us-east-1: /aws/lambda/kiln-bake, " in text
    assert "aws logs delete-log-group --region us-east-1 --log-group-name" in text
    assert len(aws.client("logs").describe_log_groups()["logGroups"]) == len(names())
    assert f"aws kms cancel-key-deletion --region {HOME} --key-id" in text
    assert "Bucket kiln-artifacts-" in text
    assert "stays. To delete it: kiln uninstall --remove-bucket" in text
    assert [line for line in text.splitlines() if line.startswith("deleting")] == [
        "deleting stack kiln-region in eu-west-1",
        "deleting stack kiln in us-east-1",
    ], "the further Regions go before home"


def test_the_bucket_goes_with_all_its_versions_once_that_is_confirmed(aws: LocalAws, cli: Cli) -> None:
    s3 = aws.client("s3")
    account = aws.client("sts").get_caller_identity()["Account"]
    former = f"kiln-artifacts-{account}-{HOME}"
    s3.create_bucket(Bucket=former)
    s3.put_object(Bucket=former, Key="template.yaml", Body=b"former")
    assert cli.at_terminal("uninstall", answers=["y", "y"]).code == 0
    assert statuses(aws) == [None, None, None]
    assert s3.list_buckets()["Buckets"] == []


def test_without_a_terminal_it_is_shown_and_nothing_is_deleted(aws: LocalAws, cli: Cli) -> None:
    before = statuses(aws)
    ended = cli.run("uninstall")
    assert ended.code == 1
    assert "will be DELETED" in ended.out and "What stays:" in ended.out
    assert ended.err.endswith("To go on, say it with --yes.\n")
    assert statuses(aws) == before

    gone = cli.document("uninstall", "--yes")
    assert [(one["stack"], one["outcome"]) for one in gone["stacks"]] == [
        ("kiln-region", "deleted"),
        ("kiln", "deleted"),
    ]
    assert gone["buckets_deleted"] == [] and gone["stays"][0] == "What stays:"
    assert statuses(aws) == [None, None, "CREATE_COMPLETE"], "a yes to the stacks is none to the bucket"
    said = cli.run("uninstall", "--yes", "--remove-bucket")
    assert said.code == 0 and "Kiln is not deployed to us-east-1" in said.out
    assert statuses(aws) == [None, None, None]


def test_a_no_deletes_nothing(aws: LocalAws, cli: Cli) -> None:
    before = statuses(aws)
    ended = cli.at_terminal("uninstall", answers=["n"])
    assert (ended.code, ended.err) == (1, "Nothing was changed.\n")
    assert statuses(aws) == before


def test_nothing_is_deleted_while_a_builder_is_at_work(aws: LocalAws, cli: Cli) -> None:
    image = aws.client("ec2").describe_images(Owners=["self"])["Images"][0]["ImageId"]
    (builder,) = aws.seed(
        instances=[{"image": image, "region": HOME, "tags": {"kiln:recipe": "web", "kiln:role": "builder"}}]
    )["instances"]
    error = cli.document("uninstall", "--yes", code=1)["error"]
    assert f"  - builder {builder} in us-east-1" in error["what"]
    assert "Nothing was deleted" in error["what"]
    assert statuses(aws) == ["CREATE_COMPLETE", "CREATE_COMPLETE", "CREATE_COMPLETE"]
    aws.client("ec2").terminate_instances(InstanceIds=[builder])
    aws.wait_idle()
    cli.document("uninstall", "--yes")
    assert statuses(aws)[:2] == [None, None]


def test_kiln_can_be_deployed_again_to_what_stayed(aws: LocalAws, cli: Cli, built: Path) -> None:
    cli.document("uninstall", "--yes")
    again = deploy(aws.url, built, regions=[FURTHER], say=quiet)
    assert again.outputs["BusName"] == "kiln"
    assert images(aws, HOME) == 1
