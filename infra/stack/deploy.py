"""Deploys Kiln: the home stack, then one stack in each further Region."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from stack import template as templates
from stack.bucket import protect
from stack.package import QUICK, SMALL, ensure_bucket, package
from stack.regional import neighbours, shared_out
from stack.retained import import_logs, without_taken_recipes
from stack.stacks import MOST_BODY, Stack, StackError

HOME_STACK = "kiln"
REGION_STACK = f"{HOME_STACK}-region"


@dataclass(frozen=True)
class Deployed:
    """What stands after a deployment."""

    home: str
    outputs: dict[str, str]
    regions: dict[str, dict[str, str]]


def deploy(
    endpoint_url: str | None,
    build_dir: str | Path,
    home: str = "us-east-1",
    regions: Iterable[str] = ("eu-west-1", "ap-southeast-2"),
    architecture: str = "x86_64",
    parameters: Mapping[str, str] | None = None,
    say: Callable[[str], None] = print,
    name: str = HOME_STACK,
    tags: Mapping[str, str] | None = None,
) -> Deployed:
    """Packages and deploys the real templates; run again, it changes only what changed.

    `build_dir` holds `<function>/bootstrap`. `parameters` are those of template.yaml, and of region.yaml
    where it has them too. `endpoint_url` is the local AWS, which is given made-up credentials; None is AWS
    itself, with the caller's own. `name` is the home stack's, which all other names follow. All stacks get
    the `tags`.
    """
    regions = list(dict.fromkeys(regions))
    if home in regions:
        raise StackError(f"{home} is the home Region and cannot be a further Region as well")
    region_body = templates.write(templates.read(templates.REGION_TEMPLATE))
    region_known = templates.parse(region_body)["Parameters"]
    shares = shared_out({"Architecture": architecture, **(parameters or {})}, home, regions, region_known)
    clients = Clients(endpoint_url)
    poll_s = 0.1 if endpoint_url else 3.0

    account = clients.of("sts", home).get_caller_identity()["Account"]
    bucket = f"kiln-artifacts-{account}-{home}"
    s3 = clients.of("s3", home)
    say(f"packaging the functions of {build_dir}")
    ensure_bucket(s3, bucket, home)
    stack = Stack(clients.of("cloudformation", home), name, home, poll_s, tags=tags or {})
    protect(s3, bucket, shares[home].get("KmsKey", stack.parameters().get("KmsKey") or None), tags or {})
    level = QUICK if endpoint_url else SMALL
    body = package(templates.HOME_TEMPLATE, Path(build_dir), s3, bucket, lambda line: say(f"  {line}"), level)

    say(f"deploying stack {name} to {home}")
    for region in [home, *regions]:
        for other in neighbours(clients.of("events", region), name):
            say(f"  caution: stack {other} is in {region} too, and each would end the other's bakes there")
    import_logs(body, stack, clients.of("logs", home), say)
    body = without_taken_recipes(body, stack, clients.of("ssm", home), shares[home], say)
    outcome = stack.bring(_template(body, s3, bucket), shares[home], templates.parse(body)["Parameters"])
    outputs = stack.outputs()
    say(f"  {outcome}")

    done: dict[str, dict[str, str]] = {}
    for region in regions:
        cloudformation = clients.of("cloudformation", region)
        further = Stack(cloudformation, f"{name}-region", region, poll_s, tags=tags or {})
        say(f"deploying stack {further.name} to {region}")
        given = {**shares[region], "HomeRegion": home, "BusName": outputs["BusName"]}
        outcome = further.bring({"TemplateBody": region_body}, given, region_known)
        done[region] = further.outputs()
        say(f"  {outcome}")
    return Deployed(home, outputs, done)


def _template(body: str, s3: Any, bucket: str) -> dict[str, str]:
    """The template as the call takes it: in itself, or, where it is too long for that, by way of S3."""
    if len(body.encode()) <= MOST_BODY:
        return {"TemplateBody": body}
    s3.put_object(Bucket=bucket, Key="template.yaml", Body=body.encode())
    return {"TemplateURL": f"{s3.meta.endpoint_url}/{bucket}/template.yaml"}


class Clients:
    """boto3 clients of one endpoint, each made once."""

    def __init__(self, endpoint_url: str | None) -> None:
        # A function may take 15 minutes to answer; to ask it again meanwhile would wake it twice.
        config = Config(retries={"mode": "standard"}, read_timeout=930)
        self._settings: dict[str, Any] = {"config": config}
        self._made: dict[tuple[str, str], Any] = {}
        if endpoint_url:
            self._settings |= {
                "endpoint_url": endpoint_url,
                "aws_access_key_id": "test",
                "aws_secret_access_key": "test",
            }

    def of(self, service: str, region: str) -> Any:
        if (service, region) not in self._made:
            self._made[service, region] = boto3.client(service, region_name=region, **self._settings)
        return self._made[service, region]
