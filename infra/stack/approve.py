"""An approval: first what would come to the channel, then a question, then what was done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stack import answers, arguments
from stack.confirm import Confirm
from stack.deploy import HOME_STACK
from stack.operate import wake
from stack.rollback import Client

Say = Callable[[str], None]


def approve(
    client: Client,
    home: str,
    asked: tuple[str | None, str | None, str | None],
    confirm: Confirm,
    say: Say = print,
    stack: str = HOME_STACK,
) -> None:
    """Lets a release come to a channel: its recipe, the channel, and the version if it is not the newest."""
    recipe, channel = arguments.recipe("approve", asked[0]), arguments.channel("approve", asked[1])
    payload: dict[str, Any] = {"approve": recipe, "channel": channel}
    if asked[2]:
        payload["version"] = arguments.needed_version("approve", asked[2])
    called = client("lambda", home), f"{stack}-publish"
    preview = wake(*called, payload)
    for line in answers.decisions(preview):
        say(line)
    came = (line.get(answers.VERSION) for line in preview[answers.DECISIONS])
    version = next((version for version in came if version), "it")
    confirm(f"Approve {version} of {recipe} for {channel}?")
    for line in answers.decisions(wake(*called, payload | {"dry_run": False})):
        say(line)
