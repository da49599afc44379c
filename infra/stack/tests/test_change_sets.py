"""What is changed is shown first, confirmed, and nothing of somebody else's is lost by it."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from local_aws.cli import Cli
from local_aws.client import LocalAws
from local_aws.deploy import DeployError, arguments, deploy, release_of
from stack.tests.seen import settled, status

FAR = "eu-west-1"
ARCHITECTURE = "x86_64"


def quiet(_: str) -> None:
    pass


def asked(built: Path, *regions: str, **parameters: str) -> list[str]:
    return arguments(release_of(built, ARCHITECTURE), "us-east-1", list(regions), ARCHITECTURE, parameters)


def review(aws: LocalAws, name: str, kind: str = "CREATE") -> str:
    """Somebody's own change set for a stack; gives its id."""
    queue = {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": 60}}
    made = aws.client("cloudformation").create_change_set(
        StackName=name,
        ChangeSetName="security",
        ChangeSetType=kind,
        TemplateBody=json.dumps({"Resources": {"A": queue}}),
    )
    return str(made["Id"])


@pytest.fixture
def cli(fresh: LocalAws, tmp_path_factory: pytest.TempPathFactory) -> Cli:
    return Cli(fresh.url, tmp_path_factory.mktemp("home"))


def test_a_stack_under_review_is_never_changed_nor_deleted(fresh: LocalAws, cli: Cli, built: Path) -> None:
    theirs = review(fresh, "kiln")
    for command in (asked(built), ["uninstall"]):
        error = cli.document(*command, "--yes", code=1)["error"]
        assert "stack kiln in us-east-1 is under review: change set security waits" in error["what"]
        assert "aws cloudformation delete-change-set --region us-east-1 --stack-name" in error["advice"]
    fresh.client("cloudformation").execute_change_set(ChangeSetName=theirs)
    settled(fresh, "kiln", "stack_create_complete")


def test_an_update_that_somebody_reviews_is_not_made_void(aws: LocalAws, deployed: Any, built: Path) -> None:
    theirs = review(aws, "kiln", "UPDATE")
    try:
        with pytest.raises(DeployError, match="is under review"):
            deploy(aws.url, built, regions=[FAR], parameters={"LogLevel": "debug"}, say=quiet)
        waits = aws.client("cloudformation").describe_change_set(ChangeSetName=theirs)
        assert waits["ExecutionStatus"] == "AVAILABLE"
    finally:
        aws.client("cloudformation").delete_change_set(ChangeSetName=theirs)


def test_a_change_set_that_comes_meanwhile_keeps_the_stack_under_review(
    fresh: LocalAws, cli: Cli, built: Path
) -> None:
    theirs: list[str] = []

    def meanwhile() -> str:
        theirs.append(review(fresh, "kiln"))
        return "n"

    assert cli.at_terminal(*asked(built), answers=["y", meanwhile]).code == 1
    assert status(fresh, "kiln") == "REVIEW_IN_PROGRESS"
    fresh.client("cloudformation").execute_change_set(ChangeSetName=theirs[0])
    settled(fresh, "kiln", "stack_create_complete")


def test_a_review_that_is_over_stands_in_nobodys_way(fresh: LocalAws, built: Path) -> None:
    fresh.client("cloudformation").delete_change_set(ChangeSetName=review(fresh, "kiln"))
    assert status(fresh, "kiln") == "REVIEW_IN_PROGRESS"
    deploy(fresh.url, built, regions=[], say=quiet)
    assert status(fresh, "kiln") == "CREATE_COMPLETE"


def test_a_change_set_that_was_overtaken_is_not_executed_and_says_so(
    fresh: LocalAws, cli: Cli, built: Path
) -> None:
    deploy(fresh.url, built, regions=[], say=quiet)

    def meanwhile() -> str:
        deploy(fresh.url, built, regions=[], parameters={"LogLevel": "debug"}, say=quiet)
        return "y"

    ended = cli.at_terminal(*asked(built, LogRetention="7"), answers=[meanwhile])
    assert ended.code == 1 and "stack kiln in us-east-1 was not changed" in ended.err
    assert "deploy again to see what is still to be changed" in ended.err


def test_what_changes_is_shown_with_its_fields_and_what_can_be_lost(
    fresh: LocalAws, cli: Cli, built: Path
) -> None:
    deploy(fresh.url, built, regions=[], say=quiet)
    ended = cli.at_terminal(*asked(built, LogRetention="7"), answers=["n"])
    shown = ended.out.splitlines()
    (log,) = [line for line in shown if " BakeLog " in line]
    assert log.endswith("  RetentionInDays")
    (title,) = [line for line in shown if line.startswith("stack kiln in us-east-1 will be updated: ")]
    (lost,) = [line for line in shown if line.startswith("of all resources: ")]
    assert title.endswith(lost.removeprefix("of all resources: ")), "what can be lost is counted last"


def test_without_a_terminal_the_changes_are_shown_nothing_is_changed_and_the_way_on_is_told(
    fresh: LocalAws, cli: Cli, built: Path
) -> None:
    ended = cli.run(*asked(built))
    assert ended.code == 1
    assert "stack kiln-artifacts in us-east-1 will be created: 2 added" in ended.out
    assert "+ added  Bucket        AWS::S3::Bucket" in ended.out
    assert ended.err == (
        "Nothing was changed, for there is no terminal to ask at.\nTo go on, say it with --yes.\n"
    )
    assert fresh.client("cloudformation").describe_stacks()["Stacks"] == []
    assert fresh.client("s3").list_buckets()["Buckets"] == []


def test_a_no_leaves_everything_as_it_was(fresh: LocalAws, cli: Cli, built: Path) -> None:
    ended = cli.at_terminal(*asked(built, FAR), answers=["y", "no"])
    assert (ended.code, ended.err) == (1, "Nothing more was changed.\n")
    assert "Change stack kiln-artifacts in us-east-1? [y/N]" in ended.out
    assert "Change 2 stacks? [y/N]" in ended.out
    shown = [line for line in ended.out.splitlines() if "will be created" in line]
    assert [line.split(" will")[0] for line in shown] == [
        "stack kiln-artifacts in us-east-1",
        "stack kiln in us-east-1",
        "stack kiln-region in eu-west-1",
    ]
    left = [
        one["StackName"]
        for region in ("us-east-1", FAR)
        for one in fresh.client("cloudformation", region).describe_stacks()["Stacks"]
        if one["StackStatus"] != "DELETE_COMPLETE"
    ]
    assert left == ["kiln-artifacts"]


def test_ctrl_c_at_the_question_takes_everything_back(fresh: LocalAws, cli: Cli, built: Path) -> None:
    ended = cli.at_terminal(*asked(built, FAR), answers=["y", signal.SIGINT])
    assert ended.code == 130 and ended.err.startswith("Interrupted.")
    for name, region in (("kiln", "us-east-1"), ("kiln-region", FAR)):
        settled(fresh, name, "stack_delete_complete", region)


def test_a_deployment_that_changes_nothing_asks_nothing(
    aws: LocalAws, built: Path, deployed: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    deploy(aws.url, built, regions=[FAR], say=quiet)
    found = Cli(aws.url, tmp_path_factory.mktemp("home")).document(*asked(built, FAR))
    assert {one["outcome"] for one in found["stacks"]} == {"unchanged"}
    assert found["outputs"]["BusName"] == "kiln" and list(found["regions"]) == [FAR]


def test_what_one_stacks_failure_leaves_undone_is_taken_back(fresh: LocalAws, cli: Cli, built: Path) -> None:
    fresh.client("events").create_event_bus(Name="kiln")
    with pytest.raises(DeployError, match="ROLLBACK_COMPLETE"):
        deploy(fresh.url, built, regions=[FAR], say=quiet)
    settled(fresh, "kiln-region", "stack_delete_complete", FAR)
    ended = cli.at_terminal(*asked(built), answers=["n"])
    assert ended.code == 1 and "Delete stack kiln in us-east-1, to create it anew? [y/N]" in ended.out
    assert "stack kiln in us-east-1 is ROLLBACK_COMPLETE: its first creation failed" in ended.out
