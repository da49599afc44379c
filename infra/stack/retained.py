"""What a former deployment left behind: sample recipes, and the logs of a stack that was deleted.

CloudFormation makes no resource whose name is taken, and would fail the whole stack.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

from stack import template as templates
from stack.confirm import Confirm
from stack.stacks import OURS, Stack, StackError
from stack.template import Short, Template

Say = Callable[[str], None]
_LOG_GROUP = "AWS::Logs::LogGroup"


def without_taken_recipes(body: str, stack: Stack, ssm: Any, given: dict[str, str], say: Say) -> str:
    """The template without the sample recipes whose parameters exist and are not the stack's.

    These stay as they are. They may be those that the stack left when `SampleRecipes` was set back, or
    somebody's own.
    """
    if (given.get("SampleRecipes") or stack.parameters().get("SampleRecipes")) != "true":
        return body
    document = templates.parse(body)
    own = stack.resources()
    names = _names(document, "AWS::SSM::Parameter", "Name", stack.name)
    strange = {name: logical for logical, name in names.items() if logical not in own}
    taken = ssm.get_parameters(Names=sorted(strange))["Parameters"] if strange else []
    for name in sorted(parameter["Name"] for parameter in taken):
        say(f"  {name} exists and stays as it is")
        del document["Resources"][strange[name]]
    return templates.write(document) if taken else body


def import_logs(document: Template, stack: Stack, logs: Any, say: Say, confirm: Confirm | None) -> None:
    """Lets a stack that is not there yet begin with the log groups that a former stack of its name left.

    An import takes nothing but what it imports, so the stack gets the rest by the update that follows. The
    log groups stay as they are if that is not wanted any more.
    """
    if stack.is_there():
        return
    names = _names(document, _LOG_GROUP, "LogGroupName", stack.name)
    pages = logs.get_paginator("describe_log_groups").paginate(
        logGroupNamePrefix=f"/aws/lambda/{stack.name}-"
    )
    there = {group["logGroupName"] for page in pages for group in page["logGroups"]}
    found = {logical: name for logical, name in names.items() if name in there}
    if not found:
        return
    say(f"  taking over the log groups of a former stack {stack.name}: {len(found)}")
    if confirm:
        confirm(f"Create {stack.title} with {len(found)} log groups, and see then what else it needs?")
    stack.leave_to_its_reviewers()
    change_set = f"{OURS}import-logs-{uuid.uuid4().hex}"
    small = {
        "Resources": {
            logical: {
                "Type": _LOG_GROUP,
                "DeletionPolicy": "RetainExceptOnCreate",
                "UpdateReplacePolicy": "Retain",
                "Properties": {"LogGroupName": name},
            }
            for logical, name in found.items()
        }
    }
    stack.cloudformation.create_change_set(
        StackName=stack.name,
        ChangeSetName=change_set,
        ChangeSetType="IMPORT",
        TemplateBody=json.dumps(small),
        ResourcesToImport=[
            {
                "ResourceType": _LOG_GROUP,
                "LogicalResourceId": logical,
                "ResourceIdentifier": {"LogGroupName": name},
            }
            for logical, name in found.items()
        ],
    )
    made = stack.cloudformation.get_waiter("change_set_create_complete")
    pace = {"Delay": max(1, round(stack.poll_s)), "MaxAttempts": 60}
    made.wait(StackName=stack.name, ChangeSetName=change_set, WaiterConfig=pace)
    stack.cloudformation.execute_change_set(StackName=stack.name, ChangeSetName=change_set)
    if (status := stack.settled()) != "IMPORT_COMPLETE":
        raise StackError(f"the log groups of a former stack {stack.name} were not taken over: it is {status}")


def _names(document: Template, kind: str, key: str, stack: str) -> dict[str, str]:
    """The name of each resource of a type, by logical id."""
    found = {}
    for logical, resource in document["Resources"].items():
        if resource["Type"] == kind:
            name = resource["Properties"][key]
            text = str(name.value if isinstance(name, Short) else name)
            found[logical] = text.replace("${AWS::StackName}", stack)
    return found
