"""IAM statements of the templates in words, so that whoever grants them can read them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from stack.template import Short, Template

Statement = dict[str, Any]
_ARN = re.compile(r"arn:\{Partition\}:([^:]*):([^:]*):([^:]*):(.*)")
_HOME = " in the home Region"
_REGIONS = {"": "", "*": " in every Region", "{Region}": _HOME, "{HomeRegion}": _HOME}
_ACCOUNTS = {"": "", "*": " of any account", "{AccountId}": " of this account"}
# The conditions of the templates under which a policy has a statement.
_WHEN = {
    "WithKmsKey": "the parameter `KmsKey` is given",
    "WithVpc": "the parameter `SubnetIds` is given",
    "WithFetchFrom": "the parameter `FetchFrom` is given",
    "WithInstanceRoles": "the parameter `InstanceRoles` is given",
    "WithNotifyTopic": "the parameter `NotifyTopic` is given",
    "WithTracing": "the parameter `Tracing` is `Active`",
}
_ONLY_WHEN = "OnlyWhen"


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def table(statements: list[Statement], why: dict[str, str]) -> Iterator[str]:
    """Statements as a table of Markdown, each with the comment that stands before it in the template."""
    yield "| Statement | Actions | On | Only if | Why |"
    yield "|---|---|---|---|---|"
    for statement in statements:
        sid = statement["Sid"]
        denied = "" if statement["Effect"] == "Allow" else "**never** "
        cells = [
            sid,
            denied + "<br>".join(f"`{action}`" for action in listed(statement["Action"])),
            "<br>".join(resource(one) for one in listed(statement["Resource"])),
            "<br>".join(statement.get(_ONLY_WHEN, []) + conditions(statement.get("Condition", {}))),
            why.get(sid, ""),
        ]
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def resource(value: Any) -> str:
    """What a statement is about: `image/*` in every Region."""
    if value == "*":
        return "everything"
    if isinstance(value, Short) and value.tag == "GetAtt":
        return f"`{str(value.value).removesuffix('.Arn')}` of this stack"
    text = _plain(value)
    found = _ARN.fullmatch(text)
    if not found or found[2] not in _REGIONS or found[3] not in _ACCOUNTS:
        return f"`{text}`"
    service, region, account, name = found.groups()
    return f"{service} `{name}`{_ACCOUNTS[account]}{_REGIONS[region]}"


def conditions(condition: dict[str, dict[str, Any]]) -> list[str]:
    """What must hold, one part each; what has no words here stands as it is in the template."""
    parts = []
    keys = condition.get("ForAllValues:StringEquals", {})
    for operator, pairs in condition.items():
        for key, value in pairs.items():
            if (operator, key, value) == ("Null", "aws:TagKeys", "false") and key in keys:
                continue  # The list of tags says more.
            parts.append(_condition(operator, key, listed(value)))
    return parts


def _condition(operator: str, key: str, values: list[Any]) -> str:
    texts = [_plain(value) for value in values]
    said = " or ".join(f"`{text}`" for text in texts)
    where, _, tag = key.partition("/")
    if operator == "Null" and where == "aws:ResourceTag":
        return f"it bears the tag `{tag}`" if texts == ["false"] else f"it does not bear the tag `{tag}`"
    if operator == "Null" and where == "aws:RequestTag" and texts == ["false"]:
        return f"the call sets the tag `{tag}`"
    if operator == "StringEquals" and where == "aws:ResourceTag":
        return f"its tag `{tag}` is {said}"
    if operator == "StringEquals" and where == "aws:RequestTag":
        return f"the call sets the tag `{tag}` to {said}"
    if operator == "ForAllValues:StringEquals" and key == "aws:TagKeys":
        return f"no other tags are written or removed than {', '.join(f'`{text}`' for text in texts)}"
    if key == "ec2:CreateAction":
        return f"the tags are set by {said} itself"
    if key == "kms:ViaService":
        return f"the call comes through {said}"
    if key == "lambda:SourceFunctionArn":
        return "a function's own code makes the call"
    if (key, texts) == ("kms:GrantIsForAWSResource", ["true"]):
        return "the grant is for an AWS service"
    if (key, texts) == ("ssm:Overwrite", ["false"]):
        return "nothing is overwritten"
    if (key, texts) == ("ec2:MetadataHttpTokens", ["required"]):
        return "its metadata asks for a token (IMDSv2)"
    return f"`{key}` is {said} (`{operator}`)"


def _plain(value: Any) -> str:
    """Without the marks of CloudFormation: `{ReleaseParameters}` of `!Sub ${ReleaseParameters}`."""
    if isinstance(value, Short) and value.tag == "Ref":
        return "{" + str(value.value).removeprefix("AWS::") + "}"
    text = str(value.value if isinstance(value, Short) else value)
    return text.replace("${AWS::", "{").replace("${", "{")


def comments(text: str) -> dict[str, dict[str, str]]:
    """The comment before each statement of a template by resource and statement: YAML's reader drops it."""
    found: dict[str, dict[str, str]] = {}
    name, before = "", []
    for line in text.splitlines():
        if resource_line := re.fullmatch(r"  (\w+):", line):
            name = resource_line[1]
        if comment := re.fullmatch(r" +# (.*)", line):
            before.append(comment[1])
            continue
        if (sid := re.fullmatch(r" +- Sid: (\w+)", line)) and before:
            found.setdefault(name, {})[sid[1]] = " ".join(before)
        before = []
    return found


def of_policy(policy: dict[str, Any]) -> list[Statement]:
    """The statements of a policy, managed or inline. Those of an `!If` tell when the policy has them."""
    return [_unfolded(statement) for statement in policy["PolicyDocument"]["Statement"]]


def _unfolded(statement: Any) -> Statement:
    if not isinstance(statement, Short):
        return dict(statement)
    condition, then, _ = statement.value
    return {**then, _ONLY_WHEN: [_WHEN[condition]]}


def roles(document: Template) -> dict[str, dict[str, Any]]:
    """The properties of each role of a template."""
    return of_kind(document, "AWS::IAM::Role")


def of_kind(document: Template, kind: str) -> dict[str, dict[str, Any]]:
    """The properties of each resource of a type."""
    found = ((name, one) for name, one in document["Resources"].items() if one["Type"] == kind)
    return {name: one["Properties"] for name, one in found}
