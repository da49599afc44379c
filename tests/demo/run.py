"""One run of the demo, from what must be built to the exit code. A failure is told in one plain sentence."""

from __future__ import annotations

import io
import sys
import traceback
from http.client import HTTPException
from pathlib import Path
from urllib.error import URLError

from botocore.exceptions import BotoCoreError, ClientError

from demo.night import BUILT, CATALOGUE, JOURNAL, ROOT, SERVER_LOG, night
from demo.screen import Screen
from demo.verdict import verdict
from local_aws.client import LocalAws, LocalAwsError
from local_aws.deploy import DeployError
from stack.functions import names
from stack.release import ReleaseError

AGAIN = "Run `make demo` again; if it fails at the same place, `make demo V=1` shows what led to it."


def run(everything: bool) -> int:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without UTF-8 shows ? for a tick
    missing = not_built(BUILT)
    if missing:
        return fail(
            f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not built. "
            "Build with `make binaries`, then run `make demo` again."
        )
    try:
        with Screen(JOURNAL, everything) as screen:
            return watched(screen)
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        return fail(f"{error.filename or 'A file'} cannot be used: {error.strerror or error}.")


def watched(screen: Screen) -> int:
    screen.title("Starting the local AWS (moto and MiniStack in one process, on loopback alone)")
    journal, log = JOURNAL.relative_to(ROOT), SERVER_LOG.relative_to(ROOT)
    began = SERVER_LOG.stat().st_size if SERVER_LOG.exists() else 0
    try:
        with LocalAws(log=SERVER_LOG) as aws:
            checks, errors = night(screen, aws)
    except BrokenPipeError:
        raise
    except Exception as error:
        screen.trace(traceback.format_exc())
        where = f"The journal up to then is {journal}, the local AWS's log {log}."
        return fail(f"{sentence(error, last_line(SERVER_LOG, began))} {where}", AGAIN)
    return verdict(screen, checks, errors, JOURNAL, ROOT, CATALOGUE)


def not_built(folder: Path) -> list[str]:
    return [function for function in names() if not (folder / function / "bootstrap").is_file()]


def sentence(error: Exception, said: str) -> str:
    """What failed, in one sentence. `said`: what the local AWS wrote last."""
    text = str(error).strip().rstrip(".")
    if isinstance(error, LocalAwsError | URLError | HTTPException | ConnectionError):
        return f"The local AWS failed: {text}{f' ({said})' if said else ''}."
    if isinstance(error, ReleaseError | DeployError):
        return f"{text}."
    if isinstance(error, ClientError):
        return f"The local AWS refused a call: {text}."
    if isinstance(error, BotoCoreError):
        return f"The local AWS did not answer: {text}."
    return f"The demo itself failed: {type(error).__name__}: {text}."


def last_line(log: Path, since: int) -> str:
    """What the local AWS wrote last, in this run."""
    try:
        with log.open("rb") as file:
            file.seek(since)
            lines = file.read().decode(errors="replace").strip().splitlines()
    except OSError:
        return ""
    return lines[-1].strip() if lines else ""


def fail(*sentences: str) -> int:
    print("\n" + "\n".join(sentences), file=sys.stderr, flush=True)
    return 1
