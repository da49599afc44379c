"""The commands that need more than a function: recipes that are put, a function woken by hand, and logs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from e2e.kiln import Kiln
from local_aws.cli import Cli
from stack.template import INFRA


@pytest.fixture
def cli(kiln: Kiln, tmp_path: Path) -> Cli:
    return Cli(kiln.aws.url, tmp_path)


def test_recipes_are_put_and_put_again_change_nothing(kiln: Kiln, cli: Cli) -> None:
    folder = str(INFRA / "recipes")
    assert cli.text("recipes", "diff", folder).endswith("nothing was put: it was only shown\n")
    assert kiln.aws.client("ssm").get_parameters_by_path(Path="/kiln/recipes")["Parameters"] == []
    found = cli.document("recipes", "push", folder)["recipes"]
    assert [(one["recipe"], one["change"]) for one in found] == [("web", "new"), ("worker", "new")]
    assert cli.text("recipes", "push", folder) == (
        "/kiln/recipes/web: unchanged\n/kiln/recipes/worker: unchanged\n"
    )


def test_nothing_is_put_unless_all_recipes_are_right(kiln: Kiln, cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "good.toml").write_text((INFRA / "recipes" / "web.toml").read_text())
    (tmp_path / "bad.toml").write_text('name = "bad"\nnonsense = 1\n')
    error = cli.document("recipes", "push", str(tmp_path), code=1)["error"]
    assert error["kind"] == "recipes" and "bad.toml:" in error["what"] and "nonsense" in error["what"]
    assert kiln.aws.client("ssm").get_parameters_by_path(Path="/kiln/recipes")["Parameters"] == []
    error = cli.document("recipes", "diff", str(cli.home / "nowhere"), code=1)["error"]
    assert "No such file or directory" in error["what"]


def test_a_function_is_woken_by_hand_and_its_log_read(kiln: Kiln, cli: Cli, tmp_path: Path) -> None:
    event = str(INFRA / "events" / "expire-dry-run.json")
    assert json.loads(cli.text("invoke", "expire", event))["decisions"] == []
    assert cli.document("invoke", "expire", event)["answer"]["decisions"] == []
    kiln.settle()
    assert "START RequestId" in cli.text_of_any_width("logs", "expire")
    (line,) = cli.document("logs", "expire", "--with", "END RequestId")["lines"][-1:]
    assert line.startswith("END RequestId")
    unknown = tmp_path / "unknown.json"
    unknown.write_text('{"recipe": "nobody"}')
    error = cli.document("invoke", "bake", str(unknown), code=1)["error"]
    assert error["kind"] == "function" and "there is no recipe nobody" in error["what"]
    unknown.write_text("{")
    assert "is not a JSON file" in cli.document("invoke", "bake", str(unknown), code=1)["error"]["what"]


def test_a_right_that_is_missing_is_named_with_the_call(kiln: Kiln, cli: Cli) -> None:
    for call, service, command in (
        ("FilterLogEvents", "logs", ["logs", "bake"]),
        ("PutParameter", "ssm", ["recipes", "push", str(INFRA / "recipes")]),
        ("DescribeStacks", "cloudformation", ["catalog", "--to", str(cli.home / "it")]),
    ):
        denied = {"code": "AccessDeniedException", "message": "you may not", "status": 400}
        kiln.aws.faults({"call": call, "service": service, "times": -1, **denied})
        error = cli.document(*command, code=1)["error"]
        kiln.aws.faults()
        assert error["kind"] == "denied" and call in error["what"], error


def test_a_stack_that_is_not_there_has_neither_recipes_nor_logs(cli: Cli) -> None:
    for command in (["logs", "bake"], ["recipes", "diff", str(INFRA / "recipes")], ["catalog"]):
        error = cli.document(*command, "--stack", "absent", code=1)["error"]
        assert error["kind"] == "not-deployed" and "absent" in error["what"]
