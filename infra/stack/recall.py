"""A recall: first what would be done and who uses the images, then a question, then what was done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stack import answers, arguments, rollback
from stack.confirm import Confirm
from stack.deploy import HOME_STACK
from stack.operate import FunctionFailed, wake
from stack.rollback import Client
from stack.text import table

Say = Callable[[str], None]
USED_BY = "used_by"
"""The field of an answer with what uses the images."""


def recall(
    client: Client,
    home: str,
    asked: tuple[str | None, str | None, str | None],
    layers: bool,
    confirm: Confirm,
    say: Say = print,
    stack: str = HOME_STACK,
) -> None:
    """Takes a release back everywhere: its recipe, its version and why, as asked."""
    recipe, version = arguments.recipe("recall", asked[0]), arguments.needed_version("recall", asked[1])
    why = arguments.why("recall", asked[2])
    payload: dict[str, Any] = {"recall": recipe, "version": version, "reason": why}
    if layers:
        payload["layers"] = True
    preview = _wake(client, home, stack, payload)
    for line in [*answers.decisions(preview), "", *users(preview)]:
        say(line)
    confirm(f"Recall {version} of {recipe}?")
    _carry_out(client, home, recipe, payload, say, stack)
    say(f"\nTo take it back: make reinstate RECIPE={recipe} VERSION={version}")


def reinstate(
    client: Client,
    home: str,
    asked: tuple[str | None, str | None],
    confirm: Confirm,
    say: Say = print,
    stack: str = HOME_STACK,
) -> None:
    """Takes a recall back."""
    recipe, version = arguments.recipe("reinstate", asked[0]), arguments.needed_version("reinstate", asked[1])
    payload = {"reinstate": recipe, "version": version}
    for line in answers.decisions(_wake(client, home, stack, payload)):
        say(line)
    confirm(f"Bring {version} of {recipe} back?")
    _carry_out(client, home, recipe, payload, say, stack)


def users(body: dict[str, Any]) -> list[str]:
    """What uses the images, each with its ARN and Region."""
    found = body.get(USED_BY, [])
    if not found:
        return ["Nobody is seen to use it."]
    rows = [["REGION", "USED BY", "ARN"]]
    rows += [[one["region"], one["kind"], one["arn"]] for one in found]
    return [f"{len(found)} use it, and go on with what they have:", *table(rows)]


def _carry_out(client: Client, home: str, recipe: str, payload: dict[str, Any], say: Say, stack: str) -> None:
    named = rollback.Named.by(client, home, recipe, stack)
    before = named.now(client) if named else {}
    try:
        body = _wake(client, home, stack, payload | {"dry_run": False})
    except FunctionFailed:
        # It goes as far as it can, and a sweep goes on.
        if named:
            for line in rollback.moved(before, named.now(client)):
                say(line)
        raise
    say("")
    for line in answers.decisions(body):
        say(line)
    moves = (line for line in body[answers.DECISIONS] if line[answers.ACTION] == "move-parameters")
    version = next((line[answers.VERSION] for line in moves if line.get(answers.VERSION)), None)
    if named and before and version:
        say("")
        for line in rollback.moved(before, rollback.settled(named, client, version), version):
            say(line)


def _wake(client: Client, home: str, stack: str, payload: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = wake(client("lambda", home), f"{stack}-publish", payload)
    return found
