"""What is changed is shown first, confirmed, and nothing of somebody else's is lost by it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local_aws.client import LocalAws
from stack import StackError, deploy
from stack.__main__ import main
from stack.changes import read, read_all
from stack.confirm import Asked, NotConfirmed
from stack.stacks import Stack

QUEUE = "AWS::SQS::Queue"


def template(**resources: Any) -> dict[str, str]:
    return {"TemplateBody": json.dumps({"Resources": resources})}


def queue(name: str | None = None, seconds: int = 60, **more: Any) -> dict[str, Any]:
    named = {"QueueName": name} if name else {}
    return {"Type": QUEUE, "Properties": {"VisibilityTimeout": seconds, **named}, **more}


def quiet(_: str) -> None:
    pass


@pytest.fixture
def stack(aws: LocalAws) -> Stack:
    return Stack(aws.client("cloudformation"), f"s-{uuid.uuid4()}", "us-east-1", 0.1)


def bring(stack: Stack, body: dict[str, str]) -> None:
    change_set = stack.propose(body, {})
    assert change_set
    stack.carry_out(change_set)


def review(stack: Stack, kind: str = "CREATE", body: dict[str, str] | None = None) -> str:
    """Somebody's own change set for a stack; gives its id."""
    made = stack.cloudformation.create_change_set(
        StackName=stack.name, ChangeSetName="security", ChangeSetType=kind, **body or template(A=queue())
    )
    return str(made["Id"])


def test_a_change_set_tells_what_is_added_changed_replaced_and_removed(stack: Stack) -> None:
    before = template(Same=queue(), Slow=queue(), Named=queue(f"{stack.name}-a"), Old=queue())
    bring(stack, before)
    after = template(Same=queue(), Slow=queue(seconds=90), Named=queue(f"{stack.name}-b"), New=queue())
    change_set = stack.propose(after, {})
    assert change_set
    assert change_set.lines() == [
        f"stack {stack.name} in us-east-1 will be updated: 1 added, 1 changed, 1 REPLACED, 1 REMOVED",
        "  + added     New    AWS::SQS::Queue",
        "  ~ changed   Slow   AWS::SQS::Queue  VisibilityTimeout",
        "  ! REPLACED  Named  AWS::SQS::Queue  QueueName",
        "  ! REMOVED   Old    AWS::SQS::Queue",
    ]
    stack.drop(change_set)
    assert set(stack.resources()) == {"Same", "Slow", "Named", "Old"}, "nothing was carried out"
    assert stack.propose(before, {}) is None


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"Action": "Modify", "Replacement": "Conditional"}, "MAY BE REPLACED"),
        ({"Action": "Modify", "Replacement": "False"}, "changed"),
        ({"Action": "Remove", "PolicyAction": "Retain"}, "left, but not deleted"),
        ({"Action": "Import"}, "imported"),
        # What CloudFormation cannot tell yet, and what a newer one may say.
        ({"Action": "Dynamic"}, "MAY BE REPLACED"),
    ],
)
def test_what_is_not_certain_is_shown_as_what_can_lose_something(change: dict[str, str], what: str) -> None:
    known = {"LogicalResourceId": "A", "ResourceType": QUEUE}
    assert read({"ResourceChange": {**known, **change}}).what == what


def modified(name: str, replacement: str, *causes: str) -> dict[str, Any]:
    details = [
        {
            "Target": {"Attribute": "Properties", "Name": "Target"},
            "ChangeSource": "ResourceAttribute" if cause else "DirectModification",
            "CausingEntity": cause,
        }
        for cause in causes or ("",)
    ]
    known = {"LogicalResourceId": name, "ResourceType": QUEUE, "Action": "Modify"}
    return {"ResourceChange": {**known, "Replacement": replacement, "Details": details}}


@pytest.mark.parametrize(
    ("of_function", "of_its_own", "rule", "rules_policy"),
    [
        ("False", (), "perhaps changed", "perhaps changed"),
        ("True", (), "MAY BE REPLACED", "MAY BE REPLACED"),
        ("Conditional", (), "MAY BE REPLACED", "MAY BE REPLACED"),
        # It has a cause of its own as well.
        ("False", ("",), "MAY BE REPLACED", "MAY BE REPLACED"),
    ],
)
def test_what_only_names_a_resource_that_stays_is_not_said_to_be_replaced(
    of_function: str, of_its_own: tuple[str, ...], rule: str, rules_policy: str
) -> None:
    found = read_all(
        [
            modified("Policy", "Conditional", "Rule.Arn"),
            modified("Rule", "Conditional", "Bake.Arn", *of_its_own),
            modified("Bake", of_function),
        ]
    )
    assert {one.resource: one.what for one in found if one.resource != "Bake"} == {
        "Policy": rules_policy,
        "Rule": rule,
    }


def test_a_stack_that_a_change_set_would_have_made_is_gone_with_it(stack: Stack) -> None:
    change_set = stack.propose(template(A=queue()), {})
    assert change_set and change_set.creates and stack.status() == "REVIEW_IN_PROGRESS"
    stack.drop(change_set)
    assert stack.status() is None


def test_a_stack_under_review_is_never_deleted(stack: Stack) -> None:
    theirs = review(stack)
    with pytest.raises(StackError) as caught:
        stack.propose(template(B=queue()), {})
    with pytest.raises(StackError, match="is under review"):
        stack.delete()
    text = str(caught.value)
    assert f"stack {stack.name} in us-east-1 is under review: change set security waits" in text
    assert "aws cloudformation delete-change-set --region us-east-1 --stack-name" in text
    stack.cloudformation.execute_change_set(ChangeSetName=theirs)
    assert stack._wait() == "CREATE_COMPLETE"


def test_an_update_that_somebody_reviews_is_not_made_void(stack: Stack) -> None:
    bring(stack, template(A=queue()))
    theirs = review(stack, "UPDATE", template(A=queue(), B=queue()))
    with pytest.raises(StackError, match="is under review"):
        stack.propose(template(A=queue(seconds=90)), {})
    stack.cloudformation.execute_change_set(ChangeSetName=theirs)
    assert stack._wait() == "UPDATE_COMPLETE"


def test_a_change_set_that_comes_meanwhile_keeps_the_stack_under_review(stack: Stack) -> None:
    ours = stack.propose(template(A=queue()), {})
    assert ours
    theirs = review(stack)
    stack.drop(ours)
    assert stack.status() == "REVIEW_IN_PROGRESS"
    stack.cloudformation.execute_change_set(ChangeSetName=theirs)
    assert stack._wait() == "CREATE_COMPLETE"


def test_a_review_that_is_over_stands_in_nobodys_way(stack: Stack) -> None:
    theirs = review(stack)
    stack.cloudformation.delete_change_set(ChangeSetName=theirs)
    assert stack.status() == "REVIEW_IN_PROGRESS"
    bring(stack, template(A=queue()))
    assert stack.status() == "CREATE_COMPLETE"


def test_a_change_set_that_was_overtaken_is_not_executed_and_says_so(stack: Stack) -> None:
    bring(stack, template(A=queue()))
    slow, quick = (stack.propose(template(A=queue(seconds=s)), {}) for s in (70, 80))
    assert slow and quick
    stack.carry_out(quick)
    with pytest.raises(StackError, match="was not changed, .* deploy again to see what is still to be"):
        stack.carry_out(slow)


Answering = Callable[[str], str]


def answering(*words: str) -> tuple[Answering, list[str]]:
    asked: list[str] = []
    given = iter(words)

    def answer(question: str) -> str:
        asked.append(question)
        return next(given)

    return answer, asked


def test_without_a_terminal_the_changes_are_shown_nothing_is_changed_and_the_way_on_is_told(
    fresh: LocalAws, built: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["deploy", "--endpoint-url", fresh.url, "--build-dir", str(built), "--yes", ""]
    assert main(where) == 1
    said = capsys.readouterr()
    assert "stack kiln-artifacts in us-east-1 will be created: 2 added" in said.out
    assert "+ added  Bucket        AWS::S3::Bucket" in said.out
    assert said.err == (
        "Nothing was changed, for there is no terminal to ask at. To go on: make deploy YES=1\n"
    )
    assert fresh.client("cloudformation").describe_stacks()["Stacks"] == []
    assert fresh.client("s3").list_buckets()["Buckets"] == []


def test_a_no_leaves_everything_as_it_was(fresh: LocalAws, built: Path) -> None:
    answer, asked = answering("y", "no")
    confirm = Asked("make deploy", yes=False, terminal=True, answer=answer)
    said: list[str] = []
    with pytest.raises(NotConfirmed, match="^Nothing more was changed.$"):
        deploy(fresh.url, built, regions=["eu-west-1"], say=said.append, confirm=confirm)
    assert asked == ["Change stack kiln-artifacts in us-east-1? [y/N] ", "Change 2 stacks? [y/N] "]
    shown = [line for line in said if "will be created" in line]
    assert [line.split(" will")[0] for line in shown] == [
        "stack kiln-artifacts in us-east-1",
        "stack kiln in us-east-1",
        "stack kiln-region in eu-west-1",
    ]
    stacks = [
        one["StackName"]
        for region in ("us-east-1", "eu-west-1")
        for one in fresh.client("cloudformation", region).describe_stacks()["Stacks"]
    ]
    assert stacks == ["kiln-artifacts"]


@pytest.mark.parametrize("word", ["", "n", "maybe", "yes please"])
def test_only_a_yes_is_a_yes(word: str) -> None:
    answer, _ = answering(word)
    with pytest.raises(NotConfirmed, match="Nothing was changed"):
        Asked("make deploy", yes=False, terminal=True, answer=answer)("Change 1 stack?")
    answer, asked = answering("Y")
    Asked("make deploy", yes=False, terminal=True, answer=answer)("Change 1 stack?")
    assert asked


def test_a_deployment_that_changes_nothing_asks_nothing(aws: LocalAws, built: Path, deployed: Any) -> None:
    def never(question: str) -> None:
        raise AssertionError(question)

    deploy(aws.url, built, regions=["eu-west-1"], say=quiet, confirm=never)


def test_what_one_stacks_failure_leaves_undone_is_taken_back(fresh: LocalAws, built: Path) -> None:
    fresh.client("events").create_event_bus(Name="kiln")
    with pytest.raises(StackError, match="ROLLBACK_COMPLETE"):
        deploy(fresh.url, built, regions=["eu-west-1"], say=quiet)
    gone = fresh.client("cloudformation", "eu-west-1").get_waiter("stack_delete_complete")
    gone.wait(StackName="kiln-region", WaiterConfig={"Delay": 0.1, "MaxAttempts": 100})

    said: list[str] = []
    answer, asked = answering("n")
    confirm = Asked("make deploy", yes=False, terminal=True, answer=answer)
    with pytest.raises(NotConfirmed):
        deploy(fresh.url, built, regions=[], say=said.append, confirm=confirm)
    assert asked == ["Delete stack kiln in us-east-1, to create it anew? [y/N] "]
    assert "stack kiln in us-east-1 is ROLLBACK_COMPLETE: its first creation failed" in said[-1]
