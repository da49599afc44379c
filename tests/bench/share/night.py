"""A whole night of 20 recipes at a share of a core and over TLS: how long each function ran, and its cost."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from bench.memory import cores
from bench.share import prices
from bench.share.certificates import make
from bench.share.endpoint import Endpoint
from demo.account import FURTHER, HOME, midnight
from local_aws import quota, share
from local_aws.client import LocalAws
from local_aws.deploy import HOME_STACK, deploy
from local_aws.quota import MB_OF_A_CORE
from stack import functions

RECIPES = 20
MOST_DOLLARS_A_RELEASE = 0.0002
"""The limit of a release of three Regions, from its bake until each Region names it."""
OF_A_RELEASE = ("bake", "capture", "verify", "publish", "replicate")
RECIPE = """
name = "app-{number:02}"
[bake]
base          = "ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"
instance_type = "t4g.small"
script        = "echo baked"
[verify]
script        = "echo tested"
[publish]
parameter     = "/golden/app-{number:02}"
[replicate]
regions       = ["eu-west-1", "ap-southeast-2"]
"""


@dataclass
class Ran:
    """What one function did in a night."""

    megabytes: int
    starts: int
    core_ms: float
    """What it took of a core, starts included. It is the same at each memory size."""
    calls: int
    events: int = 0

    def dollars(self, megabytes: int | None = None) -> float:
        """At this memory size, or at its own. Events have their share of a core, and wait for each call in
        turn; a start has a whole core, which is left out."""
        size = megabytes or self.megabytes
        billed_ms = self.core_ms / min(1.0, size / MB_OF_A_CORE) + self.calls * prices.CALL_MS
        return prices.dollars(billed_ms, size, self.events)


@dataclass
class Night:
    """What each function did."""

    ran: dict[str, Ran] = field(default_factory=dict)

    def release(self, megabytes: int | None = None) -> float:
        """What one release of three Regions costs, from its bake until each Region names it."""
        return sum(self.ran[name].dollars(megabytes) for name in OF_A_RELEASE) / RECIPES

    def dollars(self, megabytes: int | None = None) -> float:
        return sum(ran.dollars(megabytes) for ran in self.ran.values())

    def within(self) -> bool:
        return self.release() <= MOST_DOLLARS_A_RELEASE


def night(built: Path) -> Night:
    """Bakes, tests, publishes and copies 20 recipes, then expires, sweeps and writes the catalogue; each
    function at its own memory size."""
    with tempfile.TemporaryDirectory() as folder:
        chain, bundle = make(Path(folder))
        with Endpoint(chain) as endpoint:
            environment = {
                share.ENDPOINT: endpoint.url,
                share.SHARE: "1",
                "SSL_CERT_FILE": str(bundle),
            }
            try:
                with LocalAws(**environment) as aws:
                    endpoint.ask(aws.url)
                    return _night(aws, built)
            finally:
                quota.remove_all()


def _night(aws: LocalAws, built: Path) -> Night:
    deploy(aws.url, built, home=HOME, regions=list(FURTHER), architecture="x86_64", say=lambda _: None)
    recipes = aws.client("ssm")
    for number in range(RECIPES):
        recipes.put_parameter(
            Name=f"/kiln/recipes/app-{number:02}", Value=RECIPE.format(number=number), Type="String"
        )
    aws.wait_idle(120)
    before = aws.journal_end()
    for schedule in (name for function in functions.functions() for name in function.schedules):
        aws.schedule(f"{HOME_STACK}-{schedule}", at=midnight().strftime("%Y-%m-%dT%H:%M:%SZ"))
        aws.wait_idle(600)
    found = Night()
    # Two invocations at once may both say it.
    released = len(
        {
            entry["detail"]["recipe"]
            for entry in aws.journal(before, kind="event")
            if entry["source"] == "kiln" and entry["detail_type"] == "Image Released"
        }
    )
    if released != RECIPES:
        raise RuntimeError(f"{released} of {RECIPES} recipes were released")
    lambdas = aws.client("lambda")
    own = {
        name: int(lambdas.get_function_configuration(FunctionName=f"{HOME_STACK}-{name}")["MemorySize"])
        for name in functions.names()
    }
    calls: dict[str, int] = defaultdict(int)
    for call in aws.journal(before, kind="call"):
        calls[call["who"]] += 1
    for name, (starts, core_ms) in cores(aws.pid).items():
        found.ran[name] = Ran(own[name], starts, core_ms, calls[f"{HOME_STACK}-{name}"])
    for run in aws.journal(before, kind="invoke"):
        found.ran[run["function"].removeprefix(f"{HOME_STACK}-")].events += 1
    return found
