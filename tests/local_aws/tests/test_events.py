"""EC2's own events in EventBridge's shape, faults of events, other Regions, schedules."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from local_aws.client import LocalAws, LocalAwsError
from local_aws.tests.conftest import DeadLetters, image, instance

INSTANCE = "EC2 Instance State-change Notification"
IMAGE = "EC2 AMI State Change"


def events(aws: LocalAws, detail_type: str = IMAGE) -> list[dict[str, Any]]:
    return [e for e in aws.journal(kind="event") if e["detail_type"] == detail_type]


def received(aws: LocalAws) -> list[dict[str, Any]]:
    """The events that the sample function got and echoed."""
    return [e for e in aws.journal(kind="invoke") if e["function"] == "sample-worker"]


def test_an_images_event_has_ec2s_shape(aws: LocalAws, stack: dict[str, str], dead: DeadLetters) -> None:
    """Lambda's failure record contains the event exactly as the function got it."""
    source = image(aws)
    europe = aws.client("ec2", "eu-west-1")
    aws.client("lambda").put_function_concurrency(
        FunctionName="sample-worker", ReservedConcurrentExecutions=0
    )
    try:
        made = europe.copy_image(SourceImageId=source, SourceRegion="us-east-1", Name="web-1")["ImageId"]
        aws.wait_idle()
    finally:
        aws.client("lambda").delete_function_concurrency(FunctionName="sample-worker")
    (record,) = dead.take()
    event = json.loads(record)["requestPayload"]
    assert event.pop("id")
    assert event.pop("time").endswith("Z")
    assert event["detail"].pop("RequestId")
    assert event == {
        "version": "0",
        "detail-type": IMAGE,
        "source": "aws.ec2",
        "account": "000000000000",
        "region": "eu-west-1",
        "resources": [f"arn:aws:ec2:eu-west-1::image/{made}"],
        "detail": {"ImageId": made, "State": "available", "ErrorMessage": ""},
    }


def test_an_image_says_available_disabled_available_deregistered(aws: LocalAws) -> None:
    ec2 = aws.client("ec2")
    made = ec2.create_image(InstanceId=instance(aws), Name="web-2")["ImageId"]
    aws.wait_idle()
    ec2.disable_image(ImageId=made)
    ec2.enable_image(ImageId=made)
    ec2.deregister_image(ImageId=made)
    aws.wait_idle()
    said = [e["detail"]["State"] for e in events(aws) if e["detail"]["ImageId"] == made]
    assert said == ["available", "disabled", "available", "deregistered"]


def test_a_failed_image_says_why(aws: LocalAws) -> None:
    aws.faults({"image": "CreateImage", "message": "The volume is gone"})
    made = aws.client("ec2").create_image(InstanceId=instance(aws), Name="web-2")["ImageId"]
    aws.wait_idle()
    (event,) = events(aws)
    assert (event["detail"]["State"], event["detail"]["ErrorMessage"]) == ("failed", "The volume is gone")
    (found,) = aws.client("ec2").describe_images(ImageIds=[made])["Images"]
    assert (found["State"], found["StateReason"]["Message"]) == ("failed", "The volume is gone")


def test_an_instance_says_each_of_its_states(aws: LocalAws) -> None:
    ec2 = aws.client("ec2")
    base = image(aws)
    made = ec2.run_instances(ImageId=base, InstanceType="t4g.small", MinCount=1, MaxCount=1)
    made = made["Instances"][0]["InstanceId"]
    aws.wait_idle()
    for change in (ec2.stop_instances, ec2.terminate_instances):
        change(InstanceIds=[made])
        aws.wait_idle()
    seen = events(aws, INSTANCE)
    assert [e["detail"]["state"] for e in seen] == [
        "pending",
        "running",
        "stopping",
        "stopped",
        "shutting-down",
        "terminated",
    ]
    assert {e["detail"]["instance-id"] for e in seen} == {made}
    assert seen[0]["resources"] == [f"arn:aws:ec2:us-east-1:000000000000:instance/{made}"]
    assert seen[0]["source"] == "aws.ec2"


def test_an_event_of_another_region_comes_home_once(aws: LocalAws, stack: dict[str, str]) -> None:
    aws.emit(IMAGE, {"State": "available", "ImageId": "ami-1"}, region="eu-west-1")
    aws.wait_idle()
    ways = [(e["region"], e["bus"], e["origin"]) for e in events(aws)]
    assert ways == [("eu-west-1", "default", "eu-west-1"), ("us-east-1", "sample", "eu-west-1")]
    assert [e["cause"] for e in received(aws)] == [f"event {IMAGE} available"]


def test_an_event_can_be_lost_doubled_and_late(aws: LocalAws, stack: dict[str, str]) -> None:
    aws.faults(
        {"event": IMAGE, "state": "available", "effect": "lose"},
        {"event": IMAGE, "state": "available", "effect": "double"},
        {"event": IMAGE, "state": "available", "effect": "late", "seconds": 0.4},
    )
    counts = []
    for number in range(3):
        aws.emit(IMAGE, {"State": "available", "ImageId": f"ami-{number}"})
        if number == 2:
            counts.append(len(received(aws)))
        aws.wait_idle()
        counts.append(len(received(aws)))
    assert counts == [0, 2, 2, 3], "lost, doubled, not yet there, and there"
    assert [e["effect"] for e in events(aws)] == ["lose", "double", "double", "late"]


def test_a_late_event_is_not_idle(aws: LocalAws) -> None:
    aws.faults({"event": IMAGE, "effect": "late", "seconds": 0.3})
    aws.emit(IMAGE, {"State": "available"})
    time.sleep(0.1)
    idle, why = aws.idle()
    assert (idle, why) == (False, [f"event: {IMAGE} in us-east-1 is late"])
    aws.wait_idle()
    assert len(events(aws)) == 1


def test_a_put_event_goes_through_the_same_faults(aws: LocalAws, stack: dict[str, str]) -> None:
    aws.faults({"event": "Image Replicated", "effect": "lose"})
    entry = {"Source": "sample", "DetailType": "Image Replicated", "Detail": "{}", "EventBusName": "sample"}
    put = aws.client("events").put_events
    assert put(Entries=[entry])["FailedEntryCount"] == 0
    aws.wait_idle()
    assert received(aws) == []
    put(Entries=[entry])
    aws.wait_idle()
    assert len(received(aws)) == 1


def test_nobody_else_may_speak_as_aws(aws: LocalAws) -> None:
    entry = {"Source": "aws.ec2", "DetailType": IMAGE, "Detail": "{}"}
    answer = aws.client("events").put_events(Entries=[entry])
    assert answer["Entries"][0]["ErrorCode"] == "NotAuthorizedForSourceException"
    assert aws.journal(kind="call")[-1]["error"] == "NotAuthorizedForSourceException"


def test_a_rule_whose_function_is_gone_uses_its_dead_letter_queue(aws: LocalAws, dead: DeadLetters) -> None:
    rules = aws.client("events")
    queue = "arn:aws:sqs:us-east-1:000000000000:sample-dead"
    gone = "arn:aws:lambda:us-east-1:000000000000:function:gone"
    rules.put_rule(Name="to-gone", EventPattern='{"source": ["lonely"]}')
    rules.put_targets(Rule="to-gone", Targets=[{"Id": "1", "Arn": gone, "DeadLetterConfig": {"Arn": queue}}])
    rules.put_events(Entries=[{"Source": "lonely", "DetailType": "T", "Detail": '{"n": 1}'}])
    aws.wait_idle()
    (body,) = dead.take()
    assert json.loads(body)["detail"] == {"n": 1}


def test_a_schedule_fires_with_its_time_filled_in(
    aws: LocalAws, stack: dict[str, str], dead: DeadLetters
) -> None:
    fired = aws.schedule("sample-nightly", at="2026-11-23T02:00:00Z")
    assert json.loads(fired["input"]) == {"scheduled_time": "2026-11-23T02:00:00Z"}
    aws.wait_idle()
    (ran,) = received(aws)
    assert (ran["cause"], ran["outcome"]) == ("schedule sample-nightly", "ok")
    assert dead.take() == []


def test_an_unknown_schedule_is_refused_with_the_names_of_those_there_are(
    aws: LocalAws, stack: dict[str, str]
) -> None:
    with pytest.raises(LocalAwsError, match="sample-nightly"):
        aws.schedule("nightly")
