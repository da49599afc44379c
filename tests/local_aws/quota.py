"""A share of a core for one process, by a control group of the kernel, version 1 or 2."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

MB_OF_A_CORE = 1_769
"""The memory at which Lambda gives a function one core.
(https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html)"""
PERIOD_US = 20_000
"""What a function at 128 MB gets at once, 1.4 ms, and every 20 ms again."""
_V1, _V2 = Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup")


_PREFIX = "kiln-bench-"


def remove_all() -> None:
    """Removes every control group that has no process any more."""
    for folder in (*_V1.glob(f"{_PREFIX}*"), *_V2.glob(f"{_PREFIX}*")):
        with contextlib.suppress(OSError):
            folder.rmdir()


class NoQuota(RuntimeError):
    """The kernel does not let a share of a core be set here."""


class Quota:
    """A control group for one process. A whole core until `share` is called."""

    def __init__(self, name: str) -> None:
        self._v2 = not _V1.is_dir()
        self._folder = (_V2 if self._v2 else _V1) / f"{_PREFIX}{os.getpid()}-{name}"
        try:
            self._folder.mkdir()
            self._set(None)
        except OSError as refused:
            raise NoQuota(f"{self._folder}: {refused}") from refused

    def take(self, pid: int) -> None:
        (self._folder / "cgroup.procs").write_text(str(pid))

    def share(self, megabytes: int) -> None:
        self._set(round(PERIOD_US * megabytes / MB_OF_A_CORE))

    def close(self) -> None:
        for _ in range(50):
            with contextlib.suppress(OSError):
                self._folder.rmdir()
                return
            time.sleep(0.02)

    def _set(self, quota: int | None) -> None:
        if self._v2:
            (self._folder / "cpu.max").write_text(f"{quota or 'max'} {PERIOD_US}")
            return
        (self._folder / "cpu.cfs_period_us").write_text(str(PERIOD_US))
        (self._folder / "cpu.cfs_quota_us").write_text(str(quota or -1))
