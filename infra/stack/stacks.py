"""One CloudFormation stack: created or updated, waited for, and explained when it fails."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

# What CloudFormation takes of a template in the call itself; a longer one goes by way of S3.
MOST_BODY = 51_200
_CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
# A stack whose first creation failed can only be deleted.
_NEVER_MADE = {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "REVIEW_IN_PROGRESS"}


class StackError(RuntimeError):
    """A stack was not brought to what its template says; tells each resource that failed, and why."""


@dataclass
class Stack:
    """A stack of one Region. `poll_s` is the time between two looks while CloudFormation works."""

    cloudformation: Any
    name: str
    region: str
    poll_s: float = 2.0
    patience_s: float = 900.0
    tags: Mapping[str, str] = field(default_factory=dict)
    """CloudFormation gives them to every resource that takes tags. Without any, those of before stay."""
    _events_seen: set[str] = field(default_factory=set)

    def bring(self, template: dict[str, str], parameters: dict[str, str], known: Iterable[str] = ()) -> str:
        """Creates or updates the stack, and waits. `template` is TemplateBody or TemplateURL. Of a stack that
        is there, those of the `known` parameters that are not given keep their values.

        Answers `created`, `updated` or `unchanged`; raises StackError with the reasons.
        """
        status = self.cleared()
        self._events_seen = {event["EventId"] for event in self._events()} if status else set()
        call = self.cloudformation.create_stack if status is None else self.cloudformation.update_stack
        given = self._parameters(parameters, set(known)) if status else _given(parameters)
        try:
            call(
                StackName=self.name,
                Parameters=given,
                Capabilities=_CAPABILITIES,
                ClientRequestToken=f"kiln-{uuid.uuid4()}",
                **_tagged(self.tags),
                **template,
            )
        except ClientError as error:
            message = error.response["Error"].get("Message", "")
            if "No updates are to be performed" in message:
                return "unchanged"
            raise StackError(f"{self._title()} was refused: {message or error}") from error
        status = self._wait()
        if status not in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
            raise StackError(f"{self._title()} ended {status}:{self._reasons()}")
        return "created" if status == "CREATE_COMPLETE" else "updated"

    def delete(self) -> None:
        """Deletes the stack, and waits until it is gone."""
        self.cloudformation.delete_stack(StackName=self.name)
        status = self._wait()
        if status not in {None, "DELETE_COMPLETE"}:
            raise StackError(f"{self._title()} was not deleted but is {status}:{self._reasons()}")

    def cleared(self) -> str | None:
        """The stack's status, once a stack that was never made is out of the way."""
        status = self.status()
        if status not in _NEVER_MADE:
            return status
        self.delete()
        return None

    def status(self) -> str | None:
        """The stack's status; None where there is no such stack."""
        stack = self._describe()
        return stack["StackStatus"] if stack else None

    def outputs(self) -> dict[str, str]:
        """The stack's outputs."""
        stack = self._describe() or {}
        return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}

    def parameters(self) -> dict[str, str]:
        """The parameters that the stack has now."""
        stack = self._describe() or {}
        return {each["ParameterKey"]: each["ParameterValue"] for each in stack.get("Parameters", [])}

    def resources(self) -> set[str]:
        """The logical ids of what the stack has now."""
        if self.status() is None:
            return set()
        pages = self.cloudformation.get_paginator("list_stack_resources").paginate(StackName=self.name)
        found = (one for page in pages for one in page["StackResourceSummaries"])
        return {one["LogicalResourceId"] for one in found if not one["ResourceStatus"].startswith("DELETE_")}

    def settled(self) -> str | None:
        """The stack's status once CloudFormation has done what it was asked for."""
        return self._wait()

    def _parameters(self, given: dict[str, str], known: set[str]) -> list[dict[str, Any]]:
        before = {each["ParameterKey"] for each in (self._describe() or {}).get("Parameters", [])}
        kept = sorted((before & known) - given.keys())
        return _given(given) + [{"ParameterKey": key, "UsePreviousValue": True} for key in kept]

    def _wait(self) -> str | None:
        end = time.monotonic() + self.patience_s
        while True:
            status = self.status()
            if status is None or not status.endswith("_IN_PROGRESS"):
                return status
            if time.monotonic() > end:
                raise StackError(f"{self._title()} is still {status} after {self.patience_s:.0f} s")
            time.sleep(self.poll_s)

    def _describe(self) -> dict[str, Any] | None:
        try:
            found = self.cloudformation.describe_stacks(StackName=self.name)["Stacks"]
        except ClientError as error:
            if "does not exist" in error.response["Error"].get("Message", ""):
                return None
            raise StackError(f"{self._title()} cannot be seen: {error}") from error
        alive = [stack for stack in found if stack["StackStatus"] != "DELETE_COMPLETE"]
        return alive[0] if alive else None

    def _events(self) -> list[dict[str, Any]]:
        pages = self.cloudformation.get_paginator("describe_stack_events").paginate(StackName=self.name)
        return [event for page in pages for event in page["StackEvents"]]

    def _reasons(self) -> str:
        """What failed, oldest first: the first is the cause, the others are mostly cancelled for it."""
        failed = [
            f"\n  - {event['LogicalResourceId']} ({event['ResourceType']}): "
            f"{event.get('ResourceStatusReason', 'no reason given')}"
            for event in reversed(self._events())
            if event["EventId"] not in self._events_seen and event["ResourceStatus"].endswith("_FAILED")
        ]
        return "".join(failed) or " CloudFormation gives no reason"

    def _title(self) -> str:
        return f"stack {self.name} in {self.region}"


def _given(parameters: dict[str, str]) -> list[dict[str, Any]]:
    return [{"ParameterKey": key, "ParameterValue": value} for key, value in sorted(parameters.items())]


def _tagged(tags: Mapping[str, str]) -> dict[str, Any]:
    return {"Tags": [{"Key": key, "Value": value} for key, value in sorted(tags.items())]} if tags else {}
