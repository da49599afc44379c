"""notify: people are told what happened, in words, through a topic of SNS; nobody is told without one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from e2e.conftest import BUILT
from e2e.kiln import FURTHER, HOME, MAX_ATTEMPTS, REGIONS, Kiln
from e2e.schemas import against_card
from local_aws.client import LocalAws
from local_aws.deploy import deploy

# Bakes by hand in one minute are one bake.
NIGHTS = [f"2025-11-2{day}T02:00:00Z" for day in range(4)]


class Channel:
    """A stack whose topic a queue listens to, as Amazon Q does: it gets the default message."""

    def __init__(self, aws: LocalAws) -> None:
        self.topic = str(aws.client("sns").create_topic(Name="news")["TopicArn"])
        sqs = aws.client("sqs")
        self._queue = str(sqs.create_queue(QueueName="channel")["QueueUrl"])
        arn = sqs.get_queue_attributes(QueueUrl=self._queue, AttributeNames=["QueueArn"])
        sns = aws.client("sns")
        sns.subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=arn["Attributes"]["QueueArn"])
        sns.subscribe(TopicArn=self.topic, Protocol="email", Endpoint="oncall@example.com")
        self._sqs, self._aws = sqs, aws
        stacks = self.deploy(NotifyTopic=self.topic)
        self.kiln = Kiln(aws, stacks.outputs["FailuresQueue"])

    def deploy(self, **parameters: str) -> Any:
        given = {"MaxAttempts": MAX_ATTEMPTS, **parameters}
        quiet = {"say": lambda _: None, "parameters": given, "architecture": "x86_64"}
        return deploy(self._aws.url, BUILT, HOME, FURTHER, **quiet)

    def messages(self) -> list[dict[str, Any]]:
        """What came since this was asked last: each as SNS wraps it, with its card read."""
        self.kiln.settle()
        found: list[dict[str, Any]] = []
        while True:
            got = self._sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10).get("Messages", [])
            if not got:
                return found
            for message in got:
                self._sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=message["ReceiptHandle"])
                envelope = json.loads(message["Body"])
                card = json.loads(envelope["Message"])
                assert against_card(card) == [], card
                found.append({"subject": envelope["Subject"], **card})


@pytest.fixture(scope="module")
def told() -> Iterator[Channel]:
    timing = {"LOCAL_AWS_IMAGE_S": "0.2", "LOCAL_AWS_BOOT_S": "0.1", "LOCAL_AWS_RETRY_S": "0.3,0.6"}
    with LocalAws(**timing) as aws:
        yield Channel(aws)


@pytest.fixture
def channel(told: Channel) -> Channel:
    told.kiln.fresh()
    told.messages()
    return told


def test_a_failed_bake_is_told_once_with_its_reason_its_console_and_what_to_do(channel: Channel) -> None:
    kiln = channel.kiln
    kiln.recipe(script="echo installing\necho no package '<!channel>'\nexit 7", bake='keep_log = "90d"')
    kiln.bake()
    (failed,) = kiln.said("Bake Failed")
    (message,) = channel.messages()
    assert message["subject"] == f"Kiln: web {failed['version']}: bake failed"
    content, metadata = message["content"], message["metadata"]
    assert content["title"] == f"web {failed['version']}: bake failed"
    assert "Why: the script failed with status 7" in content["description"]
    assert "no package &lt;!channel&gt;" in content["description"] and "installing" in content["description"]
    assert "Correct the recipe, and bake again: `kiln bake web --watch`" in content["nextSteps"]
    assert any(step.endswith(f"`aws s3 cp {failed['log']} -`") for step in content["nextSteps"])
    assert metadata["threadId"] == f"web-{failed['version']}" and message["id"] == failed["id"]
    assert failed["instance"] in metadata["relatedResources"]
    # A mail is a text of its own.
    (call,) = kiln.calls("Publish")
    assert call["who"] == "kiln-notify" and call["request"]["MessageStructure"] == "json"
    assert kiln.dead_letters() == []


def test_a_rejected_image_is_told_in_the_thread_of_its_bake(channel: Channel) -> None:
    kiln = channel.kiln
    kiln.recipe(verify="script = 'echo port 80 is closed; exit 7'")
    kiln.bake()
    (rejected,) = kiln.said("Image Rejected")
    (message,) = channel.messages()
    assert message["content"]["title"] == f"web {rejected['version']}: image rejected"
    assert "port 80 is closed" in message["content"]["description"]
    assert message["metadata"]["threadId"] == f"web-{rejected['version']}"
    assert any(f"`kiln retest {rejected['image']}`" in step for step in message["content"]["nextSteps"])


def test_a_blocked_expiry_is_told_with_the_command_that_allows_it(channel: Channel) -> None:
    kiln = channel.kiln
    kiln.recipe()
    versions = [f"2025{month:02}01T020000Z" for month in range(1, 7)]
    for version in versions:
        kiln.release("web", version, REGIONS)
    kiln.invoke("expire", {"dry_run": False})
    (message,) = channel.messages()
    assert message["content"]["title"] == f"web {versions[-1]}: expiry blocked"
    assert message["content"]["nextSteps"] == [
        "Read the plan: `kiln plan web`",
        "If it is right, allow it once: `kiln apply web --allow 12`",
    ]


def test_a_topic_that_refuses_is_a_failure_that_names_the_topic_and_the_right(channel: Channel) -> None:
    kiln = channel.kiln
    refused = {
        "code": "AuthorizationError",
        "message": "not authorized to perform: SNS:Publish",
        "status": 403,
    }
    kiln.aws.faults({"call": "Publish", "service": "sns", "times": -1, **refused})
    kiln.recipe(script="exit 7")
    kiln.bake()
    assert channel.messages() == []
    (letter,) = kiln.dead_letters()
    assert letter["requestPayload"]["detail-type"] == "Bake Failed"
    error = letter["responsePayload"]["errorMessage"]
    assert f"Publish on {channel.topic} in {HOME} failed: AuthorizationError" in error
    assert "allow sns:Publish to its role" in error


def test_a_release_is_told_once_that_is_asked_for_and_nobody_is_told_without_a_topic(
    channel: Channel,
) -> None:
    kiln = channel.kiln
    kiln.recipe(publish='parameter = "/golden/web"')
    kiln.bake(scheduled_time=NIGHTS[0])
    assert kiln.said("Image Released") != [] and channel.messages() == []

    channel.deploy(NotifyOf="releases")
    before = kiln.aws.journal_end()
    kiln.bake(scheduled_time=NIGHTS[1])
    (released,) = kiln.said("Image Released", before)
    (message,) = channel.messages()
    assert message["subject"] == f"Kiln: web {released['version']}: released"
    assert "/golden/web names it in 3 Regions" in message["content"]["description"]
    assert message["metadata"]["threadId"] == f"web-{released['version']}"

    channel.deploy(NotifyOf="everything")
    before = kiln.aws.journal_end()
    kiln.bake(scheduled_time=NIGHTS[2])
    version = kiln.said("Image Released", before)[0]["version"]
    said = [e for e in kiln.aws.journal(before, kind="event") if e["source"] == "kiln"]
    messages = channel.messages()
    assert len(messages) == len(said) and kiln.dead_letters() == []
    of_bake = [one for one in messages if one["metadata"]["threadId"] == f"web-{version}"]
    kinds = [one["metadata"]["eventType"] for one in of_bake]
    assert {"Bake-Started", "Image-Captured", "Image-Verified", "Image-Released"} <= set(kinds)

    channel.deploy(NotifyTopic="", NotifyOf="failures")
    before = kiln.aws.journal_end()
    kiln.recipe(script="exit 7")
    kiln.bake(scheduled_time=NIGHTS[3])
    assert kiln.said("Bake Failed", before) != [] and channel.messages() == []
    woken = [one["function"] for one in kiln.aws.journal(before, kind="invoke")]
    assert "kiln-notify" not in woken
    # By hand it says what lacks.
    (event,) = [e for e in kiln.aws.journal(before, kind="event") if e["detail_type"] == "Bake Failed"]
    envelope = {"source": "kiln", "account": "000000000000", "region": HOME}
    answer = kiln.invoke("notify", {**envelope, "detail-type": "Bake Failed", "detail": event["detail"]})
    assert "the stack has no topic; give its parameter NotifyTopic" in answer.error
    channel.deploy(NotifyTopic=channel.topic)


def test_what_is_no_event_of_kilns_is_refused(channel: Channel) -> None:
    event = {"source": "kiln", "account": "000000000000", "region": HOME, "detail-type": "Image Melted"}
    error = channel.kiln.invoke("notify", {**event, "detail": {"id": "1", "recipe": "web"}}).error
    assert "unknown variant `Image Melted`" in error and channel.messages() == []
