"""How the demo ends, well or not: each in plain sentences, and with the exit code that says so."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from bench import report
from demo import run
from demo.outcome import Check
from demo.screen import WIDTH, Screen
from demo.verdict import verdict
from local_aws.client import LocalAwsError
from stack.functions import names

GOOD = [Check(f"thing {number} is so", True) for number in range(14)]
BAD = Check("edge's parameters still name the old release", False, "{'us-east-1': 'ami-1'}")


def ended(
    tmp_path: Path, checks: list[Check], errors: list[str], everything: bool = False
) -> tuple[int, str]:
    out = io.StringIO()
    with Screen(tmp_path / "journal.log", everything, out) as screen:
        code = verdict(screen, checks, errors, tmp_path / "journal.log", tmp_path)
    return code, out.getvalue()


def test_checks_that_hold_are_one_line_and_what_to_do_next_two(tmp_path: Path) -> None:
    code, text = ended(tmp_path, GOOD, [])
    lines = text.strip().splitlines()
    assert code == 0 and len(lines) == 3 and lines[0].startswith("✓ 14 checks")
    assert "journal.log" in lines[1] and "V=1" in lines[1] and "make test" in lines[2]
    assert max(map(len, lines)) <= WIDTH


def test_where_the_catalogue_lies_is_told_in_a_line_of_its_own(tmp_path: Path) -> None:
    out = io.StringIO()
    journal, pages = tmp_path / "journal.log", tmp_path / "pages"
    with Screen(journal, False, out) as screen:
        assert verdict(screen, GOOD, [], journal, tmp_path, pages) == 0
    lines = out.getvalue().strip().splitlines()
    assert len(lines) == 4 and lines[2].endswith(": pages/index.html") and max(map(len, lines)) <= WIDTH


def test_a_check_that_fails_is_told_in_full_and_where_to_look(tmp_path: Path) -> None:
    code, text = ended(tmp_path, [*GOOD, BAD], [])
    assert code == 1 and "1 of 15 checks failed" in text
    assert "edge's parameters still name the old release; found: {'us-east-1': 'ami-1'}" in text
    assert "thing 3 is so" not in text and "journal.log" in text and "V=1" in text


def test_a_function_that_failed_is_a_failure_though_every_check_holds(tmp_path: Path) -> None:
    code, text = ended(tmp_path, GOOD, ["the function verify failed: EC2 did not answer"] * 3)
    assert code == 1 and text.count("the function verify failed: EC2 did not answer (3 times)") == 1


def test_the_journal_has_every_check_whether_it_is_shown_or_not(tmp_path: Path) -> None:
    _, text = ended(tmp_path, [*GOOD, BAD], [], everything=True)
    assert text.count("ok      thing") == 14 and "MISSING edge's" in text
    ended(tmp_path, [*GOOD, BAD], [])
    assert (tmp_path / "journal.log").read_text().count("ok      thing") == 14


def test_functions_that_are_not_built_are_named_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first, *others = names()
    for function in others:
        (tmp_path / function).mkdir()
        (tmp_path / function / "bootstrap").touch()
    monkeypatch.setattr(run, "BUILT", tmp_path)
    assert run.run(everything=False) == 1
    said = capsys.readouterr().err
    assert said.strip() == f"{first} is not built. Build with `make binaries`, then run `make demo` again."


def test_a_failure_is_one_sentence_with_what_the_local_aws_wrote_last() -> None:
    ended_at_once = LocalAwsError("the server ended at once with 1")
    said = run.sentence(ended_at_once, "OSError: [Errno 98] Address already in use")
    assert said == (
        "The local AWS failed: the server ended at once with 1 (OSError: [Errno 98] Address already in use)."
    )
    assert run.sentence(KeyError("x"), "") == "The demo itself failed: KeyError: 'x'."


def test_what_a_bench_tells_is_seen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with report.screen(tmp_path / "bench.log") as screen:
        screen.title("The release binaries")
        screen.table([["FUNCTION", "ZIP MB"], ["bake", "3.49"]])
    seen = capsys.readouterr().out
    assert "The release binaries" in seen and "bake      3.49" in seen
