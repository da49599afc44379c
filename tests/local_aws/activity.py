"""Counts the work that is still going on, so that a test can wait until it is done instead of sleeping."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager

RETRY = "retry"
"""A retry that waits for its time. Nothing happens until then, so it counts as activity only if the caller
says so."""


class Activity:
    """Work that goes on by itself. Its starter must call `begin` *before* it hands the work on."""

    def __init__(self) -> None:
        self._lock = threading.Condition()
        self._ids = itertools.count(1)
        self._open: dict[int, tuple[str, str]] = {}

    def begin(self, kind: str, what: str) -> int:
        with self._lock:
            number = next(self._ids)
            self._open[number] = (kind, what)
            return number

    def end(self, number: int) -> None:
        with self._lock:
            self._open.pop(number, None)
            self._lock.notify_all()

    @contextmanager
    def during(self, kind: str, what: str) -> Iterator[None]:
        number = self.begin(kind, what)
        try:
            yield
        finally:
            self.end(number)

    def why(self, retries: bool = False, wait: float = 0.0) -> list[str]:
        """What is still going on once nothing is any more, or after `wait` seconds; empty if nothing is."""

        def found() -> list[str]:
            return [f"{kind}: {what}" for kind, what in self._open.values() if retries or kind != RETRY]

        with self._lock:
            self._lock.wait_for(lambda: not found(), wait)
            return found()
