"""What must hold of the templates as they stand, before anything is deployed."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from stack.functions import Function, functions, names
from stack.template import (
    ACCOUNT_TEMPLATE,
    ARTIFACTS_TEMPLATE,
    HOME_TEMPLATE,
    INFRA,
    REGION_TEMPLATE,
    read,
    write,
)
from stack.tests.expand import Expanded, further, home

# What CloudFormation takes of a template by way of S3, and Parameter Store of a standard parameter, in bytes.
MOST_TEMPLATE = 1_000_000
MOST_PARAMETER = 4_096
TEMPLATES = [HOME_TEMPLATE, REGION_TEMPLATE, ACCOUNT_TEMPLATE, ARTIFACTS_TEMPLATE]

of_each = pytest.mark.parametrize("one", functions(), ids=lambda one: one.name)


@pytest.fixture(params=["home", "further"])
def template(request: pytest.FixtureRequest) -> Expanded:
    return home() if request.param == "home" else further()


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_cfn_lint_finds_nothing(path: Any) -> None:
    command = [str(Path(sys.executable).with_name("cfn-lint")), str(path)]
    lint = subprocess.run(command, capture_output=True, text=True)
    assert lint.returncode == 0, lint.stdout + lint.stderr


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_a_template_is_not_too_long_and_uses_no_alias(path: Any) -> None:
    text = path.read_text()
    sent = write(read(path))  # without its comments
    assert len(sent.encode()) <= MOST_TEMPLATE
    assert not any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text))


@of_each
def test_a_function_writes_its_log_as_json_into_its_own_group(one: Function) -> None:
    logging = home().resources[one.resource]["Properties"]["LoggingConfig"]
    assert (logging["LogFormat"], logging["LogGroup"]) == ("JSON", f"<{one.log}>")


def test_each_sample_recipe_stands_in_the_template_as_in_its_file() -> None:
    files = {f"/kiln/recipes/{path.stem}": path.read_text() for path in (INFRA / "recipes").glob("*.toml")}
    inline = {p["Name"]: p["Value"] for p in home(SampleRecipes="true").of("AWS::SSM::Parameter").values()}
    assert sorted(files) == ["/kiln/recipes/web", "/kiln/recipes/worker"]
    assert inline == files


@pytest.mark.parametrize("path", sorted((INFRA / "recipes").glob("*.toml")), ids=lambda path: path.stem)
def test_a_sample_recipe_can_be_a_parameter(path: Any) -> None:
    text = path.read_text()
    assert tomllib.loads(text)["name"] == path.stem
    assert len(text.encode()) <= MOST_PARAMETER
    assert "{{" not in text, "Parameter Store takes {{ for the name of another parameter, and refuses it"


def test_the_functions_are_as_agreed() -> None:
    """Their timeouts and sizes stand in docs/reference/functions.md, which a test holds to the template."""
    found = home().of("AWS::Lambda::Function")
    assert list(found) == [one.resource for one in functions()]
    for one in functions():
        function = found[one.resource]
        assert function["FunctionName"] == f"kiln-{one.name}" and one.name == one.resource.lower()
        assert (function["Runtime"], function["Handler"]) == ("provided.al2023", "bootstrap")
        assert function["Architectures"] == ["arm64"]
        assert function["MemorySize"] in (128, 256)
        assert function["Role"] == f"<{one.role}.Arn>"
        variables = {"KILN_BUS": "<Bus>", "KILN_RECIPES": "/kiln/recipes", "KILN_LOG": "info"}
        assert function["Environment"]["Variables"].items() >= variables.items()
        assert "ReservedConcurrentExecutions" not in function
    assert found["Expire"]["Environment"]["Variables"]["KILN_SNAPSHOT_PRICES"] == "0.05"


def test_each_function_of_the_template_has_its_folder_and_each_folder_its_function() -> None:
    folders = {path.parent.name for path in (INFRA.parent / "functions").glob("*/Cargo.toml")}
    assert folders == set(names())


def test_the_makefile_has_every_function() -> None:
    command = ["make", "--silent", "--eval", "listed: ; @echo $(FUNCTIONS)", "listed"]
    made = subprocess.run(command, cwd=INFRA.parent, capture_output=True, text=True, check=True)
    assert sorted(made.stdout.split()) == sorted(names())


def test_the_template_goes_function_by_function() -> None:
    """Each block is its log, its role and the function, in the order of the chain."""
    parts = [part for one in functions() for part in (one.log, one.role, one.resource)]
    assert [name for name in read(HOME_TEMPLATE)["Resources"] if name in parts] == parts


@of_each
def test_each_function_keeps_its_failures_and_an_alarm_watches_them(one: Function) -> None:
    configs = home().of("AWS::Lambda::EventInvokeConfig").values()
    (config,) = [config for config in configs if config["FunctionName"] == f"<{one.resource}>"]
    # The next sweep is the retry of a sweep.
    assert config["MaximumRetryAttempts"] == (0 if one.name == "reconcile" else 2)
    queue = config["DestinationConfig"]["OnFailure"]["Destination"].removeprefix("<").removesuffix(".Arn>")
    assert queue == "Failures"
    assert queue in watched(home())


@of_each
def test_each_function_has_its_own_log_that_ends(one: Function) -> None:
    log = home().of("AWS::Logs::LogGroup")[one.log]
    assert log["LogGroupName"] == f"/aws/lambda/kiln-{one.name}"
    assert log["RetentionInDays"] == "30"
    assert home().of("AWS::Lambda::Function")[one.resource]["LoggingConfig"]["LogGroup"] == f"<{one.log}>"


def test_each_target_of_a_rule_has_a_watched_dead_letter_queue_that_lets_the_rule_in(
    template: Expanded,
) -> None:
    rules = template.of("AWS::Events::Rule")
    assert rules
    policy = template.of("AWS::SQS::QueuePolicy")["UndeliveredPolicy"]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert policy["Queues"] == ["<Undelivered>"] and statement["Resource"] == "<Undelivered.Arn>"
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    sources = statement["Condition"]["ArnEquals"]["aws:SourceArn"]
    assert sorted([sources] if isinstance(sources, str) else sources) == sorted(f"<{r}.Arn>" for r in rules)
    for rule in rules.values():
        for target in rule["Targets"]:
            assert target["DeadLetterConfig"] == {"Arn": "<Undelivered.Arn>"}
            assert target["RetryPolicy"]["MaximumRetryAttempts"] > 0
    assert "Undelivered" in watched(template)


def test_each_end_that_needs_a_person_is_kept_in_a_queue_that_an_alarm_watches() -> None:
    rule = home().of("AWS::Events::Rule")["SomethingEndedBadly"]
    assert rule["EventPattern"]["source"] == ["kiln"] and rule["EventBusName"] == "<Bus>"
    assert sorted(rule["EventPattern"]["detail-type"]) == [
        "Bake Failed",
        "Bake Refused",
        "Expiry Blocked",
        "Image Rejected",
        "Release Blocked",
        "Release Lost",
        "Replication Failed",
    ]
    assert [target["Arn"] for target in rule["Targets"]] == ["<EndedBadly.Arn>"]
    policy = home().of("AWS::SQS::QueuePolicy")["EndedBadlyPolicy"]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert policy["Queues"] == ["<EndedBadly>"] and statement["Resource"] == "<EndedBadly.Arn>"
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    assert statement["Condition"] == {"ArnEquals": {"aws:SourceArn": "<SomethingEndedBadly.Arn>"}}
    assert "EndedBadly" in watched(home())


def test_the_documented_events_that_need_a_person_are_those_that_the_rule_hears() -> None:
    heard = home().of("AWS::Events::Rule")["SomethingEndedBadly"]["EventPattern"]["detail-type"]
    reference = (INFRA.parent / "docs" / "reference" / "events.md").read_text()
    documented = {line[3:] for line in reference.splitlines() if line.startswith("## ")}
    assert set(heard) <= documented
    words = ("Failed", "Refused", "Rejected", "Blocked", "Lost")
    assert {kind for kind in documented if kind.endswith(words)} == set(heard), "a new failure needs an alarm"


def test_each_schedule_has_a_dead_letter_queue_and_one_target() -> None:
    schedules = home().of("AWS::Scheduler::Schedule")
    targets = {s["Name"]: s["Target"]["Arn"] for s in schedules.values()}
    assert targets["kiln-reconcile"] == "<Reconcile.Arn>"
    assert targets == {
        f"kiln-{name}": f"<{one.resource}.Arn>" for one in functions() for name in one.schedules
    }
    for schedule in schedules.values():
        assert schedule["Target"]["DeadLetterConfig"] == {"Arn": "<Undelivered.Arn>"}
        assert schedule["Target"]["RoleArn"] == "<ScheduleRole.Arn>"
        json.loads(schedule["Target"]["Input"])


def test_each_rule_may_wake_its_function_and_nothing_else_may() -> None:
    functions_woken = {f"<{name}.Arn>" for name in home().of("AWS::Lambda::Function")}
    wanted = {
        (target["Arn"].removesuffix(".Arn>") + ">", f"<{name}.Arn>")
        for name, rule in home().of("AWS::Events::Rule").items()
        for target in rule["Targets"]
        if target["Arn"] in functions_woken
    }
    permissions = home().of("AWS::Lambda::Permission").values()
    assert {(p["FunctionName"], p["SourceArn"]) for p in permissions} == wanted
    assert {p["Principal"] for p in permissions} == {"events.amazonaws.com"}


def test_queues_are_encrypted_and_keep_their_messages_for_14_days(template: Expanded) -> None:
    for queue in template.of("AWS::SQS::Queue").values():
        assert queue["SqsManagedSseEnabled"] is True
        assert queue["MessageRetentionPeriod"] == 14 * 24 * 3600


def test_no_bus_hands_an_event_back() -> None:
    """A rule on a bus of Kiln's that targets a bus could turn an event in a circle."""
    targets = [t["Arn"] for rule in home().of("AWS::Events::Rule").values() for t in rule["Targets"]]
    assert all("event-bus" not in arn and not arn.startswith("<Bus") for arn in targets)
    for forward in further().of("AWS::Events::Rule").values():
        assert "EventBusName" not in forward, "it listens to the default bus"
        (target,) = forward["Targets"]
        assert target["Arn"] == "arn:aws:events:us-east-1:123456789012:event-bus/kiln"


def watched(template: Expanded) -> set[str]:
    """The queues of which an alarm tells each new message."""
    queues = set()
    for alarm in template.of("AWS::CloudWatch::Alarm").values():
        if alarm["Namespace"] != "AWS/SQS":
            continue
        # Not how many wait: that would stay so for 14 days.
        assert (alarm["MetricName"], alarm["Statistic"]) == ("NumberOfMessagesSent", "Sum")
        assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (0, "GreaterThanThreshold")
        (dimension,) = alarm["Dimensions"]
        assert dimension["Name"] == "QueueName"
        queues.add(dimension["Value"].removeprefix("<").removesuffix(".QueueName>"))
    return queues
