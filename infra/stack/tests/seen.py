"""What a test sees of CloudFormation's stacks, without Kiln's own eyes."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from local_aws.client import LocalAws


def described(aws: LocalAws, name: str, region: str = "us-east-1") -> dict[str, Any]:
    """A stack; nothing where there is none."""
    try:
        found = aws.client("cloudformation", region).describe_stacks(StackName=name)["Stacks"]
    except ClientError:
        return {}
    alive = [stack for stack in found if stack["StackStatus"] != "DELETE_COMPLETE"]
    return alive[0] if alive else {}


def status(aws: LocalAws, name: str, region: str = "us-east-1") -> str | None:
    """Its status; none where there is no such stack."""
    return described(aws, name, region).get("StackStatus")


def parameters(aws: LocalAws, name: str, region: str = "us-east-1") -> dict[str, str]:
    """Its parameters."""
    given = described(aws, name, region).get("Parameters", [])
    return {one["ParameterKey"]: one["ParameterValue"] for one in given}


def resources(aws: LocalAws, name: str, region: str = "us-east-1") -> dict[str, str]:
    """The name or id of each of its resources, by logical id."""
    pages = aws.client("cloudformation", region).get_paginator("list_stack_resources")
    return {
        one["LogicalResourceId"]: one["PhysicalResourceId"]
        for page in pages.paginate(StackName=name)
        for one in page["StackResourceSummaries"]
        if one["ResourceStatus"] != "DELETE_COMPLETE"
    }


def settled(aws: LocalAws, name: str, waiter: str, region: str = "us-east-1") -> None:
    """Waits for a stack, such as for `stack_delete_complete`."""
    waiting = aws.client("cloudformation", region).get_waiter(waiter)
    waiting.wait(StackName=name, WaiterConfig={"Delay": 0.1, "MaxAttempts": 200})
