"""`make docs`: the pages of docs/reference that follow from the templates, written anew."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stack import rights
from stack import template as templates
from stack.functions import Function
from stack.functions import read as functions_of
from stack.template import ACCOUNT_TEMPLATE, HOME_TEMPLATE, REGION_TEMPLATE, Short, Template

REFERENCE = templates.INFRA.parent / "docs" / "reference"
_MADE = "<!-- Made by `make docs` from template.yaml, region.yaml and account.yaml in infra: change them. -->"


def pages() -> dict[str, str]:
    """Each page by its file's name."""
    home, further = templates.read(HOME_TEMPLATE), templates.read(REGION_TEMPLATE)
    account = templates.read(ACCOUNT_TEMPLATE)
    return {
        "template-parameters.md": _page(_parameters(home, further, account)),
        "functions.md": _page(_functions(home, further, account)),
    }


def write(folder: Path = REFERENCE) -> list[Path]:
    """Writes the pages; answers those that changed."""
    folder.mkdir(parents=True, exist_ok=True)
    changed = []
    for name, text in pages().items():
        path = folder / name
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            changed.append(path)
    return changed


def _page(lines: Iterator[str]) -> str:
    return "\n".join([_MADE, "", *lines]) + "\n"


# ------------------------------------------------------------------------------------------ parameters


def _parameters(home: Template, further: Template, account: Template) -> Iterator[str]:
    yield "# Template parameters"
    yield ""
    yield "What you can set when you deploy Kiln, all of it optional:"
    yield ""
    yield "```sh"
    yield "make deploy PARAMETERS=\"LogLevel=debug BakeSchedule='cron(0 1 * * ? *)'\""
    yield "```"
    yield ""
    yield "A parameter that you do not give keeps the value that it had in the deployment before."
    yield ""
    yield "## The home Region (infra/template.yaml)"
    yield ""
    yield from _parameter_table(home)
    yield ""
    yield "## Each further Region (infra/region.yaml)"
    yield ""
    yield "`make deploy` sets `HomeRegion` and `BusName`, and gives the others what you give the home Region."
    yield "A topic and a key are of one Region: give one for each, with commas between them, and each stack"
    yield "gets its own."
    yield ""
    yield from _parameter_table(further)
    yield ""
    yield "## Each other account (infra/account.yaml)"
    yield ""
    yield "For the accounts of [`publish.parameter_accounts`](recipe.md). You deploy it there, in one Region;"
    yield "see [Other accounts](../guides/use-an-image.md#other-accounts)."
    yield ""
    yield from _parameter_table(account)


def _parameter_table(document: Template) -> Iterator[str]:
    yield "| Parameter | Type | Default | Allowed | What it does |"
    yield "|---|---|---|---|---|"
    for name, one in document["Parameters"].items():
        default = "none: required" if "Default" not in one else _code(one["Default"]) or "empty"
        cells = [f"`{name}`", one["Type"], default, _allowed(one), one["Description"]]
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _allowed(parameter: dict[str, Any]) -> str:
    if "AllowedValues" in parameter:
        return ", ".join(_code(value) for value in parameter["AllowedValues"])
    if "AllowedPattern" in parameter:
        return f"{parameter['ConstraintDescription'].rstrip('.')}: `{parameter['AllowedPattern']}`"
    return "any"


def _code(value: Any) -> str:
    return f"`{value}`" if str(value) else ""


# ------------------------------------------------------------------------------------------- functions


def _functions(home: Template, further: Template, account: Template) -> Iterator[str]:
    functions, managed = functions_of(home), rights.of_kind(home, "AWS::IAM::ManagedPolicy")
    why = rights.comments(HOME_TEMPLATE.read_text())
    yield "# Functions and their rights"
    yield ""
    yield "Every function of Kiln, what wakes it, and everything that its role may do. Each role has the"
    yield "policies that are named with it, and no other right. A policy that several roles have stands once,"
    yield "below. Names in braces are filled in by CloudFormation: `{ReleaseParameters}` is the"
    yield "[parameter](template-parameters.md) of that name."
    yield ""
    yield "| Function | What it does | Timeout | Memory |"
    yield "|---|---|---|---|"
    for one in functions:
        properties = home["Resources"][one.resource]["Properties"]
        timeout, memory = properties["Timeout"], _memory(home, properties)
        yield f"| [{one.name}](#{one.name}) | {properties['Description']} | {timeout} s | {memory} MB |"
    for one in functions:
        yield from _function(home, one, why)
    yield ""
    yield "## Policies that several roles have"
    of_roles = {
        arn.value for role in rights.roles(home).values() for arn in role.get("ManagedPolicyArns", [])
    }
    for name, policy in managed.items():
        if name in of_roles:
            yield from _policy(name, policy, why.get(name, {}))
    yield ""
    yield "## Policies for people"
    yield ""
    yield "What [`kiln`](../guides/command-line.md#what-it-may-do), the command line, needs. Their ARNs are"
    yield "outputs of the stack: `ViewerPolicy` and `OperatorPolicy`. Detach them before you uninstall Kiln."
    for name, policy in managed.items():
        if name not in of_roles:
            yield from _policy(name, policy, why.get(name, {}))
    yield ""
    yield "## Roles that are no function's"
    of_functions = {function.role for function in functions}
    for document, path in ((home, HOME_TEMPLATE), (further, REGION_TEMPLATE), (account, ACCOUNT_TEMPLATE)):
        said = rights.comments(path.read_text())
        for name, role in rights.roles(document).items():
            if name not in of_functions:
                yield from _other_role(name, role, path, said.get(name, {}))


def _policy(name: str, policy: dict[str, Any], why: dict[str, str]) -> Iterator[str]:
    yield ""
    yield f"### {name}"
    yield ""
    yield policy["Description"]
    yield ""
    yield from rights.table(rights.of_policy(policy), why)


def _function(home: Template, function: Function, why: dict[str, dict[str, str]]) -> Iterator[str]:
    properties, role = (home["Resources"][name]["Properties"] for name in (function.resource, function.role))
    config = home["Globals"]["Function"]["EventInvokeConfig"] | properties.get("EventInvokeConfig", {})
    retries = config["MaximumRetryAttempts"]
    yield ""
    yield f"## {function.name}"
    yield ""
    yield properties["Description"]
    yield ""
    yield f"- **Runs** at most {properties['Timeout']} s with {_memory(home, properties)} MB."
    again = f"tries it again {_times(retries)}, then puts it" if retries else "puts it at once"
    yield f"- **An event that it fails on**: Lambda {again} into the queue `kiln-failures`,"
    yield "  which an alarm watches."
    for line in _wakes(home, function):
        yield f"- **Woken by** {line}"
    shared = [one.value for one in role.get("ManagedPolicyArns", [])]
    links = ", ".join(f"[{name}](#{name.lower()})" for name in shared)
    yield f"- **Role** `{function.role}`, for Lambda alone: {links}, and of its own:"
    yield ""
    own = [statement for policy in role.get("Policies", []) for statement in rights.of_policy(policy)]
    yield from rights.table(own, why.get(function.role, {}))


def _other_role(name: str, role: dict[str, Any], path: Path, why: dict[str, str]) -> Iterator[str]:
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    yield ""
    yield f"### {name}"
    yield ""
    who, only_if = _trusted(trust["Principal"]), "; ".join(rights.conditions(trust["Condition"]))
    yield f"{role['Description']} It is in {path.parent.name}/{path.name}, for {who} alone, and only"
    yield f"if {only_if}."
    yield ""
    own = [statement for policy in role["Policies"] for statement in rights.of_policy(policy)]
    yield from rights.table(own, why)


def _trusted(principal: dict[str, Any]) -> str:
    return f"`{principal['Service']}`" if "Service" in principal else "the account with the home stack"


def _wakes(home: Template, function: Function) -> Iterator[str]:
    target = Short("GetAtt", f"{function.resource}.Arn")
    for schedule in rights.of_kind(home, templates.SCHEDULE).values():
        if schedule["Target"]["Arn"] == target:
            parameter = schedule["ScheduleExpression"].value
            yield f"the schedule of the parameter `{parameter}`, with `{schedule['Target']['Input']}`."
    for rule in rights.of_kind(home, "AWS::Events::Rule").values():
        if target in [one["Arn"] for one in rule["Targets"]]:
            yield f"{_heard(rule['EventPattern'])}. {rule['Description']}"
    yield "a person, by `kiln invoke`."


def _heard(pattern: dict[str, Any]) -> str:
    """`EC2 AMI State Change` from `aws.ec2`, with `State` `available` or `failed`, of the home Region."""
    detail = dict(pattern.get("detail", {}))
    regions = pattern.get("region") or detail.pop("region", None)
    kinds = " or ".join(f"`{kind}`" for kind in pattern["detail-type"])
    text = f"{kinds} from {' or '.join(f'`{source}`' for source in pattern['source'])}"
    for key, values in detail.items():
        text += f", with `{key}` {' or '.join(f'`{value}`' for value in values)}"
    if regions:
        further = any(isinstance(one, dict) for one in regions)
        text += ", of a further Region" if further else ", of the home Region"
    return text


def _memory(home: Template, properties: dict[str, Any]) -> int:
    return int(properties.get("MemorySize", home["Globals"]["Function"]["MemorySize"]))


def _times(retries: int) -> str:
    return {1: "once", 2: "twice"}.get(retries, f"{retries} times")


if __name__ == "__main__":
    for path in write():
        print(f"{path.relative_to(templates.INFRA.parent)}: written")
    sys.exit(0)
