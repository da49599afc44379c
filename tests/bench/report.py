"""Where the benches print: all that they say is on the screen, and in a file."""

from __future__ import annotations

from pathlib import Path

from demo.screen import Screen

JOURNAL = Path(__file__).resolve().parent.parent.parent / ".build" / "bench.log"


def screen(journal: Path = JOURNAL) -> Screen:
    return Screen(journal, everything=True)
