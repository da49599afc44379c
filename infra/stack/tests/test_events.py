"""The sample events: as Lambda receives them, one for each thing that wakes a function."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from e2e.schemas import against_events
from stack.template import INFRA
from stack.tests.expand import home

EVENTS: dict[str, Any] = {
    path.stem: json.loads(path.read_text()) for path in sorted((INFRA / "events").glob("*.json"))
}
OF_EVENTBRIDGE = sorted(name for name, event in EVENTS.items() if "detail-type" in event)
FIELDS = ["account", "detail", "detail-type", "id", "region", "resources", "source", "time", "version"]


def test_each_rule_has_a_sample_of_what_it_hears() -> None:
    rules = home().of("AWS::Events::Rule")
    assert rules
    for name, rule in rules.items():
        heard = [name for name in OF_EVENTBRIDGE if hears(rule["EventPattern"], EVENTS[name])]
        assert heard, f"no file of infra/events is heard by the rule {name}: add one"


def test_each_sample_of_eventbridge_is_heard_by_a_rule() -> None:
    patterns = [rule["EventPattern"] for rule in home().of("AWS::Events::Rule").values()]
    unheard = [name for name in OF_EVENTBRIDGE if not any(hears(one, EVENTS[name]) for one in patterns)]
    assert unheard == []


def test_each_schedule_has_a_sample_of_what_it_sends() -> None:
    for name, schedule in home().of("AWS::Scheduler::Schedule").items():
        sent = schedule["Target"]["Input"].replace("<aws.scheduler.scheduled-time>", "2025-11-23T02:00:00Z")
        assert json.loads(sent) in EVENTS.values(), f"no file of infra/events is what {name} sends: add one"


def hears(pattern: dict[str, Any], event: dict[str, Any]) -> bool:
    """Whether a rule hears such an event in some Region: test_deploy asks AWS itself for each Region."""
    for key, allowed in pattern.items():
        if key in ("account", "region"):
            continue
        if isinstance(allowed, dict):
            if not hears(allowed, event.get(key, {})):
                return False
        elif event.get(key) not in allowed:
            return False
    return True


@pytest.mark.parametrize("name", OF_EVENTBRIDGE)
def test_an_event_has_the_fields_of_eventbridge(name: str) -> None:
    event = EVENTS[name]
    assert sorted(event) == FIELDS
    assert event["version"] == "0"
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", event["id"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", event["time"])
    assert re.fullmatch(r"\d{12}", event["account"])


@pytest.mark.parametrize(
    "name", ["image-available", "image-failed", "replica-available", "replica-deregistered"]
)
def test_an_ami_event_is_as_ec2_sends_it(name: str) -> None:
    event = EVENTS[name]
    assert (event["source"], event["detail-type"]) == ("aws.ec2", "EC2 AMI State Change")
    detail = event["detail"]
    assert sorted(detail) == ["ErrorMessage", "ImageId", "RequestId", "State"]
    assert event["resources"] == [f"arn:aws:ec2:{event['region']}::image/{detail['ImageId']}"]
    assert (detail["ErrorMessage"] != "") == (detail["State"] == "failed")


def test_a_replica_is_in_another_region_than_the_images() -> None:
    regions = {name: EVENTS[name]["region"] for name in ("image-available", "replica-available")}
    assert regions == {"image-available": "us-east-1", "replica-available": "eu-west-1"}


@pytest.mark.parametrize(
    ("name", "region"), [("builder-stopped", "us-east-1"), ("tester-stopped", "eu-west-1")]
)
def test_the_stop_of_an_instance_is_as_ec2_sends_it(name: str, region: str) -> None:
    event = EVENTS[name]
    assert (event["source"], event["detail-type"]) == ("aws.ec2", "EC2 Instance State-change Notification")
    instance = event["detail"]["instance-id"]
    assert event["detail"] == {"instance-id": instance, "state": "stopped"}
    assert event["resources"] == [f"arn:aws:ec2:{region}:123456789012:instance/{instance}"]


def test_what_kiln_says_names_recipe_version_and_region() -> None:
    for name in ("image-verified", "image-published", "image-released"):
        event = EVENTS[name]
        assert event["source"] == "kiln"
        assert {"image", "recipe", "region", "version"} <= set(event["detail"])


@pytest.mark.parametrize("name", [name for name in OF_EVENTBRIDGE if EVENTS[name]["source"] == "kiln"])
def test_what_kiln_says_holds_to_the_documented_schema(name: str) -> None:
    assert against_events(EVENTS[name]) == []


def test_a_release_names_the_image_of_each_region_its_parameter_and_its_times() -> None:
    detail = EVENTS["image-released"]["detail"]
    assert sorted(detail["images"]) == ["ap-southeast-2", "eu-west-1", "us-east-1"]
    assert {"parameter", "baked", "released"} <= set(detail)


def test_a_parameter_event_is_as_ssm_sends_it() -> None:
    event = EVENTS["parameter-changed"]
    assert (event["source"], event["detail-type"]) == ("aws.ssm", "Parameter Store Change")
    assert event["detail"]["dataType"] == "aws:ec2:image"


def test_the_nightly_events_are_what_the_schedules_send() -> None:
    schedules = home().of("AWS::Scheduler::Schedule")
    bake = schedules["BakeNightly"]["Target"]["Input"]
    sent = bake.replace("<aws.scheduler.scheduled-time>", "2025-11-23T02:00:00Z")
    assert json.loads(sent) == EVENTS["bake-nightly"]
    assert json.loads(schedules["ExpireNightly"]["Target"]["Input"]) == EVENTS["expire-nightly"]
    assert json.loads(schedules["Sweep"]["Target"]["Input"]) == EVENTS["reconcile"]


def test_by_hand_expire_only_plans() -> None:
    assert EVENTS["expire-dry-run"] == {"dry_run": True}
    assert EVENTS["bake-by-hand"] == {"recipe": "web"}
    assert EVENTS["rollback"] == {"rollback": "web"}
    assert EVENTS["retire-recipe"]["dry_run"] is True


def test_no_event_file_is_of_another_kind() -> None:
    others = [path.name for path in Path(INFRA / "events").iterdir() if path.suffix != ".json"]
    assert others == []
