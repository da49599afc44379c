"""What a deployment does about what a former one left behind, on the local AWS."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from local_aws.cli import Cli
from local_aws.client import LocalAws
from local_aws.deploy import DeployError, arguments, deploy, release_of
from stack.functions import functions
from stack.tests.seen import resources, settled, status

WEB, WORKER = "/kiln/recipes/web", "/kiln/recipes/worker"


def bring(aws: LocalAws, built: Path, **parameters: str) -> list[str]:
    """Deploys; answers what it says."""
    said: list[str] = []
    deploy(aws.url, built, regions=[], parameters=parameters, say=said.append)
    return [line.strip() for line in said if " = " not in line and not line.startswith("Kiln is there.")]


def recipes(aws: LocalAws) -> dict[str, str]:
    found = aws.client("ssm").get_parameters_by_path(Path="/kiln/recipes")["Parameters"]
    return {parameter["Name"]: parameter["Value"] for parameter in found}


def logs(aws: LocalAws) -> dict[str, Any]:
    return {group["logGroupName"]: group for group in aws.client("logs").describe_log_groups()["logGroups"]}


def test_sample_recipes_can_be_set_and_set_back_and_set_again(fresh: LocalAws, built: Path) -> None:
    bring(fresh, built, SampleRecipes="true")
    before = recipes(fresh)
    assert sorted(before) == [WEB, WORKER]
    assert bring(fresh, built, SampleRecipes="false")[-1] == "updated"
    assert recipes(fresh) == before
    said = bring(fresh, built, SampleRecipes="true")
    assert {f"{WEB} exists and stays as it is", f"{WORKER} exists and stays as it is"} < set(said)
    assert recipes(fresh) == before
    assert bring(fresh, built)[-1] == "unchanged", "and so it stays"


def test_a_recipe_of_ones_own_is_not_replaced_by_the_sample_of_its_name(fresh: LocalAws, built: Path) -> None:
    fresh.client("ssm").put_parameter(Name=WEB, Value="name = 'web' # mine", Type="String")
    bring(fresh, built, SampleRecipes="true")
    found = recipes(fresh)
    assert found[WEB] == "name = 'web' # mine" and "# The image that queue workers" in found[WORKER]
    fresh.client("ssm").delete_parameter(Name=WEB)
    bring(fresh, built)
    assert "# The image that web servers" in recipes(fresh)[WEB], "there is room for the sample now"
    assert recipes(fresh)[WORKER] == found[WORKER], "the stack's own stays the stack's"


def test_the_logs_of_a_deleted_stack_stay_and_the_next_stack_goes_on_with_them(
    fresh: LocalAws, built: Path
) -> None:
    bring(fresh, built)
    group = "/aws/lambda/kiln-bake"
    fresh.client("logs").create_log_stream(logGroupName=group, logStreamName="before")
    fresh.client("cloudformation").delete_stack(StackName="kiln")
    settled(fresh, "kiln", "stack_delete_complete")
    assert sorted(logs(fresh)) == sorted(f"/aws/lambda/kiln-{one.name}" for one in functions())

    said = bring(fresh, built, LogRetention="7")
    assert "taking over the log groups of a former stack kiln: 9" in said and said[-1] == "updated"
    assert {one.log for one in functions()} <= resources(fresh, "kiln").keys()
    assert {one["retentionInDays"] for one in logs(fresh).values()} == {7}
    streams = fresh.client("logs").describe_log_streams(logGroupName=group)["logStreams"]
    assert [stream["logStreamName"] for stream in streams] == ["before"]
    assert bring(fresh, built)[-1] == "unchanged"


def test_a_deployment_that_was_cut_off_is_in_nobodys_way(fresh: LocalAws, built: Path) -> None:
    fresh.client("logs").create_log_group(logGroupName="/aws/lambda/kiln-bake")
    fresh.client("cloudformation").create_change_set(
        StackName="kiln",
        ChangeSetName="import-logs",
        ChangeSetType="CREATE",
        TemplateBody='{"Resources": {"Bus": {"Type": "AWS::Events::EventBus", "Properties": {"Name": "x"}}}}',
    )
    assert status(fresh, "kiln") == "REVIEW_IN_PROGRESS"
    said = bring(fresh, built)
    assert "taking over the log groups of a former stack kiln: 1" in said and said[-1] == "updated"


def test_the_logs_of_a_deleted_stack_are_taken_over_only_once_that_is_confirmed(
    fresh: LocalAws, built: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    fresh.client("logs").create_log_group(logGroupName="/aws/lambda/kiln-bake")
    cli = Cli(fresh.url, tmp_path_factory.mktemp("home"))
    asked = arguments(release_of(built, "x86_64"), "us-east-1", [], "x86_64")
    ended = cli.at_terminal(*asked, answers=["y", "n"])
    assert ended.code == 1 and "Create stack kiln in us-east-1 with 1 log groups, and see then" in ended.out
    assert status(fresh, "kiln") is None and list(logs(fresh)) == ["/aws/lambda/kiln-bake"]


def test_the_logs_of_another_stack_are_left_alone(fresh: LocalAws, built: Path) -> None:
    fresh.client("logs").create_log_group(logGroupName="/aws/lambda/kiln-other-bake")
    assert bring(fresh, built)[-1] == "created"
    assert "retentionInDays" not in logs(fresh)["/aws/lambda/kiln-other-bake"]


def test_a_stack_that_could_not_be_made_leaves_no_logs_and_no_recipes(fresh: LocalAws, built: Path) -> None:
    fresh.client("events").create_event_bus(Name="kiln")
    with pytest.raises(DeployError, match="ROLLBACK_COMPLETE"):
        bring(fresh, built, SampleRecipes="true")
    assert logs(fresh) == {} and recipes(fresh) == {}
