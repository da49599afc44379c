"""Uninstalling: the stacks go, the images stay, and what stays is told with the way to remove it."""

from __future__ import annotations

from pathlib import Path

import pytest

from local_aws.client import LocalAws
from stack import StackError, deploy
from stack.__main__ import main
from stack.clients import Clients
from stack.confirm import Asked, NotConfirmed
from stack.deploy import stack_of
from stack.functions import names
from stack.uninstall import uninstall

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
    return [stack_of(Clients(aws.url), name, region).status() for name, region in STACKS]


def images(aws: LocalAws, region: str) -> int:
    return len(aws.client("ec2", region).describe_images(Owners=["self"])["Images"])


def asked(*words: str) -> Asked:
    given = iter(words)
    return Asked("make uninstall", yes=False, terminal=True, answer=lambda _: next(given))


def test_uninstalling_keeps_images_recipes_and_snapshots_and_tells_which(aws: LocalAws) -> None:
    said: list[str] = []
    uninstall(aws.url, HOME, said.append, asked("y"), asked("n"))
    assert statuses(aws) == [None, None, "CREATE_COMPLETE"]
    assert (images(aws, HOME), images(aws, "ap-southeast-2")) == (1, 1)
    found = aws.client("ssm").get_parameters_by_path(Path="/kiln/recipes")["Parameters"]
    assert sorted(one["Name"] for one in found) == ["/kiln/recipes/web", "/kiln/recipes/worker"]

    text = "\n".join(said)
    assert [line.split() for line in said if "web " in line and "1" in line.split()] == [
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
    assert "Bucket kiln-artifacts-" in text and "stays. To delete it: make uninstall REMOVE_BUCKET=1" in text


def test_the_further_regions_go_before_home(aws: LocalAws) -> None:
    said: list[str] = []
    uninstall(aws.url, HOME, said.append, asked("y"), asked("n"))
    assert [line for line in said if line.startswith("deleting")] == [
        "deleting stack kiln-region in eu-west-1",
        "deleting stack kiln in us-east-1",
    ]


def test_the_bucket_goes_with_all_its_versions_once_that_is_confirmed(aws: LocalAws) -> None:
    s3 = aws.client("s3")
    account = aws.client("sts").get_caller_identity()["Account"]
    former = f"kiln-artifacts-{account}-{HOME}"
    s3.create_bucket(Bucket=former)
    s3.put_object(Bucket=former, Key="template.yaml", Body=b"former")
    uninstall(aws.url, HOME, quiet, asked("y"), asked("y"))
    assert statuses(aws) == [None, None, None]
    assert s3.list_buckets()["Buckets"] == []


def test_without_a_terminal_it_is_shown_and_nothing_is_deleted(
    aws: LocalAws, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["uninstall", "--endpoint-url", aws.url]
    before = statuses(aws)
    assert main(where) == 1
    said = capsys.readouterr()
    assert "will be DELETED" in said.out and "What stays:" in said.out
    assert said.err.endswith("To go on: make uninstall YES=1\n")
    assert statuses(aws) == before

    assert main([*where, "--yes", "1"]) == 0
    assert statuses(aws) == [None, None, "CREATE_COMPLETE"], "a yes to the stacks is none to the bucket"
    assert main([*where, "--yes", "1", "--remove-bucket", "1"]) == 0
    assert statuses(aws) == [None, None, None]
    assert "Kiln is not deployed to us-east-1" in capsys.readouterr().out


def test_a_no_deletes_nothing(aws: LocalAws) -> None:
    before = statuses(aws)
    with pytest.raises(NotConfirmed, match="Nothing was changed"):
        uninstall(aws.url, HOME, quiet, asked("n"), asked())
    assert statuses(aws) == before


def test_nothing_is_deleted_while_a_builder_is_at_work(aws: LocalAws) -> None:
    image = aws.client("ec2").describe_images(Owners=["self"])["Images"][0]["ImageId"]
    (builder,) = aws.seed(
        instances=[{"image": image, "region": HOME, "tags": {"kiln:recipe": "web", "kiln:role": "builder"}}]
    )["instances"]
    with pytest.raises(StackError) as caught:
        uninstall(aws.url, HOME, quiet, asked("y"), asked("y"))
    assert f"  - builder {builder} in us-east-1" in str(caught.value)
    assert "Nothing was deleted" in str(caught.value)
    assert statuses(aws) == ["CREATE_COMPLETE", "CREATE_COMPLETE", "CREATE_COMPLETE"]
    aws.client("ec2").terminate_instances(InstanceIds=[builder])
    aws.wait_idle()
    uninstall(aws.url, HOME, quiet, asked("y"), asked("n"))
    assert statuses(aws)[:2] == [None, None]


def test_kiln_can_be_deployed_again_to_what_stayed(aws: LocalAws, built: Path) -> None:
    uninstall(aws.url, HOME, quiet, asked("y"), asked("n"))
    again = deploy(aws.url, built, regions=[FURTHER], say=quiet)
    assert again.outputs["BusName"] == "kiln"
    assert images(aws, HOME) == 1
