"""The sandbox of user data, without a server."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_aws.lifecycle import Spawner
from local_aws.overlay.userdata_sandbox import Sandbox


@pytest.fixture
def scratch() -> Iterator[Path]:
    """A folder that the script can enter, even if it runs as nobody."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        path.chmod(0o755)
        yield path


def test_who_waits_for_the_quiet_finds_all_that_was_said_before_it(
    scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asleep = scratch / "asleep"
    real = Path.exists

    def exists(path: Path) -> bool:
        """The worst case: the script writes and falls asleep between two reads of its console."""
        until = time.monotonic() + 10
        while path == asleep and not real(path) and time.monotonic() < until:
            time.sleep(0.005)
        return real(path)

    monkeypatch.setattr(Path, "exists", exists)
    quiet, heard = threading.Event(), []
    spawner = Spawner()

    def on_quiet() -> None:
        heard.append(guest.console())
        quiet.set()

    guest = Sandbox(scratch, spawner, "http://127.0.0.1:1", lambda: None, on_quiet)
    try:
        guest.start(b"#!/bin/bash\nsleep 0.2\necho hanging >> /dev/console\nsleep infinity\n")
        assert quiet.wait(15)
    finally:
        guest.kill()
        spawner.close()
    assert b"hanging" in heard[0]
