"""The command line `kiln` beside a local AWS, as a person calls it."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema

from local_aws.settings import HOME_REGION

ROOT = Path(__file__).resolve().parents[2]
BINARY = ROOT / ".build" / "local" / "kiln"
SCHEMA = ROOT / "docs" / "reference" / "command-line.schema.json"
WIDTH = 100


@dataclass(frozen=True)
class Ended:
    """How a call ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Cli:
    """The binary, with an environment of its own: no profile and no credentials of whoever runs the tests."""

    url: str
    home: Path

    def environment(self, **more: str | None) -> dict[str, str]:
        given = {
            "HOME": str(self.home),
            "PATH": os.environ["PATH"],
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": HOME_REGION,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            # Nobody asks the machine's own metadata for credentials.
            "AWS_EC2_METADATA_DISABLED": "true",
            **more,
        }
        return {name: value for name, value in given.items() if value is not None}

    def run(self, *arguments: str, **more: str | None) -> Ended:
        ended = subprocess.run(
            [BINARY, *arguments],
            env=self.environment(**more),
            capture_output=True,
            text=True,
            timeout=120,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    def at_terminal(self, *arguments: str, answers: list[str | signal.Signals | Callable[[], str]]) -> Ended:
        """The same with a person at a terminal, who gives these answers, one to each question. What they do
        before they answer is done by the answer itself, if it is a function. SIGINT is Ctrl-C."""
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [BINARY, *arguments],
            env=self.environment(),
            stdin=theirs,
            stdout=theirs,
            stderr=subprocess.PIPE,
        )
        os.close(theirs)
        said, given = "", 0
        try:
            while True:
                try:
                    read = os.read(ours, 65536)
                except OSError:  # The other end is closed.
                    break
                if not read:
                    break
                said += read.decode().replace("\r\n", "\n")
                if said.count("[y/N]") > given:
                    answer = answers[given]
                    given += 1
                    if isinstance(answer, signal.Signals):
                        process.send_signal(answer)
                    else:
                        os.write(ours, ((answer() if callable(answer) else answer) + "\n").encode())
        finally:
            os.close(ours)
        _, err = process.communicate(timeout=60)
        assert given == len(answers), f"{given} questions of {len(answers)}: {said}"
        return Ended(process.returncode, said, err.decode())

    def text(self, *arguments: str, code: int = 0) -> str:
        """What is said as text. No line is too long."""
        out = self.text_of_any_width(*arguments, code=code)
        long = [line for line in out.splitlines() if len(line) > WIDTH]
        assert not long, long
        return out

    def text_of_any_width(self, *arguments: str, code: int = 0) -> str:
        """The same where paths make lines as long as they are."""
        ended = self.run(*arguments)
        assert ended.code == code, ended
        assert "\x1b" not in ended.out, "there is no terminal, so no colour"
        return ended.out

    def document(self, *arguments: str, code: int = 0, **more: str | None) -> dict[str, Any]:
        """The document of `--output json`, which holds to its schema."""
        ended = self.run(*arguments, "--output", "json", **more)
        assert ended.code == code, ended
        document: dict[str, Any] = json.loads(ended.out)
        jsonschema.validate(document, json.loads(SCHEMA.read_text()))
        return document

    def interrupted(self, *arguments: str, after_s: float = 0.7) -> Ended:
        """The same, interrupted by Ctrl-C."""
        process = subprocess.Popen(
            [BINARY, *arguments],
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
        )
        time.sleep(after_s)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=10)
        return Ended(process.returncode, out, err)
