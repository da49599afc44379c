"""The commands with which a person operates a deployed Kiln."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from e2e.folder import pack
from e2e.kiln import Kiln
from stack.__main__ import main
from stack.template import INFRA


def run(kiln: Kiln, command: str, *arguments: str) -> int:
    return main([command, "--endpoint-url", kiln.aws.url, *arguments])


def test_recipes_are_put_and_put_again_change_nothing(
    kiln: Kiln, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    pack(INFRA / "recipes", tmp_path)
    folder = str(tmp_path)
    assert run(kiln, "recipes", folder) == 0
    assert capsys.readouterr().out == "/kiln/recipes/web: new\n/kiln/recipes/worker: new\n"
    assert run(kiln, "recipes", folder) == 0
    assert capsys.readouterr().out == "/kiln/recipes/web: unchanged\n/kiln/recipes/worker: unchanged\n"
    assert run(kiln, "recipes", "nowhere") == 1
    assert "no recipe was found in nowhere" in capsys.readouterr().err


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
