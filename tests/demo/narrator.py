"""Follows the journal of the local AWS: which event woke which function, and what that changed."""

from __future__ import annotations

import json
import time
from typing import Any

from demo import words
from demo.screen import Screen
from demo.story import Story
from local_aws.client import LocalAws, LocalAwsError

Entry = dict[str, Any]
READS = ("Describe", "Get", "List")


class Narrator:
    """Hands what happens from now on to the story, and writes all of it to the journal, once each."""

    def __init__(self, aws: LocalAws, screen: Screen, story: Story, prefix: str = "kiln-") -> None:
        self._aws = aws
        self._screen = screen
        self._story = story
        self._prefix = prefix
        self._last = aws.journal_end()
        self._kept: set[tuple[str, str]] = set()
        self.errors: list[str] = []

    def until_idle(self, timeout: float) -> None:
        """Follows on until nothing is under way any more."""
        deadline = time.monotonic() + timeout
        quiet = 0
        while quiet < 3:
            idle, why = self._aws.idle(retries=True)
            quiet = quiet + 1 if idle else 0
            self.catch_up()
            if not idle and time.monotonic() > deadline:
                raise LocalAwsError(f"something is still under way after {timeout:.0f} s: {'; '.join(why)}")
            time.sleep(0.05)
        self.catch_up()

    def catch_up(self) -> None:
        for entry in self._aws.journal(self._last):
            self._last = entry["n"]
            tell = getattr(self, f"_{entry['kind']}")
            tell(entry)
            self._story.see(entry)

    def _event(self, entry: Entry) -> None:
        detail = entry["detail"]
        if entry["source"] == "kiln":
            # Some tell of several images, each with its own version and Region.
            each = detail["images"] if isinstance(detail.get("images"), list) else [{}]
            for told in ({**detail, **image} for image in each):
                facts = ", ".join(str(told[key]) for key in ("image", "instance") if key in told)
                name = f"{told['recipe']}-{told['version']}"
                text = f"{entry['detail_type']}: {name} {facts} ({told['region']})"
                self._screen.line("event", text, "magenta")

    def _state(self, entry: Entry) -> None:
        colour = {"available": "green", "failed": "red"}.get(entry["state"], "blue")
        reason = f" ({entry['reason']})" if entry.get("reason") else ""
        message = f": {entry['message']}" if entry.get("message") else ""
        text = f"{entry['what']} {entry['id']} in {entry['region']} is {entry['state']}{reason}{message}"
        self._screen.line("ec2", text, colour)

    def _call(self, entry: Entry) -> None:
        who, action = entry["who"], entry["action"]
        if not who.startswith(self._prefix) or action.startswith(READS) or action == "PutEvents":
            return
        made = [str(made) for made in _made(entry["made"]) if made not in entry["request"].values()]
        outcome = f" -> {', '.join(made)}" if made else ""
        if entry["error"]:
            outcome = f" -> {entry['error']}"
        what = _target(entry["request"])
        text = f"{who.removeprefix(self._prefix)}: {action} {what} in {entry['region']}{outcome}"
        self._screen.line("call", text, "red" if entry["error"] else "yellow")

    def _invoke(self, entry: Entry) -> None:
        name = str(entry["function"]).removeprefix(self._prefix)
        if entry["outcome"] == "ok":
            self._screen.line("lambda", f"{name} answered in {entry['ms']} ms ({entry['cause']})", "grey")
            return
        error = entry["error"]
        text = error.get("errorMessage", error) if isinstance(error, dict) else error
        self.errors.append(f"the function {name} failed: {text}")
        self._screen.line("lambda", f"{name} failed (try {entry['attempt']}): {text}", "red")

    def _log(self, entry: Entry) -> None:
        try:
            line = json.loads(entry["line"])
        except ValueError:
            self._screen.line("log", f"{entry['function']}: {entry['line']}", "red")
            return
        if not isinstance(line, dict) or "action" not in line:
            return
        name = str(entry["function"]).removeprefix(self._prefix)
        about = "-".join(str(line[key]) for key in ("recipe", "version") if line.get(key))
        done = line["outcome"] != words.UNCHANGED
        # What is left as it is, is told where a reader may wonder, and once.
        if not done:
            kept = (str(line.get("resource")), line["reason"])
            if name != "expire" or kept in self._kept:
                return
            self._kept.add(kept)
        verb = line["action"] if done else "keep"
        text = f"{name}: {verb} {about} {line.get('resource') or ''} in {line['region']}: {line['reason']}"
        self._screen.line("decision", text, "green" if done else "grey")


def _target(request: Entry) -> str:
    keys = ("ImageId", "SourceImageId", "InstanceId", "InstanceId.1", "ResourceId.1", "SnapshotId", "Name")
    return " ".join(str(request[key]) for key in keys if key in request)


def _made(made: Any) -> list[Any]:
    """The ids in an answer."""
    if isinstance(made, dict):
        return [one for value in made.values() for one in _made(value)]
    if isinstance(made, list):
        return [one for value in made for one in _made(value)]
    return [made] if made else []
