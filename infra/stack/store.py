"""The bucket of a deployed home stack, for what is large: folders of recipes, logs, the catalogue."""

from __future__ import annotations

from stack import artifacts
from stack.artifacts import Bucket
from stack.clients import Clients
from stack.deploy import stack_of
from stack.operate import OperateError
from stack.stacks import Stack


def deployed(clients: Clients, stack: str, home: str) -> Stack:
    """The home stack, which must be there."""
    found = stack_of(clients, stack, home)
    if not found.is_there():
        raise OperateError(
            f"{found.title} is not there: deploy it first (make deploy), or correct REGION or STACK"
        )
    return found


def store_of(clients: Clients, stack: Stack) -> Bucket | None:
    """The stack's bucket; None for a stack of before there was one."""
    account = clients.of("sts", stack.region).get_caller_identity()["Account"]
    return artifacts.find(stack, clients.of("s3", stack.region), account, "Store")
