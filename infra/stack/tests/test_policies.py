"""What each role may do, and what it may not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from stack.functions import Function, functions
from stack.tests.expand import Expanded, further, home
from stack.tests.policy import Statement, allowed, listed, statements_of
from stack.tests.roles import COPY, FORBIDDEN, IMAGE, NEEDED, SNAPSHOT, TAKEN, Call, forbidden, needed

DESTRUCTIVE = {
    "ec2:TerminateInstances",
    "ec2:StopInstances",
    "ec2:DeregisterImage",
    "ec2:DisableImage",
    "ec2:DeleteSnapshot",
    "ec2:DeleteTags",
    "ec2:ModifyImageAttribute",
    "ec2:ModifySnapshotAttribute",
    "ec2:DisableImageDeprecation",
    "ec2:DetachImageWatermark",
    "ec2:DisableImageDeregistrationProtection",
    "ec2:ModifyLaunchTemplate",
}


def calls(of: Callable[[Function], list[Call]]) -> list[Any]:
    return [
        pytest.param(function.role, *call, id=f"{function.role}-{call[0]}-{number}")
        for function in functions()
        for number, call in enumerate(of(function))
    ]


@pytest.mark.parametrize("function", functions(), ids=lambda function: function.name)
def test_what_a_role_may_and_may_not_do_is_written_down(function: Function) -> None:
    for table, what in ((NEEDED, "the calls that it makes"), (FORBIDDEN, "calls that it must never make")):
        where = "NEEDED" if table is NEEDED else "FORBIDDEN"
        assert function.role in table, (
            f"{function.role} has no row in {where} of infra/stack/tests/roles.py: add one with {what}"
        )


def test_no_row_is_of_a_role_that_is_gone() -> None:
    roles = {function.role for function in functions()}
    assert NEEDED.keys() <= roles and FORBIDDEN.keys() <= roles


@pytest.mark.parametrize(("role", "action", "resource", "context"), calls(needed))
def test_a_role_may_do_its_job(role: str, action: str, resource: str, context: Any) -> None:
    assert allowed(statements_of(home(), role), action, resource, context)


@pytest.mark.parametrize(("role", "action", "resource", "context"), calls(forbidden))
def test_a_role_may_not_do_more(role: str, action: str, resource: str, context: Any) -> None:
    assert not allowed(statements_of(home(), role), action, resource, context)


def every_statement() -> list[tuple[str, Statement]]:
    found = []
    for template in (home(), further()):
        for role in template.of("AWS::IAM::Role"):
            found += [(role, statement) for statement in statements_of(template, role)]
    return found


def needs_a_tag(statement: Statement) -> bool:
    """Whether some condition can only hold for a resource that bears a tag of Kiln's."""
    return any(
        key.startswith("aws:ResourceTag/kiln:") and (operator != "Null" or value == "false")
        for operator, keys in statement.get("Condition", {}).items()
        for key, value in keys.items()
    )


@pytest.mark.parametrize(
    ("role", "statement"), every_statement(), ids=lambda v: v if isinstance(v, str) else v["Sid"]
)
def test_a_statement_is_narrow(role: str, statement: Statement) -> None:
    actions = listed(statement["Action"])
    assert all("*" not in action and ":" in action for action in actions), "no wildcard in an action"
    if statement["Effect"] == "Deny":
        return
    assert not DESTRUCTIVE & set(actions) or needs_a_tag(statement), "destroys what bears no tag"
    if "*" in listed(statement["Resource"]):
        reads = ("ec2:Describe", "autoscaling:Describe", "ec2:ListImages", "ec2:GetEbs", "ec2:GetImageBlock")
        reads += ("ssm:Describe", "imagebuilder:List", "imagebuilder:GetContainerRecipe")
        assert all(action.startswith(reads) for action in actions), "only what reads needs all"
    if "ec2:CreateTags" in actions:
        conditions = statement["Condition"]
        taken_in = conditions.get("Null", {}).get("aws:RequestTag/kiln:adopted") == "false"
        made = "ec2:CreateAction" in conditions.get("StringEquals", {})
        assert needs_a_tag(statement) or made or taken_in


TAGS = [
    {"aws:TagKeys": ["kiln:recipe", "kiln:version"]},
    {"aws:TagKeys": ["kiln:recipe", "kiln:version"]} | TAKEN,
    {"aws:TagKeys": ["kiln:stage"]},
]
"""What a role might tag a resource with that bears no tag of Kiln's."""


@pytest.mark.parametrize("function", functions(), ids=lambda function: function.name)
def test_no_role_both_tags_and_deletes_or_shares_what_kiln_did_not_make(function: Function) -> None:
    statements = statements_of(home(), function.role)
    for resource in (IMAGE, SNAPSHOT):
        tags = any(allowed(statements, "ec2:CreateTags", resource, tagged) for tagged in TAGS)
        harms = [action for action in DESTRUCTIVE if allowed(statements, action, resource, COPY)]
        assert not (tags and harms), f"{function.role} tags any {resource}, and then may {harms}"


def test_each_service_may_take_a_role_only_for_kiln() -> None:
    trusted = {}
    for template in (home(), further()):
        for name, role in template.of("AWS::IAM::Role").items():
            (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
            assert statement["Action"] == "sts:AssumeRole"
            trusted[name] = (statement["Principal"]["Service"], statement.get("Condition"))
    ours = "123456789012"
    group = f"arn:aws:scheduler:us-east-1:{ours}:schedule-group/default"
    what = ("images", "instances", "parameters")
    rules = [f"arn:aws:events:eu-west-1:{ours}:rule/kiln-region-forward-{each}" for each in what]
    # Lambda checks iam:PassRole of who makes the function, and gives the role no source to compare.
    of_functions = {function.role: ("lambda.amazonaws.com", None) for function in functions()}
    assert trusted == of_functions | {
        "ScheduleRole": (
            "scheduler.amazonaws.com",
            {"StringEquals": {"aws:SourceAccount": ours, "aws:SourceArn": group}},
        ),
        "ForwardRole": (
            "events.amazonaws.com",
            {"StringEquals": {"aws:SourceAccount": ours}, "ArnEquals": {"aws:SourceArn": rules}},
        ),
    }
    assert [rule.rsplit("/", 1)[1] for rule in rules] == named_rules(further()), "all rules, and no other"


def named_rules(template: Expanded) -> list[str]:
    return [str(rule["Name"]) for rule in template.of("AWS::Events::Rule").values()]


def test_the_schedules_wake_their_functions_alone_and_the_further_region_reaches_one_bus() -> None:
    wake = statements_of(home(), "ScheduleRole")
    assert {"bake", "expire", "reconcile"} <= {one.name for one in functions() if one.schedules}
    for one in functions():
        may = allowed(wake, "lambda:InvokeFunction", f"<{one.resource}.Arn>", {})
        assert may == bool(one.schedules), f"ScheduleRole may wake {one.name}: {may}"
    assert allowed(wake, "sqs:SendMessage", "<Undelivered.Arn>", {})
    forward = statements_of(further(), "ForwardRole")
    assert allowed(forward, "events:PutEvents", "arn:aws:events:us-east-1:123456789012:event-bus/kiln", {})
    assert not allowed(
        forward, "events:PutEvents", "arn:aws:events:us-east-1:123456789012:event-bus/default", {}
    )
