"""Measures a sweep over many images: its calls and its time."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.memory import peaks
from demo.account import HOME
from local_aws.client import LocalAws
from local_aws.deploy import HOME_STACK, deploy

FURTHER = ("eu-west-1", "eu-central-1", "us-west-2", "ap-southeast-2")
RELEASES = 2_000
PAGE = 1_000
# The limit of calls in a Region beside the pages of images: recipes, instances, and some more than today.
BESIDE = 5

RECIPE = f"""
name = "web"
[bake]
base = "ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"
instance_type = "t4g.small"
[replicate]
regions = {json.dumps(FURTHER)}
"""


@dataclass(frozen=True)
class Sweep:
    """What one sweep did."""

    images: int
    seconds: float
    peak_mib: float
    calls: dict[str, int]
    """The calls by Region."""
    allowed: dict[str, int]
    """The limit of calls by Region: the pages of images and some more."""

    def within(self) -> bool:
        return all(made <= self.allowed[region] for region, made in self.calls.items())


def sweep(built: Path) -> Sweep:
    """Measures one sweep over 10,000 images in 5 Regions, with nothing to repair."""
    with LocalAws() as aws:
        deploy(aws.url, built, home=HOME, regions=[], architecture="x86_64", say=lambda _: None)
        _releases(aws)
        aws.client("ssm").put_parameter(Name="/kiln/recipes/web", Value=RECIPE, Type="String")
        # The first call starts the function; the second is measured.
        for _ in range(2):
            before, began = aws.journal_end(), datetime.now(UTC)
            answer = aws.client("lambda").invoke(FunctionName=f"{HOME_STACK}-reconcile", Payload=b"{}")
            took = (datetime.now(UTC) - began).total_seconds()
            body = json.loads(answer["Payload"].read())
            if body != {"decisions": []}:
                raise RuntimeError(f"a sweep found something to repair: {str(body)[:300]}")
        calls: dict[str, int] = {}
        for call in aws.journal(before, kind="call"):
            if call["who"] == f"{HOME_STACK}-reconcile":
                calls[call["region"]] = calls.get(call["region"], 0) + 1
        pages = 2 * -(-RELEASES // PAGE)
        allowed = dict.fromkeys((HOME, *FURTHER), pages + BESIDE)
        return Sweep(RELEASES * len(allowed), took, peaks(aws.pid).get("reconcile", 0.0), calls, allowed)


def _releases(aws: LocalAws) -> None:
    first = datetime(2020, 1, 1, 2, tzinfo=UTC)
    times = [first + timedelta(days=day) for day in range(RELEASES)]
    common = [
        {
            "name": f"web-{at:%Y%m%dT%H%M%SZ}",
            "created": f"{at:%Y-%m-%dT%H:%M:%SZ}",
            "tags": {
                "kiln:recipe": "web",
                "kiln:version": f"{at:%Y%m%dT%H%M%SZ}",
                "kiln:stage": "released",
            },
        }
        for at in times
    ]
    made = {"source_instance": "i-0123456789abcdef0"}
    homes = aws.seed(images=[{**image, **made, "region": HOME} for image in common])["images"]
    for region in FURTHER:
        replicas = []
        for image, home in zip(common, homes, strict=True):
            tags = {**image["tags"], "kiln:origin": f"{HOME}/{home}", "kiln:attempt": "1"}
            copied = {"source_image": home, "source_region": HOME, "tags": tags}
            replicas.append({**image, **copied, "region": region})
        aws.seed(images=replicas)
