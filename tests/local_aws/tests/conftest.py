"""One server for all tests of a session; each test starts from its initial state."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_aws.client import LocalAws
from local_aws.tests import sample

QUICK = {
    "LOCAL_AWS_BOOT_S": "0.05",
    "LOCAL_AWS_IMAGE_S": "0.1",
    "LOCAL_AWS_STOP_S": "0.05",
    "LOCAL_AWS_REPORT_S": "0.1",
    "LOCAL_AWS_RETRY_S": "0.3,0.3",
}


@pytest.fixture(scope="session")
def server() -> Iterator[LocalAws]:
    with LocalAws(**QUICK) as running:
        yield running


@pytest.fixture
def aws(server: LocalAws) -> LocalAws:
    """A local AWS with the initial EC2, no faults and an empty journal. Functions and rules are kept."""
    server.reset()
    return server


@pytest.fixture(scope="session")
def stack(server: LocalAws) -> dict[str, str]:
    """The sample stack, deployed once, and its outputs."""
    return sample.deploy(server)


@pytest.fixture
def dead(aws: LocalAws, stack: dict[str, str]) -> DeadLetters:
    letters = DeadLetters(aws, stack["DeadUrl"])
    letters.take()
    return letters


class DeadLetters:
    def __init__(self, aws: LocalAws, url: str) -> None:
        self._sqs = aws.client("sqs")
        self._url = url

    def take(self) -> list[str]:
        bodies = []
        while found := self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10).get("Messages"):
            for message in found:
                bodies.append(message["Body"])
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        return bodies


@contextmanager
def refused(code: str, text: str = "") -> Iterator[None]:
    """The call inside must fail with this AWS error code, and with this text in its message."""
    with pytest.raises(ClientError) as caught:
        yield
    error = caught.value.response["Error"]
    assert error["Code"] == code, error
    assert text in error["Message"], error


def image(aws: LocalAws, region: str = "us-east-1", **fields: Any) -> str:
    """One seeded image."""
    return aws.seed(images=[{"region": region, "name": "web-1", **fields}])["images"][0]


def instance(aws: LocalAws, region: str = "us-east-1", **fields: Any) -> str:
    """One seeded instance, stopped by default, with its own image."""
    base = fields.pop("image", None) or image(aws, region, name="base")
    entry = {"region": region, "image": base, "state": "stopped", **fields}
    return aws.seed(instances=[entry])["instances"][0]


def tagged(kind: str, /, **tags: str) -> dict[str, Any]:
    return {"ResourceType": kind, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
