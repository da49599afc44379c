"""What a person sees: lines with the time since the start, coloured only on a terminal."""

from __future__ import annotations

import os
import sys
import time

COLOURS = {"green": 32, "red": 31, "yellow": 33, "blue": 34, "magenta": 35, "cyan": 36, "grey": 90}


class Screen:
    """Prints at once, so that a reader sees what happens while it happens."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._coloured = sys.stdout.isatty() and "NO_COLOR" not in os.environ

    def seconds(self) -> float:
        return time.monotonic() - self._began

    def paint(self, text: str, colour: str) -> str:
        return f"\033[{COLOURS[colour]}m{text}\033[0m" if self._coloured else text

    def title(self, text: str) -> None:
        print(f"\n{self.paint('==> ' + text, 'cyan')}", flush=True)

    def line(self, kind: str, text: str, colour: str = "grey") -> None:
        stamp = self.paint(f"{self.seconds():6.1f}s", "grey")
        print(f"{stamp}  {self.paint(f'{kind:<9}', colour)} {text}", flush=True)

    def table(self, rows: list[list[str]]) -> None:
        """The first row is the heading."""
        widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
        for number, row in enumerate(rows):
            cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
            text = "  ".join(cells).rstrip()
            print("  " + (self.paint(text, "cyan") if number == 0 else text), flush=True)
