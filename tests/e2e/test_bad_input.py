"""What is wrong is told in one clear error that names the thing and the fix, and changes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from e2e.kiln import MAX_ATTEMPTS, Kiln

EVENTS = Path(__file__).resolve().parent.parent.parent / "infra" / "events"
FIVE_MISTAKES = """
name = "web"
[bake]
base = "debian"
instance_type = "small"
timeout = "45 minutes"
[replicate]
regions = ["europe"]
[expire]
keep = 0
"""


def refused(kiln: Kiln, function: str, payload: Any) -> str:
    before = kiln.aws.journal_end()
    error = kiln.invoke(function, payload).error
    kiln.settle()
    assert kiln.changes(before) == []
    return error


def test_a_recipe_with_five_mistakes_lists_five(kiln: Kiln) -> None:
    kiln.recipe(document=FIVE_MISTAKES)
    error = refused(kiln, "bake", {"recipe": "web"})
    assert error.startswith("recipe web has 5 mistakes; nothing was done:")
    found = [line.strip(" -").split(": ") for line in error.splitlines()[1:]]
    assert all(where.startswith("line ") for where, *_ in found)
    assert [field for _, field, *_ in found] == [
        "bake.base",
        "bake.instance_type",
        "bake.timeout",
        "replicate.regions[0]",
        "expire.keep",
    ]


def test_an_unknown_recipe_is_named_with_where_it_belongs(kiln: Kiln) -> None:
    error = refused(kiln, "bake", {"recipe": "wbe"})
    assert "there is no recipe wbe; put it at /kiln/recipes/wbe in us-east-1" in error
    assert "there is no recipe wbe" in refused(kiln, "expire", {"recipe": "wbe", "dry_run": False})


@pytest.mark.parametrize(
    ("function", "payload", "says"),
    [
        ("bake", {"recipie": "web"}, "unknown field `recipie`"),
        ("bake", {"scheduled_time": "tonight"}, 'scheduled_time "tonight" is not an RFC 3339 time'),
        ("bake", [], "it is not a JSON object"),
        ("capture", {}, "it has no detail-type"),
        (
            "capture",
            {"detail-type": "Order Placed", "source": "shop", "detail": {}},
            'its detail-type is "Order Placed"',
        ),
        (
            "replicate",
            {"detail-type": "EC2 AMI State Change", "source": "aws.ec2", "detail": {}},
            "missing field `ImageId`",
        ),
        ("expire", {"dry_run": "no"}, "invalid type"),
    ],
)
def test_a_malformed_event_is_refused_with_what_was_expected(
    kiln: Kiln, function: str, payload: Any, says: str
) -> None:
    error = refused(kiln, function, payload)
    assert says in error and "the event was refused and nothing was done" in error and "expected" in error


def test_a_missing_environment_variable_is_named(kiln: Kiln) -> None:
    functions = kiln.aws.client("lambda")
    before = functions.get_function_configuration(FunctionName="kiln-bake")["Environment"]["Variables"]
    without = {key: value for key, value in before.items() if key != "KILN_BUS"}
    functions.update_function_configuration(FunctionName="kiln-bake", Environment={"Variables": without})
    try:
        error = refused(kiln, "bake", {})
    finally:
        functions.update_function_configuration(FunctionName="kiln-bake", Environment={"Variables": before})
    assert "KILN_BUS is not set; it names the EventBridge bus" in error and "Redeploy the stack" in error


@pytest.mark.parametrize(
    ("call", "code"), [("RunInstances", "UnauthorizedOperation"), ("GetParameter", "AccessDeniedException")]
)
def test_a_missing_permission_names_the_call_and_the_fix(kiln: Kiln, call: str, code: str) -> None:
    kiln.recipe()
    why = f"is not authorized to perform: {call} because no identity-based policy allows the action"
    kiln.aws.faults({"call": call, "code": code, "message": why, "status": 400, "times": -1})
    error = refused_call(kiln)
    assert call in error and code in error and "deploy the stack anew, or correct the role" in error
    assert kiln.living() == []


def test_a_failing_call_is_tried_as_often_as_the_template_says(kiln: Kiln) -> None:
    kiln.recipe()
    failing = {"code": "InternalServerError", "message": "An error occurred.", "status": 500}
    kiln.aws.faults({"call": "GetParameter", "times": -1, **failing})
    assert "GetParameter" in refused_call(kiln)
    assert [call["who"] for call in kiln.calls("GetParameter")] == ["kiln-bake"] * int(MAX_ATTEMPTS)


def refused_call(kiln: Kiln) -> str:
    error = kiln.invoke("bake", {"recipe": "web"}).error
    kiln.aws.faults()
    return error


def test_the_sample_events_are_understood(kiln: Kiln) -> None:
    """None of them names anything that exists here, so each is understood and left."""
    takers = {
        "bake-nightly": ["bake"],
        "builder-stopped": ["capture", "verify"],
        "tester-stopped": ["verify"],
        "image-available": ["capture", "verify"],
        "image-failed": ["capture", "verify"],
        "image-verified": ["publish", "replicate"],
        "image-published": ["replicate"],
        "replica-available": ["replicate", "verify"],
        "parameter-changed": ["replicate"],
        "image-released": ["bake"],
        "expire-nightly": ["expire"],
        "expire-dry-run": ["expire"],
    }
    for sample, functions in takers.items():
        payload = json.loads((EVENTS / f"{sample}.json").read_text())
        for function in functions:
            answer = kiln.invoke(function, payload)
            assert not answer.failed, f"{function} on {sample}: {answer.body}"
    by_hand = {
        "bake-by-hand": "bake",
        "bake-preflight": "bake",
        "rollback": "publish",
        "rollback-to": "publish",
    }
    for sample, function in {**by_hand, "image-released": "expire"}.items():
        payload = json.loads((EVENTS / f"{sample}.json").read_text())
        assert "there is no recipe" in kiln.invoke(function, payload).error
