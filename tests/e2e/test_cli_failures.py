"""kiln, the command line: what needs no account, and what is in its way, each with its own advice."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from e2e.kiln import HOME, Kiln
from local_aws.cli import BINARY, ROOT, Cli


@pytest.fixture
def cli(kiln: Kiln, tmp_path: Path) -> Cli:
    assert BINARY.exists(), "the command line is not built: make binaries"
    return Cli(kiln.aws.url, tmp_path)


@pytest.fixture
def nowhere(tmp_path: Path) -> Cli:
    """Beside no AWS at all."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return Cli(f"http://127.0.0.1:{port}", tmp_path)


def test_recipes_are_checked_without_an_account(nowhere: Cli, tmp_path: Path) -> None:
    nobody = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None, "AWS_REGION": None}
    document = nowhere.document("validate", str(ROOT / "infra" / "recipes"), **nobody)
    assert document["valid"] and document["mistakes"] == []
    wrong = tmp_path / "web.toml"
    wrong.write_text('name = "web"\n[bake]\ntimeout = "soon"\n')
    mistakes = nowhere.document("validate", str(wrong), code=1, **nobody)["mistakes"]
    (timeout,) = [one for one in mistakes if "bake.timeout" in one["problem"]]
    assert (timeout["path"], timeout["line"]) == (str(wrong), 3)
    assert f"{wrong}:3: bake.timeout" in nowhere.text_of_any_width("validate", str(wrong), code=1)
    shown = nowhere.text_of_any_width("validate", "--format", "github", str(wrong), code=1)
    assert f"::error file={wrong},line=3::bake.timeout" in shown
    assert nowhere.document("validate", str(tmp_path / "none"), code=1)["mistakes"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completions_are_written_for_each_shell(nowhere: Cli, shell: str) -> None:
    assert "rollback" in nowhere.document("completions", shell)["script"]


def test_wrong_arguments_end_with_their_own_code_before_anything_is_called(nowhere: Cli) -> None:
    for arguments in (["explain", "web"], ["rollback"], ["nothing"], ["recall", "web", "20261123T020000Z"]):
        ended = nowhere.run(*arguments)
        assert ended.code == 2 and not ended.out, ended
    assert nowhere.run("--help").code == 0 and "Exit codes" in nowhere.run("--help").out


def test_a_wrong_profile_is_told_and_no_other_credentials_are_taken(cli: Cli) -> None:
    error = cli.document("status", "--profile", "nope", code=1)["error"]
    assert error["kind"] == "profile" and "no profile nope" in error["what"]
    assert "list-profiles" in error["advice"]


def test_a_profile_is_taken_with_its_region(cli: Cli, tmp_path: Path) -> None:
    folder = tmp_path / ".aws"
    folder.mkdir()
    (folder / "config").write_text(
        f"[profile ops]\nregion = {HOME}\naws_access_key_id = test\naws_secret_access_key = test\n"
    )
    nobody = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None, "AWS_REGION": None}
    assert cli.document("status", "--profile", "ops", **nobody)["status"]["home"] == HOME


def test_a_profile_that_assumes_a_role_is_taken_with_its_region(kiln: Kiln, cli: Cli) -> None:
    (cli.home / ".aws").mkdir()
    principal = {"AWS": "arn:aws:iam::000000000000:root"}
    trust = {"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}]}
    iam = kiln.aws.client("iam")
    role = "role_arn = arn:aws:iam::000000000000:role/ops\nsource_profile = base\nregion = us-east-1\n"
    (cli.home / ".aws/config").write_text(f"[profile base]\nregion = us-east-1\n[profile ops]\n{role}")
    (cli.home / ".aws/credentials").write_text(
        "[base]\naws_access_key_id = test\naws_secret_access_key = test\n"
    )
    nobody = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None, "AWS_REGION": None}
    error = cli.document("status", "--profile", "ops", code=1, **nobody)["error"]
    assert error["kind"] == "credentials" and "loading credentials" in error["what"], "no such role yet"
    iam.create_role(RoleName="ops", AssumeRolePolicyDocument=json.dumps(trust))
    try:
        assert cli.document("status", "--profile", "ops", **nobody)["status"]["home"] == "us-east-1"
    finally:
        iam.delete_role(RoleName="ops")


def test_without_credentials_or_region_it_is_told_how_to_give_them(cli: Cli) -> None:
    nobody = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}
    error = cli.document("status", code=1, **nobody)["error"]
    assert error["kind"] == "credentials" and "Sign in" in error["advice"]
    error = cli.document("status", code=1, AWS_REGION=None)["error"]
    assert error["kind"] == "region" and "--region us-east-1" in error["advice"]


@pytest.mark.parametrize(
    ("code", "status", "kind", "advice"),
    [
        ("AccessDeniedException", 403, "denied", "lambda:InvokeFunction"),
        ("ExpiredTokenException", 403, "credentials", "Sign in"),
        ("TooManyRequestsException", 429, "throttled", "in a minute"),
    ],
)
def test_what_lambda_refuses_has_its_own_advice(
    kiln: Kiln, cli: Cli, code: str, status: int, kind: str, advice: str
) -> None:
    fault = {"code": code, "message": "you may not", "status": status}
    kiln.aws.faults({"call": "Invoke", "service": "lambda", "times": -1, **fault})
    error = cli.document("status", code=1)["error"]
    kiln.aws.faults()
    assert error["kind"] == kind and advice in error["advice"] and "you may not" in error["what"]


def test_a_stack_that_is_not_there_is_told_with_where_it_was_looked_for(cli: Cli) -> None:
    error = cli.document("status", "--stack", "images", code=1)["error"]
    assert error["kind"] == "not-deployed" and "images-catalog in us-east-1" in error["what"]
    assert "--stack images" in error["advice"]


def test_without_a_network_it_is_told_and_nothing_is_begun(nowhere: Cli) -> None:
    for command in (["status"], ["bake", "web"]):
        error = nowhere.document(*command, code=1)["error"]
        assert error["kind"] == "network" and "AWS_ENDPOINT_URL" in error["advice"]


def test_ctrl_c_is_one_plain_line_and_what_was_begun_goes_on(kiln: Kiln, cli: Cli) -> None:
    kiln.recipe()
    ended = cli.interrupted("bake", "web", "--watch", after_s=2.5)
    assert ended.code == 130
    assert ended.err == "Interrupted. What was begun goes on in the functions: kiln status shows it.\n"
    kiln.settle()
    assert len(kiln.images()) == 1


def test_ctrl_c_before_anything_is_begun_says_so(cli: Cli) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        deaf = Cli(f"http://127.0.0.1:{silent.getsockname()[1]}", cli.home)
        ended = deaf.interrupted("status")
    assert (ended.code, ended.err) == (130, "Interrupted. Nothing was changed.\n")
