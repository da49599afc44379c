"""A stack with all that a regulated account asks for, deployed onto the local AWS beside another one.

The local AWS keeps neither the boundary of a role nor the key, the VPC and the code signing of a function:
test_regulated looks at what the template asks for.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from local_aws.cli import Cli
from local_aws.client import LocalAws
from local_aws.deploy import Deployed, DeployError, deploy
from stack.functions import names
from stack.template import INFRA
from stack.tests.conftest import build
from stack.tests.expand import REGULATED

HOME, FAR = "us-east-1", "eu-west-1"
NAME = "guarded"
TAGS = {"team": "platform", "cost": "42"}
EVERYTHING = '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}'


@pytest.fixture(scope="module")
def given(aws: LocalAws) -> dict[str, str]:
    """A value for every parameter, of things that exist where the local AWS looks."""
    keys = [aws.client("kms", region).create_key()["KeyMetadata"]["Arn"] for region in (HOME, FAR)]
    boundary = aws.client("iam").create_policy(PolicyName="boundary", PolicyDocument=EVERYTHING)
    topics = [aws.client("sns", region).create_topic(Name="oncall")["TopicArn"] for region in (HOME, FAR)]
    return REGULATED | {
        "KmsKey": ",".join(keys),
        "AlarmTopic": ",".join(topics),
        "PermissionsBoundary": boundary["Policy"]["Arn"],
    }


@pytest.fixture(scope="module")
def guarded(
    aws: LocalAws,
    deployed: Deployed,
    given: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Deployed:
    """The second stack of the account: the first is `kiln`."""
    built = build(tmp_path_factory.mktemp("guarded"))
    return deploy(aws.url, built, regions=[FAR], parameters=given, say=lambda _: None, name=NAME, tags=TAGS)


def roles(aws: LocalAws, prefix: str) -> list[dict[str, Any]]:
    iam = aws.client("iam")
    found = [role["RoleName"] for role in iam.list_roles()["Roles"] if role["RoleName"].startswith(prefix)]
    return [iam.get_role(RoleName=name)["Role"] for name in found]


def test_every_role_has_the_path(aws: LocalAws, guarded: Deployed) -> None:
    found = roles(aws, f"{NAME}-")
    assert len(found) == len(names()) + 2
    for role in found:
        assert role["Path"] == "/platform/"
    assert {role["Path"] for role in roles(aws, "kiln-")} == {"/"}


def test_the_outputs_name_each_role(guarded: Deployed) -> None:
    arns = {key: value for key, value in guarded.outputs.items() if key.endswith("RoleArn")}
    assert arns.keys() == {f"{name.title()}RoleArn" for name in (*names(), "schedule")}
    assert all(f":role/platform/{NAME}-" in arn for arn in arns.values())
    assert f":role/platform/{NAME}-region-" in guarded.regions[FAR]["ForwardRoleArn"]


def test_queues_and_logs_of_each_region_have_the_key_of_that_region(
    aws: LocalAws, guarded: Deployed, given: dict[str, str]
) -> None:
    at_home, far = given["KmsKey"].split(",")
    for region, key, queue in (
        (HOME, at_home, "undelivered"),
        (HOME, at_home, "failures"),
        (FAR, far, "region-undelivered"),
    ):
        sqs = aws.client("sqs", region)
        url = sqs.get_queue_url(QueueName=f"{NAME}-{queue}")["QueueUrl"]
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        assert (found["KmsMasterKeyId"], found["SqsManagedSseEnabled"]) == (key, "false")
    groups = aws.client("logs").describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{NAME}-")["logGroups"]
    assert len(groups) == len(names()) and {group["kmsKeyId"] for group in groups} == {at_home}


def test_the_alarms_of_each_region_notify_its_topic(
    aws: LocalAws, guarded: Deployed, given: dict[str, str]
) -> None:
    for region, topic in zip((HOME, FAR), given["AlarmTopic"].split(","), strict=True):
        alarms = aws.client("cloudwatch", region).describe_alarms(AlarmNamePrefix=f"{NAME}-")["MetricAlarms"]
        assert alarms and all(alarm["AlarmActions"] == [topic] for alarm in alarms)


def test_the_tags_of_a_deployment_reach_what_it_makes(aws: LocalAws, guarded: Deployed) -> None:
    def ours(tags: list[dict[str, str]]) -> dict[str, str]:
        return {tag["Key"]: tag["Value"] for tag in tags if tag["Key"] in TAGS}

    for region, stack in ((HOME, NAME), (FAR, f"{NAME}-region")):
        (found,) = aws.client("cloudformation", region).describe_stacks(StackName=stack)["Stacks"]
        assert ours(found["Tags"]) == TAGS
    for role in roles(aws, f"{NAME}-"):
        assert ours(aws.client("iam").list_role_tags(RoleName=role["RoleName"])["Tags"]) == TAGS
    for name in names():
        function = aws.client("lambda").get_function(FunctionName=f"{NAME}-{name}")
        assert function["Tags"].items() >= TAGS.items()


def test_two_stacks_of_one_account_have_their_own_bus_and_recipes(
    deployed: Deployed, guarded: Deployed
) -> None:
    assert (deployed.outputs["BusName"], guarded.outputs["BusName"]) == ("kiln", NAME)
    assert deployed.outputs["RecipePath"] == "/kiln/recipes"
    assert guarded.outputs["RecipePath"] == f"/{NAME}/recipes"
    assert not set(deployed.outputs.values()) & set(guarded.outputs.values())


def test_the_command_line_operates_the_stack_that_it_is_told(
    aws: LocalAws, guarded: Deployed, tmp_path: Path
) -> None:
    cli, recipes = Cli(aws.url, tmp_path), str(INFRA / "recipes" / "web.toml")
    pushed = cli.document("recipes", "push", recipes, "--stack", NAME)
    assert [(one["recipe"], one["change"]) for one in pushed["recipes"]] == [("web", "new")]
    assert aws.client("ssm").get_parameter(Name=f"/{NAME}/recipes/web")
    assert cli.document("logs", "bake", "--stack", NAME)["lines"] == []
    error = cli.document("logs", "bake", "--stack", "absent", code=1)["error"]
    assert "/aws/lambda/absent-bake" in error["what"]


def test_tags_and_parameters_that_are_not_given_again_stay(
    aws: LocalAws, guarded: Deployed, built: Path, given: dict[str, str]
) -> None:
    said: list[str] = []
    again = deploy(aws.url, built, regions=[FAR], say=said.append, name=NAME)
    assert again == guarded
    cautions = [line.split(":")[0].strip() for line in said if "is in" in line and "too:" in line]
    assert cautions == [f"stack kiln is in {region} too" for region in (HOME, FAR)]
    assert [line.strip() for line in said if line.startswith("  ")][-2:] == ["unchanged", "unchanged"]
    changed = {**TAGS, "cost": "43"}
    deploy(aws.url, built, regions=[FAR], say=lambda _: None, name=NAME, tags=changed)
    assert aws.client("lambda").get_function(FunctionName=f"{NAME}-bake")["Tags"].items() >= changed.items()


def test_subnets_without_security_groups_are_refused(aws: LocalAws, deployed: Deployed, built: Path) -> None:
    for alone in ("SubnetIds", "SecurityGroupIds"):
        with pytest.raises(DeployError, match="SubnetIds and SecurityGroupIds go together"):
            deploy(aws.url, built, regions=[], parameters={alone: REGULATED[alone]}, say=lambda _: None)
