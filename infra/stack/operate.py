"""What a person does with a deployed Kiln: wakes a function, reads its log."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

_SPAN = re.compile(r"^(\d+)([smhd])$")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class OperateError(RuntimeError):
    """What was asked for was not done; tells why and what to do."""


class FunctionFailed(OperateError):
    """A function was woken and failed; tells what it says itself."""


def recipes_of(stack: str) -> str:
    """The path in Parameter Store below which a stack has its recipes."""
    return f"/{stack}/recipes"


def documents_of(ssm: Any, stack: str) -> dict[str, str]:
    """A stack's recipes in Parameter Store, by name."""
    path = recipes_of(stack)
    pages = ssm.get_paginator("get_parameters_by_path").paginate(Path=path)
    found = (one for page in pages for one in page["Parameters"])
    return {one["Name"].removeprefix(f"{path}/"): one["Value"] for one in found}


def invoke(lambdas: Any, function: str, event: Path) -> tuple[bool, str]:
    """Wakes a function and waits for its answer. Tells whether it went well, and the answer as text."""
    try:
        payload = json.loads(event.read_text())
    except (OSError, ValueError) as error:
        raise OperateError(f"{event} is not a JSON file that can be read: {error}") from error
    try:
        return True, json.dumps(wake(lambdas, function, payload), indent=2)
    except FunctionFailed as error:
        return False, str(error)


def wake(lambdas: Any, function: str, payload: Any) -> Any:
    """Wakes a function and waits for its answer. Raises FunctionFailed with what it says if it failed."""
    try:
        response = lambdas.invoke(FunctionName=function, Payload=json.dumps(payload).encode())
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            raise OperateError(f"there is no function {function} here: deploy first (make deploy)") from error
        raise
    answer = json.loads(response["Payload"].read())
    if "FunctionError" in response:
        raise FunctionFailed(str(answer.get("errorMessage", answer) if isinstance(answer, dict) else answer))
    return answer


def log_lines(logs: Any, function: str, since_s: float) -> Iterator[str]:
    """What a function logged in the last seconds, oldest first."""
    group = f"/aws/lambda/{function}"
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=group, startTime=int((time.time() - since_s) * 1000)
    )
    try:
        for page in pages:
            yield from (event["message"].rstrip() for event in page["events"])
    except logs.exceptions.ResourceNotFoundException as error:
        raise OperateError(f"there is no log group {group} here: deploy first (make deploy)") from error


def span(text: str) -> float:
    """Seconds from a text such as 90s, 15m, 1h or 2d."""
    match = _SPAN.match(text)
    if not match:
        raise OperateError(f"{text!r} is not a span of time such as 90s, 15m, 1h or 2d")
    return int(match[1]) * _SECONDS[match[2]]
