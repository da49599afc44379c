"""One thread that runs actions at their time."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
import traceback
from collections.abc import Callable

from local_aws.activity import Activity


class Clock:
    """Timers that count as activity. Their actions must be short, because they share one thread."""

    def __init__(self, activity: Activity) -> None:
        self._activity = activity
        self._wake = threading.Condition()
        self._order = itertools.count()
        self._due: list[tuple[float, int, int, Callable[[], None]]] = []
        threading.Thread(target=self._run, name="clock", daemon=True).start()

    def after(self, seconds: float, kind: str, what: str, action: Callable[[], None]) -> None:
        number = self._activity.begin(kind, what)
        with self._wake:
            heapq.heappush(self._due, (time.monotonic() + seconds, next(self._order), number, action))
            self._wake.notify()

    def forget(self) -> None:
        """Drop all pending timers, for a reset."""
        with self._wake:
            for _, _, number, _ in self._due:
                self._activity.end(number)
            self._due.clear()

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._due or self._due[0][0] > time.monotonic():
                    self._wake.wait(self._due[0][0] - time.monotonic() if self._due else None)
                _, _, number, action = heapq.heappop(self._due)
            try:
                action()
            except Exception:
                traceback.print_exc()
            finally:
                self._activity.end(number)
