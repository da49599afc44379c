"""What a person asks of Kiln: the function that is woken, what it is sent, and how its answer reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stack import answers, arguments, rollback
from stack.deploy import HOME_STACK
from stack.explain import explain as page
from stack.operate import FunctionFailed, wake
from stack.rollback import Client

Say = Callable[[str], None]


def explain(client: Client, home: str, image: str | None, say: Say = print, stack: str = HOME_STACK) -> None:
    """All that is known of one image, and what will become of it. Nothing is changed."""
    image = arguments.image("explain", image)
    _say(say, page(_wake(client, home, stack, "expire", {"explain": image})))


def restore(client: Client, home: str, image: str | None, say: Say = print, stack: str = HOME_STACK) -> None:
    """Brings the release of an image back that was deprecated or disabled."""
    image = arguments.image("restore", image)
    _say(say, answers.decisions(_wake(client, home, stack, "expire", {"restore": image})))


def retest(
    client: Client,
    home: str,
    image: str | None,
    in_region: str | None,
    say: Say = print,
    stack: str = HOME_STACK,
) -> None:
    """Tests a rejected image again."""
    payload = {"retest": arguments.image("retest", image)} | ({"region": in_region} if in_region else {})
    _say(say, answers.decisions(_wake(client, home, stack, "verify", payload)))


def copy(client: Client, home: str, image: str | None, say: Say = print, stack: str = HOME_STACK) -> None:
    """Copies a home image anew to every Region that lacks its replica."""
    image = arguments.image("copy", image)
    _say(say, answers.decisions(_wake(client, home, stack, "replicate", {"copy": image})))


def retire(
    client: Client,
    home: str,
    recipe: str | None,
    dry_run: str | None,
    say: Say = print,
    stack: str = HOME_STACK,
) -> None:
    """Lets the images of a deleted recipe go, or shows which these are."""
    recipe, only_shown = arguments.recipe("retire", recipe), arguments.switch("DRY_RUN", dry_run)
    payload = {"retire_recipe": recipe} | ({"dry_run": True} if only_shown else {})
    _say(say, answers.decisions(_wake(client, home, stack, "expire", payload)))
    if only_shown:
        say(f"\nNothing was changed. To do it: make retire RECIPE={recipe}")


def preflight(
    client: Client, home: str, recipe: str | None, say: Say = print, stack: str = HOME_STACK
) -> None:
    """Looks for all that a bake of a recipe would fail for. Nothing is launched."""
    recipe = arguments.recipe("preflight", recipe)
    _say(say, answers.decisions(_wake(client, home, stack, "bake", {"recipe": recipe, "preflight": True})))


def roll_back(
    client: Client, home: str, recipe: str | None, to: str | None, say: Say = print, stack: str = HOME_STACK
) -> None:
    """Lets every Region name a former release again."""
    recipe, to = arguments.recipe("rollback", recipe), arguments.version("rollback", to)
    named = rollback.Named.by(client, home, recipe, stack)
    before = named.now(client) if named else {}
    try:
        body = _wake(client, home, stack, "publish", {"rollback": recipe} | ({"to": to} if to else {}))
    except FunctionFailed:
        # It may have gone half way.
        if named:
            _say(say, rollback.moved(before, named.now(client)))
        raise
    _say(say, answers.decisions(body))
    version = rollback.version_of(body)
    if before and named and version:
        say("")
        _say(say, rollback.moved(before, rollback.settled(named, client, version), version))
        say(f"\n{recipe} stays on {version} until a release is newer than all there were.")


def _wake(client: Client, home: str, stack: str, function: str, payload: dict[str, Any]) -> dict[str, Any]:
    return wake(client("lambda", home), f"{stack}-{function}", payload)


def _say(say: Say, lines: list[str]) -> None:
    for line in lines:
        say(line)
