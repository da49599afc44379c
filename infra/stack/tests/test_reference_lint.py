"""How statements are compared with the service authorization reference, which comes with the simulator."""

from __future__ import annotations

from typing import Any

import pytest

from stack.tests import reference_lint
from stack.tests.arns import arn, kind
from stack.tests.expand import artifacts, further, home
from stack.tests.reference_lint import EVERYTHING, UNKNOWN_ACTIONS, Where, actions, statements, takes

IMAGE = "arn:${Partition}:ec2:${Region}::image/${ImageId}"
SNAPSHOT = "arn:${Partition}:ec2:${Region}::snapshot/${SnapshotId}"
IMAGES, SNAPSHOTS = "arn:aws:ec2:*::image/*", "arn:aws:ec2:*::snapshot/*"
ROWS: dict[str, Any] = {
    "ec2:DisableImage": {
        "keys": ["ec2:Region"],
        "resources": [
            {"name": "image", "arn": IMAGE, "required": True, "keys": ["aws:ResourceTag/${TagKey}"]},
        ],
    },
    "ec2:DescribeImages": {"keys": ["ec2:Region"], "resources": []},
}
GLOBALS = {"aws:requesttag/${tagkey}", "aws:resourcetag/${tagkey}", "aws:tagkeys", "aws:sourcearn"}


def found(action: str, *resources: str, **condition: Any) -> list[str]:
    statement = {"Sid": "One", "Effect": "Allow", "Action": action, "Resource": list(resources)}
    if condition:
        statement["Condition"] = {"StringEquals": condition["keys"]}
    return list(reference_lint._wrong(Where("here", statement, resources), ROWS, GLOBALS))


def test_what_the_reference_has_is_right() -> None:
    assert found("ec2:DescribeImages", "*") == []
    assert found("ec2:DisableImage", IMAGES, keys={"aws:ResourceTag/kiln:recipe": "web"}) == []
    assert found("ec2:DisableImage", IMAGES, keys={"aws:SourceArn": "arn"}) == []


def test_an_unknown_action_is_wrong() -> None:
    assert found("ec2:Frobnicate", "*") == [
        "here, One: ec2:Frobnicate is not in the service authorization reference"
    ]


def test_a_condition_that_can_never_hold_is_wrong() -> None:
    (line,) = found("ec2:DisableImage", IMAGES, keys={"aws:RequestTag/kiln:recipe": "web"})
    assert line == "here, One: AWS does not tell aws:RequestTag/kiln:recipe of ec2:DisableImage on image"


def test_a_resource_that_no_action_takes_is_wrong() -> None:
    assert found("ec2:DisableImage", IMAGES, SNAPSHOTS) == [f"here, One: no action of it takes {SNAPSHOTS}"]
    assert found("ec2:DisableImage", SNAPSHOTS)[0] == (
        "here, One: ec2:DisableImage takes none of the statement's resources"
    )


def test_everything_is_wrong_where_less_would_do() -> None:
    (line,) = found("ec2:DisableImage", "*")
    assert line == "here, One: ec2:DisableImage takes a narrower resource than everything: image"


@pytest.mark.parametrize(
    ("form", "pattern", "fits"),
    [
        (IMAGE, IMAGES, True),
        (IMAGE, SNAPSHOTS, False),
        (IMAGE, "*", True),
        (IMAGE, "arn:aws:ec2:us-east-1:123456789012:instance/*", False),
        (
            "arn:${P}:logs:${R}:${A}:log-group:${G}:log-stream:${S}",
            "arn:aws:logs:r:1:log-group:/kiln:*",
            True,
        ),
        ("arn:${P}:ssm:${R}:${A}:parameter/${N}", "arn:aws:ssm:us-east-1::parameter/aws/service/*", True),
    ],
)
def test_a_pattern_is_of_a_form_if_some_resource_fits_both(form: str, pattern: str, fits: bool) -> None:
    assert takes(form, pattern) == fits


def test_the_statements_of_all_three_templates_are_compared() -> None:
    places = [one.place for one in statements()]
    for template, file in ((home(), "template"), (further(), "region"), (artifacts(), "artifacts")):
        for name, resource in template.resources.items():
            if resource["Type"] in {"AWS::IAM::Role", "AWS::IAM::ManagedPolicy", "AWS::KMS::Key"}:
                assert f"{file}.yaml, {name}" in places
    assert {"artifacts.yaml, BucketPolicy", "template.yaml, UndeliveredPolicy"} <= set(places)
    # What a parameter adds is there too.
    assert {"xray:PutTraceSegments", "ec2:CreateNetworkInterface", "kms:GenerateDataKey"} <= actions()


def test_what_is_accepted_is_in_the_templates_and_has_a_reason() -> None:
    assert {*UNKNOWN_ACTIONS, *EVERYTHING} <= actions()
    assert all(len(reason) > 40 for reason in (*UNKNOWN_ACTIONS.values(), *EVERYTHING.values()))


def test_a_resource_has_the_arn_that_aws_gives_it() -> None:
    assert arn(home(), "Bus") == "arn:aws:events:us-east-1:123456789012:event-bus/kiln"
    assert arn(home(), "BakeLog") == "arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/kiln-bake:*"
    assert arn(home(), "Failures") == "arn:aws:sqs:us-east-1:123456789012:kiln-failures"
    assert kind("arn:aws:ec2:us-east-1::image/ami-1") == "image"
    assert kind("arn:aws:lambda:us-east-1:123456789012:function:kiln-bake") == "function"
