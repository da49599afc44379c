"""A person's yes, before anything is changed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field

Confirm = Callable[[str], None]
"""Asks a question; raises NotConfirmed unless the answer is yes."""


class NotConfirmed(RuntimeError):
    """Nobody said yes, so nothing was changed; tells how to go on."""


def _terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


@dataclass
class Asked:
    """Asks at the terminal. `yes` answers beforehand, as a pipeline must that has no terminal."""

    command: str
    """What was entered, such as `make deploy`."""
    yes: bool
    terminal: bool = field(default_factory=_terminal)
    answer: Callable[[str], str] = input
    agreed: bool = False
    """Whether something was confirmed before."""

    def __call__(self, question: str) -> None:
        if self.yes:
            return
        if not self.terminal:
            raise NotConfirmed(
                f"Nothing was changed, for there is no terminal to ask at. To go on: {self.command} YES=1"
            )
        try:
            said = self.answer(f"{question} [y/N] ")
        except (EOFError, KeyboardInterrupt):
            said = ""
        if said.strip().lower() not in {"y", "yes"}:
            raise NotConfirmed(f"Nothing {'more ' if self.agreed else ''}was changed.")
        self.agreed = True
