"""What Kiln assumes of AWS, by the checks that the simulation's cloud passes, through Kiln's own AWS side."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from local_aws.client import LocalAws

CONTRACT = Path(__file__).resolve().parent.parent.parent / ".build" / "local" / "contract"


def check(url: str, base: str, *names: str) -> list[str]:
    """The lines of the check at an endpoint."""
    credentials = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1"}
    environment = {**os.environ, **credentials, "AWS_ENDPOINT_URL": url}
    done = subprocess.run(
        [CONTRACT, base, *names], env=environment, capture_output=True, text=True, timeout=240
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


def base_at(url: str, pattern: str) -> str:
    ec2 = boto3.client(
        "ec2", "us-east-1", endpoint_url=url, aws_access_key_id="test", aws_secret_access_key="test"
    )
    return str(ec2.describe_images(Filters=[{"Name": "name", "Values": [pattern]}])["Images"][0]["ImageId"])


@pytest.fixture
def moto() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def test_the_local_aws_keeps_every_assumption() -> None:
    with LocalAws(LOCAL_AWS_IMAGE_S="0.2", LOCAL_AWS_BOOT_S="0.1") as aws:
        lines = check(aws.url, base_at(aws.url, "al2023*arm64"))
    assert len(lines) == 17 and [line for line in lines if not line.startswith("ok ")] == []


def test_unpatched_moto_keeps_those_that_it_knows(moto: str) -> None:
    lines = check(moto, base_at(moto, "amzn2-ami-hvm-*"), "moto")
    assert lines and [line for line in lines if not line.startswith("ok ")] == []
