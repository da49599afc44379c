"""One CloudFormation stack: shown as a change set, brought to its template, and explained if it fails."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from stack import changes
from stack.changes import ChangeSet

# What CloudFormation takes of a template in the call itself; a longer one goes by way of S3.
MOST_BODY = 51_200
_CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
# A stack whose first creation failed can only be deleted. One that is under review is none of these: it holds
# nothing yet, but the change sets of whoever reviews it.
_NEVER_MADE = {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED"}
_REVIEW = "REVIEW_IN_PROGRESS"
# How this tool's own change sets begin, and those of former versions. Those of others are somebody's work.
OURS = "kiln-deploy-"
_OURS = (OURS, "import-logs")
_NOTHING = ("didn't contain changes", "No updates are to be performed")


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

    def propose(
        self, template: dict[str, str], parameters: dict[str, str], known: Iterable[str] = ()
    ) -> ChangeSet | None:
        """What would be created or updated; None where the stack is as it should be. Nothing is carried out.

        `template` is TemplateBody or TemplateURL. Of a stack that is there, those of the `known` parameters
        that are not given keep their values. Executing a change set makes all others void, so a stack that
        has one of somebody else's is left alone.
        """
        status = self.status()
        self.leave_to_its_reviewers()
        creates = status in {None, _REVIEW}
        call = {
            "StackName": self.name,
            "ChangeSetName": f"{OURS}{uuid.uuid4().hex}",
            "ChangeSetType": "CREATE" if creates else "UPDATE",
            "Parameters": _given(parameters) if creates else self._parameters(parameters, set(known)),
            "Capabilities": _CAPABILITIES,
            **_tagged(self.tags),
            **template,
        }
        try:
            made = self.cloudformation.create_change_set(**call)
        except ClientError as error:
            message = error.response["Error"].get("Message", "")
            raise StackError(f"{self.title} was refused: {message or error}{self._way_out()}") from error
        change_set = ChangeSet(
            self.name, self.region, made["Id"], made["StackId"], creates, status is None, ()
        )
        try:
            found = self._described(change_set)
        except BaseException:
            self.drop(change_set)
            raise
        if found is None:
            self.drop(change_set)
        return found

    def carry_out(self, change_set: ChangeSet) -> str:
        """Executes a change set, and waits. Answers `created` or `updated`; raises StackError with the
        reasons."""
        self._events_seen = {event["EventId"] for event in self._events()}
        token = f"kiln-{uuid.uuid4()}"
        try:
            self.cloudformation.execute_change_set(ChangeSetName=change_set.arn, ClientRequestToken=token)
        except ClientError as error:
            self.drop(change_set)
            raise StackError(
                f"{self.title} was not changed, for its change set cannot be executed: {error}. If somebody "
                "changed the stack meanwhile, deploy again to see what is still to be changed"
            ) from error
        status = self._wait()
        if status not in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
            raise StackError(f"{self.title} ended {status}:{self._reasons()}{self._way_out()}")
        return "created" if change_set.creates else "updated"

    def drop(self, change_set: ChangeSet) -> None:
        """Takes a change set back, with the empty stack that came into being with it alone."""
        self.cloudformation.delete_change_set(ChangeSetName=change_set.arn)
        if change_set.placeholder and self.status() == _REVIEW and not self._change_sets():
            self.cloudformation.delete_stack(StackName=change_set.stack_id)

    def failed_to_be_made(self) -> str | None:
        """The stack's status, where its first creation failed, so that it can only be deleted."""
        status = self.status()
        return status if status in _NEVER_MADE else None

    def delete(self) -> None:
        """Deletes the stack, and waits until it is gone. One that is under review is left alone."""
        status = self.status()
        if status is None:
            return
        self.leave_to_its_reviewers()
        self._events_seen = {event["EventId"] for event in self._events()}
        self.cloudformation.delete_stack(StackName=self.name)
        status = self._wait()
        if status not in {None, "DELETE_COMPLETE"}:
            raise StackError(f"{self.title} was not deleted but is {status}:{self._reasons()}")

    def status(self) -> str | None:
        """The stack's status; None where there is no such stack."""
        stack = self._describe()
        return stack["StackStatus"] if stack else None

    def outputs(self) -> dict[str, str]:
        """The stack's outputs."""
        stack = self._describe() or {}
        return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}

    def parameters(self) -> dict[str, str]:
        """The stack's parameters and their values."""
        stack = self._describe() or {}
        return {one["ParameterKey"]: one["ParameterValue"] for one in stack.get("Parameters", [])}

    def resources(self) -> dict[str, tuple[str, str]]:
        """The type and the name or id of each resource that the stack has, by logical id."""
        if self.status() is None:
            return {}
        pages = self.cloudformation.get_paginator("list_stack_resources").paginate(StackName=self.name)
        return {
            one["LogicalResourceId"]: (one["ResourceType"], one.get("PhysicalResourceId", ""))
            for page in pages
            for one in page["StackResourceSummaries"]
            if one["ResourceStatus"] not in {"DELETE_COMPLETE", "DELETE_SKIPPED"}
        }

    def is_there(self) -> bool:
        """Whether the stack was made: one that is only under review, or could not be made, is not there."""
        return self.status() not in {None, _REVIEW, *_NEVER_MADE}

    def settled(self) -> str | None:
        """The stack's status once CloudFormation has done what it was asked for."""
        return self._wait()

    @property
    def title(self) -> str:
        """The stack in a sentence."""
        return f"stack {self.name} in {self.region}"

    def leave_to_its_reviewers(self) -> None:
        """Raises StackError if somebody's change set waits for the stack: any other change would void it."""
        if self.status() is None:
            return
        others = [one["ChangeSetName"] for one in self._change_sets() if _waits_for_somebody(one)]
        if not others:
            return
        where = f"--region {self.region} --stack-name {self.name} --change-set-name {others[0]}"
        raise StackError(
            f"{self.title} is under review: change set {', '.join(others)} waits to be executed, and would "
            "be void. Nothing was changed. Execute or delete it, then go on:\n"
            f"  aws cloudformation describe-change-set {where}\n"
            f"  aws cloudformation delete-change-set {where}"
        )

    def _change_sets(self) -> list[dict[str, Any]]:
        pages = self.cloudformation.get_paginator("list_change_sets").paginate(StackName=self.name)
        return [one for page in pages for one in page["Summaries"]]

    def _described(self, change_set: ChangeSet) -> ChangeSet | None:
        end = time.monotonic() + self.patience_s
        while True:
            pages = self.cloudformation.get_paginator("describe_change_set").paginate(
                ChangeSetName=change_set.arn
            )
            found = list(pages)
            status, reason = found[0]["Status"], found[0].get("StatusReason", "")
            if status == "CREATE_COMPLETE":
                listed = changes.read_all([one for page in found for one in page.get("Changes", [])])
                return ChangeSet(**{**vars(change_set), "changes": listed})
            if status == "FAILED":
                if any(words in reason for words in _NOTHING):
                    return None
                raise StackError(f"{self.title} was refused: {reason or 'CloudFormation gives no reason'}")
            if time.monotonic() > end:
                raise StackError(
                    f"the change set of {self.title} is still {status} after {self.patience_s:.0f} s"
                )
            time.sleep(self.poll_s)

    def _parameters(self, given: dict[str, str], known: set[str]) -> list[dict[str, Any]]:
        kept = sorted((self.parameters().keys() & known) - given.keys())
        return _given(given) + [{"ParameterKey": key, "UsePreviousValue": True} for key in kept]

    def _wait(self) -> str | None:
        end = time.monotonic() + self.patience_s
        while True:
            status = self.status()
            if status is None or not status.endswith("_IN_PROGRESS"):
                return status
            if time.monotonic() > end:
                raise StackError(f"{self.title} is still {status} after {self.patience_s:.0f} s")
            time.sleep(self.poll_s)

    def _describe(self) -> dict[str, Any] | None:
        try:
            found = self.cloudformation.describe_stacks(StackName=self.name)["Stacks"]
        except ClientError as error:
            if "does not exist" in error.response["Error"].get("Message", ""):
                return None
            raise StackError(f"{self.title} cannot be seen: {error}") from error
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

    def _way_out(self) -> str:
        """What to do about a status in which CloudFormation takes no update."""
        command = {"UPDATE_ROLLBACK_FAILED": "continue-update-rollback", "DELETE_FAILED": "delete-stack"}
        status = self.status() or ""
        if status not in command:
            return ""
        return (
            f"\nIt is {status}. Once the cause is gone: "
            f"aws cloudformation {command[status]} --region {self.region} --stack-name {self.name}"
        )


def _waits_for_somebody(change_set: dict[str, Any]) -> bool:
    return (
        not change_set["ChangeSetName"].startswith(_OURS)
        and change_set.get("Status") != "FAILED"
        and change_set.get("ExecutionStatus") in {"AVAILABLE", "UNAVAILABLE"}
    )


def _tagged(tags: Mapping[str, str]) -> dict[str, Any]:
    return {"Tags": [{"Key": key, "Value": value} for key, value in sorted(tags.items())]} if tags else {}


def _given(parameters: dict[str, str]) -> list[dict[str, Any]]:
    return [{"ParameterKey": key, "ParameterValue": value} for key, value in sorted(parameters.items())]
