"""Switches that a person gives to a command, checked before anything is called."""

from __future__ import annotations

_YES, _NO = ("1", "true", "yes"), ("", "0", "false", "no")


class ArgumentError(ValueError):
    """An argument is wrong; the text says which, and gives an example."""


def switch(name: str, given: str | None) -> bool:
    """Whether something is switched on. A word that is neither yes nor no is refused, not guessed at."""
    word = (given or "").strip().lower()
    if word not in _YES + _NO:
        raise ArgumentError(f"{name} is {given!r}, but must be 1 (yes) or 0 (no): {name}=1")
    return word in _YES
