"""What is still under way, so that a test can wait for quiet instead of sleeping."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager

RETRY = "retry"
"""A retry that waits for its time. It is quiet until then, so it counts only when asked for."""


class Activity:
    """Whoever starts something that will go on by itself begins it here *before* letting go of it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
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

    @contextmanager
    def during(self, kind: str, what: str) -> Iterator[None]:
        number = self.begin(kind, what)
        try:
            yield
        finally:
            self.end(number)

    def why(self, retries: bool = False) -> list[str]:
        """The reasons for not being idle; empty when all is quiet."""
        with self._lock:
            return [f"{kind}: {what}" for kind, what in self._open.values() if retries or kind != RETRY]
