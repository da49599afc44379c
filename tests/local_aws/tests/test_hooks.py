"""The private names of moto and MiniStack that are used here. A failure names what an upgrade has changed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from local_aws.hooks import HOOKS, Hook, HookMovedError, check


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: f"{hook.module}.{hook.name}")
def test_the_hook_is_where_it_was_and_takes_what_it_took(hook: Hook) -> None:
    assert hook.problem() is None


@pytest.mark.parametrize(
    ("hook", "says"),
    [
        (Hook("ministack.services.gone", "thing"), "ministack.services.gone.thing is gone"),
        (Hook("json", "gone"), "json.gone is gone"),
        (Hook("json", "JSONDecoder.gone"), "json.JSONDecoder.gone is gone"),
        (Hook("json", "loads", ("text",)), "json.loads takes"),
    ],
)
def test_a_hook_that_moved_is_named(hook: Hook, says: str) -> None:
    with pytest.raises(HookMovedError, match=re.escape(says)):
        check((hook,))


def test_every_private_name_in_use_is_guarded() -> None:
    """A private name that is not in the table could change without a failing check."""
    guarded = {hook.name for hook in HOOKS}
    modules = "eventbridge|lambda_svc|scheduler|ssm|sqs|ministack|provisioners"
    used = set()
    for source in Path(__file__).parent.parent.rglob("*.py"):
        if "tests" in source.relative_to(Path(__file__).parent.parent).parts:
            continue
        used |= set(re.findall(rf"\b(?:{modules}|app)\.(_\w+)", source.read_text()))
    assert len(used) > 15, "the search itself must find something"
    missing = {name for name in used if not any(known.split(".")[0] == name for known in guarded)}
    assert missing == set()
