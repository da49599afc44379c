"""Packages Kiln's templates and deploys them with CloudFormation, to the local AWS or to any endpoint."""

from stack.deploy import HOME_STACK, REGION_STACK, Deployed, deploy
from stack.stacks import StackError

__all__ = ["HOME_STACK", "REGION_STACK", "Deployed", "StackError", "deploy"]
