"""The real templates, deployed onto the local AWS."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_aws.cli import Cli
from local_aws.client import LocalAws
from local_aws.deploy import Deployed, DeployError, arguments, deploy, release_of
from stack.functions import functions
from stack.template import INFRA
from stack.tests.expand import further, home
from stack.tests.seen import status

# AWS's limits, in characters without white space: all inline policies of a role, and one managed policy.
MOST_INLINE = 10_240
MOST_MANAGED = 6_144


def quiet(_: str) -> None:
    pass


def sample(name: str, account: str) -> dict[str, Any]:
    text = (INFRA / "events" / f"{name}.json").read_text()
    return json.loads(text.replace("123456789012", account))


def hearing(aws: LocalAws, region: str, bus: str, event: dict[str, Any]) -> set[str]:
    """The rules of a bus whose patterns match an event, by AWS's own TestEventPattern."""
    events = aws.client("events", region)
    return {
        rule["Name"]
        for rule in events.list_rules(EventBusName=bus)["Rules"]
        if events.test_event_pattern(EventPattern=rule["EventPattern"], Event=json.dumps(event))["Result"]
    }


# Who hears what, by the rules of each bus. A further rule may hear the same; where it says nobody, none may.
MEANT: list[tuple[str, str, str, set[str]]] = [
    ("builder-stopped", "us-east-1", "default", {"kiln-instance-stopped"}),
    ("tester-stopped", "eu-west-1", "default", {"kiln-region-forward-instances"}),
    ("tester-stopped", "us-east-1", "kiln", {"kiln-tester-stopped"}),
    ("image-available", "us-east-1", "default", {"kiln-image-ended"}),
    ("image-failed", "us-east-1", "default", {"kiln-image-ended"}),
    ("replica-available", "eu-west-1", "default", {"kiln-region-forward-images"}),
    ("replica-available", "us-east-1", "kiln", {"kiln-replica-ended"}),
    ("image-verified", "us-east-1", "kiln", {"kiln-image-verified"}),
    ("image-published", "us-east-1", "kiln", {"kiln-image-published"}),
    ("image-released", "us-east-1", "kiln", {"kiln-image-released"}),
    ("parameter-changed", "eu-west-1", "default", {"kiln-region-forward-parameters"}),
    ("parameter-changed", "us-east-1", "kiln", {"kiln-further-parameter-changed"}),
    # What must wake nobody: others' events handed to our bus, and home events handed to Kiln's.
    ("replica-available", "us-east-1", "default", set()),
    ("image-available", "us-east-1", "kiln", set()),
    ("builder-stopped", "eu-west-1", "default", set()),
    ("builder-stopped", "us-east-1", "kiln", set()),
]
RULES = {rule for *_, rules in MEANT for rule in rules} | {
    "kiln-replica-verified",
    "kiln-image-deregistered",
    "kiln-replica-deregistered",
}


@pytest.mark.parametrize(("name", "region", "bus", "rules"), MEANT)
def test_a_sample_event_is_heard_by_the_rules_meant_for_it(
    aws: LocalAws, deployed: Deployed, name: str, region: str, bus: str, rules: set[str]
) -> None:
    account = aws.client("sts").get_caller_identity()["Account"]
    heard = hearing(aws, region, bus, sample(name, account))
    assert heard & RULES == rules and (rules or not heard)


def test_a_replica_that_passed_its_test_is_heard_by_replicate_alone(
    aws: LocalAws, deployed: Deployed
) -> None:
    event = sample("image-verified", aws.client("sts").get_caller_identity()["Account"])
    event["detail"]["region"] = "eu-west-1"
    assert hearing(aws, "us-east-1", "kiln", event) & RULES == {"kiln-replica-verified"}


def test_a_parameter_that_names_no_image_wakes_nobody(aws: LocalAws, deployed: Deployed) -> None:
    event = sample("parameter-changed", aws.client("sts").get_caller_identity()["Account"])
    event["detail"]["dataType"] = "text"
    assert hearing(aws, "eu-west-1", "default", event) == set()


def test_the_disabling_of_an_image_wakes_nobody(aws: LocalAws, deployed: Deployed) -> None:
    event = sample("image-available", aws.client("sts").get_caller_identity()["Account"])
    event["detail"]["State"] = "disabled"
    assert hearing(aws, "us-east-1", "default", event) == set()


def test_the_deregistration_of_an_image_wakes_expire(aws: LocalAws, deployed: Deployed) -> None:
    event = sample("replica-deregistered", aws.client("sts").get_caller_identity()["Account"])
    assert hearing(aws, "eu-west-1", "default", event) & RULES == {"kiln-region-forward-images"}
    assert hearing(aws, "us-east-1", "kiln", event) & RULES == {"kiln-replica-deregistered"}
    event["region"] = "us-east-1"
    assert hearing(aws, "us-east-1", "default", event) & RULES == {"kiln-image-deregistered"}


def test_another_accounts_events_wake_nobody(aws: LocalAws, deployed: Deployed) -> None:
    assert hearing(aws, "us-east-1", "default", sample("image-available", "999999999999")) == set()
    assert hearing(aws, "us-east-1", "kiln", sample("image-released", "999999999999")) == set()


def test_the_outputs_name_what_a_person_needs(deployed: Deployed) -> None:
    assert deployed.outputs["BusName"] == "kiln"
    assert deployed.outputs["RecipePath"] == "/kiln/recipes"
    found = {key: value for key, value in deployed.outputs.items() if key.endswith("Function")}
    assert found["BakeFunction"] == "kiln-bake"
    assert found == {f"{one.resource}Function": f"kiln-{one.name}" for one in functions()}
    assert deployed.outputs["UndeliveredQueue"].endswith("/kiln-undelivered")
    assert deployed.outputs["FailuresQueue"].endswith("/kiln-failures")
    assert list(deployed.regions) == ["eu-west-1"]


def test_the_recipes_are_in_parameter_store(aws: LocalAws, deployed: Deployed) -> None:
    found = aws.client("ssm").get_parameters_by_path(Path="/kiln/recipes")["Parameters"]
    files = {f"/kiln/recipes/{path.stem}": path.read_text() for path in (INFRA / "recipes").glob("*.toml")}
    assert {parameter["Name"]: parameter["Value"] for parameter in found} == files


def test_the_policies_fit_what_iam_takes(aws: LocalAws, deployed: Deployed) -> None:
    iam = aws.client("iam")
    roles = [role["RoleName"] for role in iam.list_roles()["Roles"] if role["RoleName"].startswith("kiln-")]
    of_templates = [role for template in (home(), further()) for role in template.of("AWS::IAM::Role")]
    assert len(roles) == len(of_templates) > len(functions())
    for role in roles:
        names = iam.list_role_policies(RoleName=role)["PolicyNames"]
        documents = [iam.get_role_policy(RoleName=role, PolicyName=n)["PolicyDocument"] for n in names]
        assert sum(written(document) for document in documents) <= MOST_INLINE, role
    for policy in iam.list_policies(Scope="Local")["Policies"]:
        version = iam.get_policy_version(PolicyArn=policy["Arn"], VersionId=policy["DefaultVersionId"])
        assert written(version["PolicyVersion"]["Document"]) <= MOST_MANAGED


def written(document: Any) -> int:
    return len(json.dumps(document, separators=(",", ":")))


def test_deployed_again_it_changes_nothing_and_a_parameter_changes_what_it_names(
    aws: LocalAws, deployed: Deployed, built: Path
) -> None:
    said: list[str] = []
    again = deploy(aws.url, built, regions=["eu-west-1"], say=said.append)
    assert again == deployed
    assert [line.strip() for line in said if line.startswith("  ")][-2:] == ["unchanged", "unchanged"]

    said.clear()
    deploy(aws.url, built, regions=[], parameters={"LogLevel": "debug"}, say=said.append)
    assert [line.strip() for line in said if line.startswith("  ")][-1] == "updated"
    function = aws.client("lambda").get_function_configuration(FunctionName="kiln-expire")
    assert function["Environment"]["Variables"]["KILN_LOG"] == "debug"

    said.clear()
    deploy(aws.url, built, regions=[], say=said.append)
    last = [line.strip() for line in said if line.startswith("  ")][-1]
    assert last == "unchanged", "what is not given keeps its value"
    deploy(aws.url, built, regions=[], parameters={"LogLevel": "info"}, say=quiet)


def test_a_new_binary_is_deployed(aws: LocalAws, deployed: Deployed, built: Path) -> None:
    function = aws.client("lambda")
    before = function.get_function(FunctionName="kiln-bake")["Configuration"]["CodeSha256"]
    bootstrap = built / "bake" / "bootstrap"
    bootstrap.write_bytes(b"a newer binary of bake")
    deploy(aws.url, built, regions=[], say=quiet)
    assert function.get_function(FunctionName="kiln-bake")["Configuration"]["CodeSha256"] != before
    bootstrap.write_bytes(b"binary of bake")
    deploy(aws.url, built, regions=[], say=quiet)
    assert function.get_function(FunctionName="kiln-bake")["Configuration"]["CodeSha256"] == before


def test_sample_recipes_are_there_only_if_asked_for_and_stay_when_no_longer(
    fresh: LocalAws, built: Path
) -> None:
    recipes = {"Path": "/kiln/recipes"}
    deploy(fresh.url, built, regions=[], say=quiet)
    assert fresh.client("ssm").get_parameters_by_path(**recipes)["Parameters"] == []
    deploy(fresh.url, built, regions=[], parameters={"SampleRecipes": "true"}, say=quiet)
    deploy(fresh.url, built, regions=[], parameters={"SampleRecipes": "false"}, say=quiet)
    assert len(fresh.client("ssm").get_parameters_by_path(**recipes)["Parameters"]) == 2


def test_a_failed_stack_names_the_resource_and_the_reason_and_can_be_deployed_again(
    fresh: LocalAws, built: Path
) -> None:
    fresh.client("events").create_event_bus(Name="kiln")
    with pytest.raises(DeployError) as caught:
        deploy(fresh.url, built, regions=[], say=quiet)
    text = str(caught.value)
    assert "stack kiln in us-east-1 ended ROLLBACK_COMPLETE" in text
    assert "- Bus (AWS::Events::EventBus): " in text and "already exists" in text

    fresh.client("events").delete_event_bus(Name="kiln")
    assert deploy(fresh.url, built, regions=[], say=quiet).outputs["BusName"] == "kiln"


def test_a_wrong_parameter_is_refused_by_its_name(aws: LocalAws, built: Path) -> None:
    with pytest.raises(DeployError, match="stack kiln in us-east-1 was refused: .*LogLevel"):
        deploy(aws.url, built, regions=[], parameters={"LogLevel": "loud"}, say=quiet)


def test_the_home_region_is_no_further_region(aws: LocalAws, deployed: Deployed, built: Path) -> None:
    with pytest.raises(DeployError, match="us-east-1 is the home Region"):
        deploy(aws.url, built, regions=["us-east-1"], say=quiet)
    with pytest.raises(ClientError, match="not for the home Region itself"):
        aws.client("cloudformation").create_stack(
            StackName="kiln-region",
            TemplateBody=(INFRA / "region.yaml").read_text(),
            Parameters=[{"ParameterKey": "HomeRegion", "ParameterValue": "us-east-1"}],
            Capabilities=["CAPABILITY_IAM"],
        )
    assert status(aws, "kiln-region") is None


def test_the_command_says_what_it_did_or_why_not(
    aws: LocalAws, deployed: Deployed, built: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    cli = Cli(aws.url, tmp_path_factory.mktemp("home"))
    given = {"BakeSchedule": "cron(0 1 * * ? *)", "LogRetention": "7"}
    asked = arguments(release_of(built, "x86_64"), "us-east-1", [], "x86_64", given)
    assert "RecipePath = /kiln/recipes" in cli.text_of_any_width(*asked, "--yes")
    schedule = aws.client("scheduler").get_schedule(Name="kiln-bake")["ScheduleExpression"]
    assert schedule == "cron(0 1 * * ? *)"
    error = cli.document("deploy", str(built), "--yes", code=1)["error"]
    assert error["kind"] == "release" and "holds no release" in error["what"]
