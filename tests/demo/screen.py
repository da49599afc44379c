"""What a person sees: the story, or with `V=1` the whole journal, which is written to a file either way."""

from __future__ import annotations

import os
import sys
import textwrap
import time
from pathlib import Path
from types import TracebackType
from typing import TextIO

COLOURS = {"green": 32, "red": 31, "yellow": 33, "blue": 34, "magenta": 35, "cyan": 36, "grey": 90}
WIDTH = 100
CLOCK = 5
"""Columns of a time such as 02:07."""


class Screen:
    """Prints at once, so that a reader sees what happens while it happens. Coloured only on a terminal."""

    def __init__(self, journal: Path, everything: bool = False, out: TextIO | None = None) -> None:
        self.everything = everything
        self._out = out or sys.stdout
        self._began = time.monotonic()
        self._coloured = self._out.isatty() and "NO_COLOR" not in os.environ
        journal.parent.mkdir(parents=True, exist_ok=True)
        self._journal = journal.open("w", encoding="utf-8")

    def __enter__(self) -> Screen:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._journal.close()

    def seconds(self) -> float:
        return time.monotonic() - self._began

    # -------------------------------------------------------------------------------- on the screen alone

    def say(self, text: str = "", colour: str | None = None) -> None:
        """A line that is shown with `V=1` and without."""
        print(self._paint(text, colour), file=self._out, flush=True)

    def act(self, text: str) -> None:
        if not self.everything:
            self.say(f"\n{text}", "cyan")

    def told(self, clock: str, recipe: str, text: str, colour: str | None = None) -> None:
        """A line of the story: when in the night, of which recipe, and what happened."""
        if self.everything:
            return
        head = f"{clock:<{CLOCK}}  {recipe:<6}  "
        wide = WIDTH - len(head)
        parts = (textwrap.wrap(part, wide, break_on_hyphens=False) for part in text.splitlines())
        first, *rest = [line for part in parts for line in part]
        self.say(self._paint(head, "grey") + self._paint(first, colour))
        for line in rest:
            self.say(" " * len(head) + self._paint(line, colour))

    # -------------------------------------------------------------------------------- the journal

    def title(self, text: str) -> None:
        self._note(f"\n==> {text}", "cyan")

    def line(self, kind: str, text: str, colour: str = "grey") -> None:
        stamp = f"{self.seconds():6.1f}s"
        print(f"{stamp}  {kind:<9} {text}", file=self._journal, flush=True)
        if self.everything:
            self.say(f"{self._paint(stamp, 'grey')}  {self._paint(f'{kind:<9}', colour)} {text}")

    def table(self, rows: list[list[str]]) -> None:
        """The first row is the heading."""
        widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
        for number, row in enumerate(rows):
            cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
            self._note("  " + "  ".join(cells).rstrip(), "cyan" if number == 0 else None)

    def mark(self, word: str, text: str, colour: str) -> None:
        print(f"  {word:<7} {text}", file=self._journal, flush=True)
        if self.everything:
            self.say(f"  {self._paint(f'{word:<7}', colour)} {text}")

    def trace(self, text: str) -> None:
        """What only somebody who works on the demo wants to see."""
        print(text, file=self._journal, flush=True)

    def _note(self, text: str, colour: str | None) -> None:
        print(text, file=self._journal, flush=True)
        if self.everything:
            self.say(text, colour)

    def _paint(self, text: str, colour: str | None) -> str:
        return f"\033[{COLOURS[colour]}m{text}\033[0m" if self._coloured and colour and text else text
