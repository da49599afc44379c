"""The commands with which a person operates a deployed Kiln."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from e2e.kiln import Kiln
from e2e.test_expire import three_releases
from stack.__main__ import main
from stack.plan import HEADING
from stack.template import INFRA


def run(kiln: Kiln, command: str, *arguments: str) -> int:
    return main([command, "--endpoint-url", kiln.aws.url, *arguments])


def test_recipes_are_put_and_put_again_change_nothing(kiln: Kiln, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(INFRA / "recipes")
    assert run(kiln, "recipes", folder) == 0
    assert capsys.readouterr().out == "/kiln/recipes/web: put\n/kiln/recipes/worker: put\n"
    assert run(kiln, "recipes", folder) == 0
    assert capsys.readouterr().out == "/kiln/recipes/web: unchanged\n/kiln/recipes/worker: unchanged\n"
    assert run(kiln, "recipes", "nowhere.toml") == 1
    assert "no recipe was found at nowhere.toml" in capsys.readouterr().err


def test_the_plan_is_a_table_with_its_cost_and_changes_nothing(
    kiln: Kiln, capsys: pytest.CaptureFixture[str]
) -> None:
    oldest = three_releases(kiln, confirm_after="2d")
    before = kiln.aws.journal_end()
    assert run(kiln, "plan", "--recipe", "web") == 0
    heading, *rows = capsys.readouterr().out.splitlines()
    assert heading.split() == HEADING
    (first,) = [row for row in rows if oldest["us-east-1"] in row]
    for part in ("20250101T020000Z", "unused", "deprecate", "2 newer releases are kept"):
        assert part in first
    assert any("which saves at most 14.40 dollars a year" in row for row in rows)
    assert kiln.changes(before) == []
    assert run(kiln, "plan", "--recipe", "nobody") == 1
    assert "there is no recipe nobody" in capsys.readouterr().err


def test_a_function_is_woken_by_hand_and_its_log_read(
    kiln: Kiln, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(kiln, "invoke", "expire", str(INFRA / "events" / "expire-dry-run.json")) == 0
    assert json.loads(capsys.readouterr().out)["decisions"] == []
    kiln.settle()
    assert run(kiln, "logs", "expire") == 0
    assert "START RequestId" in capsys.readouterr().out
    unknown = tmp_path / "unknown.json"
    unknown.write_text('{"recipe": "nobody"}')
    assert run(kiln, "invoke", "bake", str(unknown)) == 1
    assert "there is no recipe nobody" in capsys.readouterr().err
    unknown.write_text("{")
    assert run(kiln, "invoke", "bake", str(unknown)) == 1
    assert "is not a JSON file" in capsys.readouterr().err
