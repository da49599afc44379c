"""Runs the other tools as a person does: by their command line, with removal switched on."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

REGION = "us-east-1"
HERE = Path(__file__).resolve().parent
MOST_S = 300
_CODE = re.compile(r"An error occurred \((\w+)\)")
_EXCEPTION = re.compile(r"^(?:\w+\.)*(\w+(?:Error|Exception))\b", re.MULTILINE)


@dataclass(frozen=True)
class Ran:
    """How a run ended."""

    failed: str | None
    """The error in a few words."""
    output: str


@dataclass(frozen=True)
class Tool:
    """A tool by its name, and its run against an endpoint."""

    name: str
    run: Callable[[str], Ran]


def custodian(programs: Path, name: str, policy: str) -> Tool:
    """Cloud Custodian with one of the policies of this folder."""

    def run(url: str) -> Ran:
        with tempfile.TemporaryDirectory(prefix="custodian-") as out:
            command = [programs / "custodian", "run", "--region", REGION, "--cache-period", "0"]
            return _run([*command, "--output-dir", Path(out) / "out", HERE / policy], url, Path(out))

    return Tool(name, run)


def ami_cleaner(programs: Path, name: str) -> Tool:
    """aws-amicleaner over images of the same name; it keeps the two newest unused ones."""

    def run(url: str) -> Ran:
        with tempfile.TemporaryDirectory(prefix="amicleaner-") as home:
            command = [programs / "amicleaner", "--mapping-key", "name", "--mapping-values", "web-"]
            return _run([*command, "--keep-previous", "2", "--force-delete"], url, Path(home))

    return Tool(name, run)


def missing(programs: Path) -> list[str]:
    return [name for name in ("custodian", "amicleaner") if not (programs / name).exists()]


def _run(command: list[str | Path], url: str, home: Path) -> Ran:
    """Runs a command with made-up credentials and without the environment of its caller."""
    environment = {
        "PATH": os.environ.get("PATH", ""),
        "HOME": str(home),
        "TERM": "dumb",
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    done = subprocess.run(
        [str(part) for part in command],
        env=environment,
        cwd=home,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=MOST_S,
        check=False,
    )
    return Ran(_failure(done.returncode, done.stdout), done.stdout)


def _failure(status: int, output: str) -> str | None:
    if status == 0:
        return None
    errors = _CODE.findall(output) or _EXCEPTION.findall(output)
    return str(errors[-1]) if errors else f"exit status {status}"
