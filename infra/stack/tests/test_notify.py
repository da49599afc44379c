"""Whom the stack tells of what: nobody without a topic, of failures unless more was asked for."""

from __future__ import annotations

from typing import Any

import pytest

from stack.template import INFRA
from stack.tests.expand import NEWS, Expanded, home
from stack.tests.policy import statements_of

TOLD = {"FailureTold", "ReleaseTold", "EverythingTold"}
RELEASES = {"Image Released", "Image Rolled Back", "Image Promoted", "Image Recalled", "Image Reinstated"}


def rules(template: Expanded) -> dict[str, dict[str, Any]]:
    """The rules that wake notify."""
    return {
        name: rule
        for name, rule in template.of("AWS::Events::Rule").items()
        if [target["Arn"] for target in rule["Targets"]] == ["<Notify.Arn>"]
    }


def told(template: Expanded) -> set[str]:
    """The events that wake it."""
    kinds = [kind for rule in rules(template).values() for kind in rule["EventPattern"]["detail-type"]]
    assert len(kinds) == len(set(kinds)), "nobody is told twice of one event"
    return set(kinds)


def failures() -> set[str]:
    return set(home().of("AWS::Events::Rule")["SomethingEndedBadly"]["EventPattern"]["detail-type"])


def documented() -> set[str]:
    reference = (INFRA.parent / "docs" / "reference" / "events.md").read_text()
    return {line[3:] for line in reference.splitlines() if line.startswith("## ")}


def test_without_a_topic_nothing_wakes_notify_and_it_may_publish_nowhere() -> None:
    without = home(NotifyTopic="", NotifyOf="everything")
    assert rules(without) == {} and not TOLD & set(without.resources)
    actions = [one["Action"] for one in statements_of(without, "NotifyRole") if one["Effect"] == "Allow"]
    assert "sns:Publish" not in actions
    permissions = without.of("AWS::Lambda::Permission").values()
    assert "<Notify>" not in [one["FunctionName"] for one in permissions]


def test_people_are_told_of_failures_unless_more_was_asked_for() -> None:
    assert told(home()) == told(home(NotifyOf="failures")) == failures()


def test_releases_come_beside_failures() -> None:
    assert told(home(NotifyOf="releases")) == failures() | RELEASES


def test_everything_is_every_documented_event() -> None:
    assert told(home(NotifyOf="everything")) == documented()


@pytest.mark.parametrize("of", ["failures", "releases", "everything"])
def test_each_rule_hears_kilns_own_bus_and_its_dead_letters_are_kept(of: str) -> None:
    template = home(NotifyOf=of)
    policy = template.of("AWS::SQS::QueuePolicy")["UndeliveredPolicy"]
    (statement,) = policy["PolicyDocument"]["Statement"]
    for name, rule in rules(template).items():
        assert rule["EventBusName"] == "<Bus>" and rule["EventPattern"]["source"] == ["kiln"]
        assert f"<{name}.Arn>" in statement["Condition"]["ArnEquals"]["aws:SourceArn"]
        permission = template.of("AWS::Lambda::Permission")[f"{name}WakesNotify"]
        assert (permission["FunctionName"], permission["SourceArn"]) == ("<Notify>", f"<{name}.Arn>")


def test_it_publishes_to_the_one_topic_and_derives_no_key_of_seals() -> None:
    publish = [one for one in statements_of(home(), "NotifyRole") if one["Action"] == "sns:Publish"]
    assert [one["Resource"] for one in publish] == [NEWS]
    variables = home().of("AWS::Lambda::Function")["Notify"]["Environment"]["Variables"]
    assert (variables["KILN_NOTIFY_TOPIC"], variables["KILN_SEAL_KEYS"]) == (NEWS, "none")
    for key in home(SealKeysAccepted="both").of("AWS::KMS::Key").values():
        (seal,) = [one for one in key["KeyPolicy"]["Statement"] if one["Sid"] == "Seal"]
        assert "<NotifyRole.Arn>" not in seal["Principal"]["AWS"]
