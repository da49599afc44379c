"""The story of a recorded night: how many lines, how wide, and what they say. Nothing is started.

`night.jsonl` holds entries of the journal of one run, with events that came twice. Kiln's own words in it
are names from `demo.words`, such as $RELEASED, so that it outlives a renaming.
"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from demo import words
from demo.night import facts_of
from demo.screen import WIDTH, Screen
from demo.story import Story

Entry = dict[str, Any]
SAMPLE = Path(__file__).with_name("night.jsonl")
ZONES = {"subnet-b9fcc19aa4f1eb471": "us-east-1b"}
BASES = {
    "ami-5521aec19d84064de": "al2023-ami-2023.9.20261110.0-kernel-6.1-arm64",
    "ami-8362dd69b25cfac57": "debian-12-arm64-20261101-1",
}


def recorded() -> list[Entry]:
    return [_with_words(json.loads(line)) for line in SAMPLE.read_text().splitlines()]


def _with_words(entry: Entry) -> Entry:
    def said(text: str) -> str:
        return str(getattr(words, text[1:])) if text.startswith("$") else text

    if entry["kind"] == "event":
        return {**entry, "detail_type": said(entry["detail_type"])}
    if entry["kind"] == "log":
        line = {**entry["line"], "outcome": said(entry["line"]["outcome"])}
        return {**entry, "line": json.dumps(line)}
    return entry


class Told:
    """A story as the screen shows it."""

    def __init__(self, tmp_path: Path) -> None:
        self._out = io.StringIO()
        self._screen = Screen(tmp_path / "journal.log", out=self._out)
        self.story = Story(self._screen.told, facts_of(ZONES, BASES))

    def see(self, entries: list[Entry]) -> None:
        for entry in entries:
            self.story.see(entry)

    def lines(self) -> list[str]:
        self.story.pause()
        self.story.old_releases()
        return self._out.getvalue().splitlines()


@pytest.fixture
def told(tmp_path: Path) -> Told:
    return Told(tmp_path)


def the_night() -> list[Entry]:
    entries = recorded()
    return [entry for entry in entries if entry["at"] < the_morning()[0]["at"]]


def the_morning() -> list[Entry]:
    entries = recorded()
    first = next(n for n, one in enumerate(entries) if one.get("detail_type") == words.ROLLED_BACK)
    return entries[first:]


def test_a_night_is_told_in_about_25_lines_that_fit_a_plain_terminal(told: Told) -> None:
    told.see(the_night())
    told.lines()
    told.story.begin(9)
    told.see(the_morning())
    lines = told.lines()
    assert 20 <= len(lines) <= 28
    assert [line for line in lines if len(line) > WIDTH] == []
    assert "\033" not in "".join(lines), "this is no terminal"


def test_each_step_of_a_release_is_told_once_in_order(told: Told) -> None:
    told.see(the_night())
    web = [line for line in told.lines() if line[7:].startswith("web")]
    assert web == [
        "02:00  web     builder launched from al2023-ami-2023.9.20261110.0-kernel-6.1-arm64",
        "02:07  web     builder stopped by itself, captured as ami-9b039acdfcd3ca95c",
        "02:12  web     booted and tested in us-east-1b: passed",
        "02:22  web     copied to ap-southeast-2 and eu-west-1",
        "02:25  web     released: /golden/web/latest names it in 3 Regions",
        "02:42  web     2026-08-18 kept in 3 Regions: launch template lt-e95821bf93b893776 uses it",
        "02:47  web     2026-09-07 deprecated in 3 Regions: unused; disabled in 2d if still unused",
        "02:47  web     2026-08-28 disabled in 3 Regions: unused for 2d; deregistered in 7d unless restored",
        "02:47  web     2026-07-29 deregistered in 3 Regions with 3 snapshots: its quarantine of 7d is over",
    ]


def test_a_rejected_image_is_told_with_its_reason_and_the_last_line_of_its_console(told: Told) -> None:
    told.see(the_night())
    lines = told.lines()
    at = next(n for n, line in enumerate(lines) if "rejected" in line)
    assert lines[at : at + 2] == [
        "02:12  edge    booted and tested in us-east-1b: rejected, the script failed with status 7:",
        "               \"haproxy: line 12: unknown keyword 'blind'\"",
    ]


def test_an_image_used_in_another_region_is_told_with_that_region(told: Told) -> None:
    told.see(the_night())
    (kept,) = [line for line in told.lines() if line[7:].startswith("worker") and "kept" in line]
    assert kept.endswith("2026-10-12 kept in 3 Regions: instance i-87fbb4476a9074c76 in eu-west-1 uses it")


def test_the_morning_has_its_own_clock(told: Told) -> None:
    told.story.begin(9)
    told.see(the_morning())
    assert told.lines() == [
        "09:00  web     rolled back from the release of 2026-11-26 to 2026-11-16, in 3 Regions in one step",
        "09:07  web     sweep repairs 4 older releases in 3 Regions: now as the recipe says",
    ]


def test_a_copy_that_never_came_does_not_hide_the_other(told: Told) -> None:
    told.see([entry for entry in the_night() if not _is_copy_to(entry, "eu-west-1")])
    copied = [line for line in told.lines() if "copied" in line]
    assert [line[7:] for line in copied] == [
        "web     copied to ap-southeast-2",
        "worker  copied to ap-southeast-2",
    ]


def _is_copy_to(entry: Entry, region: str) -> bool:
    return entry.get("detail_type") == words.REPLICATED and entry["detail"]["region"] == region


def test_an_event_that_the_night_should_not_have_is_told_with_its_reason(told: Told) -> None:
    detail = {
        "recipe": "web",
        "version": "20261126T015305Z",
        "region": "us-east-1",
        "reason": "no zone has room",
    }
    event = {"at": "2026-11-26T01:53:10Z", "kind": "event", "source": "kiln", "detail_type": "Bake Failed"}
    told.see([{**event, "detail": detail}])
    assert told.lines() == ["02:00  web     Bake Failed in us-east-1: no zone has room"]


def test_a_function_that_fails_again_and_again_is_told_once(told: Told) -> None:
    error = {"errorMessage": "EC2 did not answer"}
    entry = {"at": "2026-11-26T01:53:10Z", "kind": "invoke", "function": "kiln-verify", "outcome": "error"}
    told.see([{**entry, "attempt": attempt, "error": error} for attempt in (1, 2, 3)])
    assert told.lines() == ["02:00          the function verify failed: EC2 did not answer"]
