"""What an event costs that is none of Kiln's, at each memory size: cold, right after the start, and warm."""

from __future__ import annotations

import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.share.certificates import make
from bench.share.endpoint import Endpoint
from bench.share.runtime import Function
from local_aws.client import LocalAws
from local_aws.deploy import HOME_STACK, deploy

SIZES = (128, 256, 512, 1_024)
RUNS = 9
MOST_INIT_MS, MOST_COLD_MS, MOST_WARM_MS = 60.0, 100.0, 3.0
"""The limits at 128 MB; the start has a whole core at each size."""


@dataclass(frozen=True)
class Measured:
    """Medians, in ms."""

    function: str
    event: str
    megabytes: int
    init: float
    init_cpu: float
    cold: float
    warm: float
    calls: int
    """Calls of AWS of a warm event."""

    def within(self) -> bool:
        small = self.megabytes > 128 or (self.cold <= MOST_COLD_MS and self.warm <= MOST_WARM_MS)
        return self.init <= MOST_INIT_MS and small


def measure(
    built: Path, functions: tuple[str, ...] = ("capture", "verify"), runs: int = RUNS
) -> list[Measured]:
    """Measures a stopped instance and an image, each of somebody else, on the release binaries."""
    with LocalAws() as aws, tempfile.TemporaryDirectory() as folder:
        deploy(aws.url, built, home="us-east-1", regions=[], architecture="x86_64", say=lambda _: None)
        events = _events(aws)
        chain, bundle = make(Path(folder))
        with Endpoint(chain, remember=True) as endpoint:
            endpoint.ask(aws.url)
            found = []
            for name in functions:
                variables = {
                    **_variables(aws, name),
                    "AWS_ENDPOINT_URL": endpoint.url,
                    "SSL_CERT_FILE": str(bundle),
                }
                for event, payload in events.items():
                    for size in SIZES:
                        found.append(_of(built, endpoint, name, variables, event, payload, size, runs))
            return found


def _of(
    built: Path,
    endpoint: Endpoint,
    name: str,
    variables: dict[str, str],
    event: str,
    payload: dict[str, Any],
    size: int,
    runs: int,
) -> Measured:
    inits, cpu, cold, warm, calls = [], [], [], [], 0
    # The first run lets the endpoint see each answer once.
    for run in range(runs + 1):
        with Function(built / name / "bootstrap", variables, size) as function:
            first, answer = function.handle(payload)
            if any(line["action"] != "keep" for line in answer["decisions"]):
                raise RuntimeError(f"{name} did something with what is not Kiln's: {answer}")
            before = endpoint.calls
            again = [function.handle(payload)[0] for _ in range(3)]
            calls = (endpoint.calls - before) // 3
            if run > 0:
                inits.append(function.init_ms)
                cpu.append(function.init_cpu_ms)
                cold.append(first)
                warm += again
    median = statistics.median
    return Measured(name, event, size, median(inits), median(cpu), median(cold), median(warm), calls)


def _variables(aws: LocalAws, name: str) -> dict[str, str]:
    found = aws.client("lambda").get_function_configuration(FunctionName=f"{HOME_STACK}-{name}")
    return {
        **found["Environment"]["Variables"],
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_SESSION_TOKEN": "test",
    }


def _events(aws: LocalAws) -> dict[str, dict[str, Any]]:
    theirs = {"region": "us-east-1", "tags": {"Name": "theirs"}}
    (image,) = aws.seed(images=[{**theirs, "name": "theirs"}])["images"]
    (instance,) = aws.seed(instances=[{**theirs, "image": image, "state": "stopped"}])["instances"]
    common = {
        "version": "0",
        "id": "12345678-1234-1234-1234-123456789012",
        "source": "aws.ec2",
        "account": "000000000000",
        "time": "2026-11-28T02:00:00Z",
        "region": "us-east-1",
    }
    return {
        "instance stopped": {
            **common,
            "detail-type": "EC2 Instance State-change Notification",
            "resources": [f"arn:aws:ec2:us-east-1:000000000000:instance/{instance}"],
            "detail": {"instance-id": instance, "state": "stopped"},
        },
        "image available": {
            **common,
            "detail-type": "EC2 AMI State Change",
            "resources": [f"arn:aws:ec2:us-east-1::image/{image}"],
            "detail": {"ImageId": image, "State": "available", "ErrorMessage": ""},
        },
    }
