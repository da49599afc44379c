"""The journal: calls, events, invocations, log lines and state changes in one order."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any

KINDS = ("call", "event", "invoke", "log", "state")


class Journal:
    """The numbers of entries only grow, also across a reset, so `after(N)` never misses an entry."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: list[dict[str, Any]] = []
        self._last = 0

    def add(self, kind: str, **fields: Any) -> None:
        if kind not in KINDS:
            raise ValueError(f"unknown kind of journal entry: {kind}")
        at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        with self._lock:
            self._last += 1
            self._entries.append({"n": self._last, "at": at, "kind": kind, **fields})

    def after(self, number: int) -> tuple[list[dict[str, Any]], int]:
        """The entries with a greater number, and the last number."""
        with self._lock:
            first = self._entries[0]["n"] if self._entries else self._last + 1
            return self._entries[max(0, number + 1 - first) :], self._last

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()
