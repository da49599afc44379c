"""Runs Kiln's `expire` on the local AWS, as another tool is run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bench.peers.tools import REGION, Ran
from local_aws.client import LocalAws
from local_aws.deploy import HOME_STACK, deploy

FUNCTION = f"{HOME_STACK}-expire"
# The services that it calls, as in the names of the variables that set a service's endpoint.
SERVICES = ("EC2", "AUTO_SCALING", "SSM", "EVENTBRIDGE")


def install(aws: LocalAws, built: Path) -> None:
    deploy(aws.url, built, home=REGION, regions=[], architecture="x86_64", say=lambda _: None)


def calls_through(aws: LocalAws, url: str) -> None:
    """Restarts the function with this endpoint of AWS."""
    lambdas = aws.client("lambda", REGION)
    configuration = lambdas.get_function_configuration(FunctionName=FUNCTION)
    variables: dict[str, str] = configuration["Environment"]["Variables"]
    there = {f"AWS_ENDPOINT_URL_{service}": url for service in SERVICES}
    lambdas.update_function_configuration(
        FunctionName=FUNCTION, Environment={"Variables": {**variables, **there}}
    )


def expire(aws: LocalAws) -> Ran:
    """Runs one night. It returns with the answer of the function, though its events may have started
    others."""
    payload: dict[str, Any] = {"recipe": "web", "dry_run": False}
    answer = aws.client("lambda", REGION).invoke(FunctionName=FUNCTION, Payload=json.dumps(payload).encode())
    body = answer["Payload"].read().decode()
    failed = None
    if "FunctionError" in answer:
        failed = str(json.loads(body).get("errorMessage", body))[:60]
    return Ran(failed, body)
