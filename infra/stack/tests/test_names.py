"""Names: as short as AWS takes them, and such that several stacks can be in one account."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from local_aws.cli import Cli
from stack.tests.expand import Expanded, further, home

LONGEST = "a" + "-kiln" * 7 + "-x"
OF_A_STACK_SET = "StackSet-kiln-region-0a1b2c3d-1111-2222-3333-444455556666"
# What AWS takes at most, by the property that holds the name. IAM's names are CloudFormation's, cut to fit.
LIMITS = {
    ("AWS::Events::Rule", "Name"): 64,
    ("AWS::Events::EventBus", "Name"): 64,
    ("AWS::Scheduler::Schedule", "Name"): 64,
    ("AWS::Lambda::Function", "FunctionName"): 64,
    ("AWS::SQS::Queue", "QueueName"): 64,
    ("AWS::CloudWatch::Alarm", "AlarmName"): 255,
    ("AWS::CloudWatch::Dashboard", "DashboardName"): 255,
    ("AWS::Logs::QueryDefinition", "Name"): 255,
    ("AWS::Logs::LogGroup", "LogGroupName"): 512,
    ("AWS::SSM::Parameter", "Name"): 1011,
}


def names(template: Expanded) -> dict[str, tuple[str, int]]:
    """Every explicit name by its resource, with its limit."""
    return {
        resource: (properties[key], limit)
        for (kind, key), limit in LIMITS.items()
        for resource, properties in template.of(kind).items()
    }


def test_the_longest_stack_name_has_no_name_that_is_too_long() -> None:
    assert len(LONGEST) == 38
    bus_name = further().raw["Parameters"]["BusName"]["AllowedPattern"]
    assert re.fullmatch(bus_name, LONGEST) and not re.fullmatch(bus_name, LONGEST + "x")
    for template in (home(LONGEST, SampleRecipes="true"), further(f"{LONGEST}-region", BusName=LONGEST)):
        for resource, (name, limit) in names(template).items():
            assert len(name) <= limit, f"{resource}: {name}"


def test_a_stack_set_can_deploy_the_further_region() -> None:
    found = names(further(OF_A_STACK_SET))
    assert found == names(further()), "its own long name is in none of them"
    assert all(len(name) <= 64 for name, _ in found.values())


def test_no_role_or_policy_has_a_name_of_its_own() -> None:
    """With one, a stack would need CAPABILITY_NAMED_IAM, and a long stack name would not fit."""
    for template in (home(), further()):
        for kind in ("AWS::IAM::Role", "AWS::IAM::ManagedPolicy"):
            for name, properties in template.of(kind).items():
                assert not {"RoleName", "ManagedPolicyName"} & properties.keys(), name


def test_the_stack_kiln_has_the_names_that_it_always_had() -> None:
    at_home = {name for name, _ in names(home(SampleRecipes="true")).values()}
    assert {"kiln", "/kiln/recipes/web", "/kiln/recipes/worker", "/aws/lambda/kiln-bake"} <= at_home
    assert {"kiln-bake", "kiln-undelivered", "kiln-failures", "kiln-further-parameter-changed"} <= at_home
    assert {name for name, _ in names(further()).values()} == {
        "kiln-region-forward-images",
        "kiln-region-forward-instances",
        "kiln-region-forward-parameters",
        "kiln-region-undelivered",
    }


def test_two_stacks_of_one_account_share_no_name() -> None:
    for one, other in (
        (home(SampleRecipes="true"), home("other", SampleRecipes="true")),
        (further(), further("other-region", BusName="other")),
    ):
        taken = {(kind, name) for (kind, _), name in typed(one)}
        assert taken and not taken & {(kind, name) for (kind, _), name in typed(other)}


def typed(template: Expanded) -> list[tuple[tuple[str, str], str]]:
    return [
        ((kind, key), properties[key]) for kind, key in LIMITS for properties in template.of(kind).values()
    ]


def test_a_function_reads_the_recipes_and_speaks_on_the_bus_of_its_own_stack() -> None:
    other = home("other")
    for function in other.of("AWS::Lambda::Function").values():
        variables = function["Environment"]["Variables"]
        assert variables["KILN_RECIPES"] == "/other/recipes" and variables["KILN_BUS"] == "<Bus>"
    (read,) = [
        statement["Resource"]
        for statement in other.of("AWS::IAM::ManagedPolicy")["Common"]["PolicyDocument"]["Statement"]
        if statement["Sid"] == "ReadRecipes"
    ]
    path = "arn:aws:ssm:us-east-1:123456789012:parameter/other/recipes"
    assert read == [path, f"{path}/*"]


def test_every_explicit_name_is_known_here() -> None:
    """A property that names a resource must be in LIMITS, so that the tests above look at it."""
    known = {key for _, key in LIMITS}
    for template in (home(SampleRecipes="true"), further()):
        for resource, one in template.resources.items():
            explicit = {key for key in one["Properties"] if re.fullmatch(r"([A-Z][A-Za-z]+)?Name", key)}
            if one["Type"] in {kind for kind, _ in LIMITS}:
                assert explicit & known, resource
            else:
                assert explicit <= {"FunctionName", "EventBusName"}, f"{resource} has the name {explicit}"


@pytest.mark.parametrize("name", ["9kiln", "kiln_2", LONGEST + "x", ""])
def test_a_stack_name_that_does_not_fit_is_refused(name: str, tmp_path: Path) -> None:
    ended = Cli("http://127.0.0.1:1", tmp_path).run("logs", "--stack", name, "bake")
    assert ended.code == 2 and "at most 37 more letters, digits and hyphens" in ended.err
