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

from stack.template import HOME_TEMPLATE, INFRA, REGION_TEMPLATE, read, write
from stack.tests.expand import Expanded, further, home

FUNCTIONS = ["Bake", "Capture", "Verify", "Publish", "Replicate", "Expire", "Reconcile"]
# What CloudFormation takes of a template by way of S3, and Parameter Store of a standard parameter, in bytes.
MOST_TEMPLATE = 1_000_000
MOST_PARAMETER = 4_096


@pytest.fixture(params=["home", "further"])
def template(request: pytest.FixtureRequest) -> Expanded:
    return home() if request.param == "home" else further()


@pytest.mark.parametrize("path", [HOME_TEMPLATE, REGION_TEMPLATE], ids=lambda path: path.name)
def test_cfn_lint_finds_nothing(path: Any) -> None:
    command = [str(Path(sys.executable).with_name("cfn-lint")), str(path)]
    lint = subprocess.run(command, capture_output=True, text=True)
    assert lint.returncode == 0, lint.stdout + lint.stderr


@pytest.mark.parametrize("path", [HOME_TEMPLATE, REGION_TEMPLATE], ids=lambda path: path.name)
def test_a_template_is_not_too_long_and_uses_no_alias(path: Any) -> None:
    text = path.read_text()
    sent = write(read(path))  # without its comments
    assert len(sent.encode()) <= MOST_TEMPLATE
    assert not any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text))


def test_each_sample_recipe_stands_in_the_template_as_in_its_file() -> None:
    files = {f"/kiln/recipes/{path.stem}": path.read_text() for path in (INFRA / "recipes").glob("*.toml")}
    inline = {p["Name"]: p["Value"] for p in home().of("AWS::SSM::Parameter").values()}
    assert sorted(files) == ["/kiln/recipes/web", "/kiln/recipes/worker"]
    assert inline == files


@pytest.mark.parametrize("path", sorted((INFRA / "recipes").glob("*.toml")), ids=lambda path: path.stem)
def test_a_sample_recipe_can_be_a_parameter(path: Any) -> None:
    text = path.read_text()
    assert tomllib.loads(text)["name"] == path.stem
    assert len(text.encode()) <= MOST_PARAMETER
    assert "{{" not in text, "Parameter Store takes {{ for the name of another parameter, and refuses it"


def test_the_functions_are_as_agreed() -> None:
    functions = home().of("AWS::Lambda::Function")
    assert list(functions) == FUNCTIONS
    timeouts = {name: function["Timeout"] for name, function in functions.items()}
    assert timeouts == {
        "Bake": 60,
        "Capture": 60,
        "Verify": 60,
        "Publish": 120,
        "Replicate": 120,
        "Expire": 900,
        "Reconcile": 300,
    }
    for name, function in functions.items():
        assert function["FunctionName"] == f"kiln-{name.lower()}"
        assert (function["Runtime"], function["Handler"]) == ("provided.al2023", "bootstrap")
        assert function["Architectures"] == ["arm64"]
        assert function["MemorySize"] == (256 if name in ("Expire", "Reconcile") else 128)
        assert function["Role"] == f"<{name}Role.Arn>"
        prices = {"KILN_SNAPSHOT_PRICES": "0.05"} if name == "Expire" else {}
        assert function["Environment"]["Variables"] == prices | {
            "KILN_BUS": "<Bus>",
            "KILN_RECIPES": "/kiln/recipes",
            "KILN_LOG": "info",
        }
        assert "ReservedConcurrentExecutions" not in function


def test_the_functions_of_the_template_are_in_the_order_of_the_chain() -> None:
    order = [name for name in home().raw["Resources"] if name in {f"{name}Role" for name in FUNCTIONS}]
    assert order == [f"{name}Role" for name in FUNCTIONS]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_function_keeps_its_failures_and_an_alarm_watches_them(name: str) -> None:
    configs = home().of("AWS::Lambda::EventInvokeConfig").values()
    (config,) = [config for config in configs if config["FunctionName"] == f"<{name}>"]
    # The next sweep is the retry of a sweep.
    assert config["MaximumRetryAttempts"] == (0 if name == "Reconcile" else 2)
    queue = config["DestinationConfig"]["OnFailure"]["Destination"].removeprefix("<").removesuffix(".Arn>")
    assert queue == "Failures"
    assert queue in watched(home())


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_function_has_its_own_log_that_ends(name: str) -> None:
    log = home().of("AWS::Logs::LogGroup")[f"{name}Log"]
    assert log["LogGroupName"] == f"/aws/lambda/kiln-{name.lower()}"
    assert log["RetentionInDays"] == "30"
    assert home().of("AWS::Lambda::Function")[name]["LoggingConfig"]["LogGroup"] == f"<{name}Log>"


def test_each_target_of_a_rule_has_a_watched_dead_letter_queue_that_lets_the_rule_in(
    template: Expanded,
) -> None:
    rules = template.of("AWS::Events::Rule")
    assert rules
    (policy,) = template.of("AWS::SQS::QueuePolicy").values()
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


def test_each_schedule_has_a_dead_letter_queue_and_one_target() -> None:
    schedules = home().of("AWS::Scheduler::Schedule")
    assert {name: s["Target"]["Arn"] for name, s in schedules.items()} == {
        "BakeNightly": "<Bake.Arn>",
        "ExpireNightly": "<Expire.Arn>",
        "Sweep": "<Reconcile.Arn>",
    }
    for schedule in schedules.values():
        assert schedule["Target"]["DeadLetterConfig"] == {"Arn": "<Undelivered.Arn>"}
        assert schedule["Target"]["RoleArn"] == "<ScheduleRole.Arn>"
        json.loads(schedule["Target"]["Input"])


def test_each_rule_may_wake_its_function_and_nothing_else_may() -> None:
    wanted = {
        (target["Arn"].removesuffix(".Arn>") + ">", f"<{name}.Arn>")
        for name, rule in home().of("AWS::Events::Rule").items()
        for target in rule["Targets"]
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
    """The queues of which an alarm tells the first message."""
    queues = set()
    for alarm in template.of("AWS::CloudWatch::Alarm").values():
        assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/SQS", "ApproximateNumberOfMessagesVisible")
        assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (0, "GreaterThanThreshold")
        (dimension,) = alarm["Dimensions"]
        assert dimension["Name"] == "QueueName"
        queues.add(dimension["Value"].removeprefix("<").removesuffix(".QueueName>"))
    return queues
