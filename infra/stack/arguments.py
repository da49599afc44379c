"""What a person must give to a command, checked before anything is called."""

from __future__ import annotations

import re

IMAGE_ID = re.compile(r"ami-[0-9a-f]{8}([0-9a-f]{9})?")
RECIPE_NAME = re.compile(r"[a-z]([a-z0-9-]{0,62}[a-z0-9])?")
VERSION = re.compile(r"\d{8}T\d{6}Z")
CHANNEL = re.compile(r"[a-z][a-z0-9-]{0,19}")
REASON = re.compile(r"[^\n]{1,256}")
_YES, _NO = ("1", "true", "yes"), ("", "0", "false", "no")


class ArgumentError(ValueError):
    """An argument is missing or wrong; the text says which, and gives an example."""


def image(command: str, given: str | None) -> str:
    """The id of an image."""
    return _checked(
        IMAGE_ID, "IMAGE", "the id of an image", given, f"make {command} IMAGE=ami-0123456789abcdef0"
    )


def recipe(command: str, given: str | None) -> str:
    """The name of a recipe."""
    return _checked(RECIPE_NAME, "RECIPE", "the name of a recipe", given, f"make {command} RECIPE=web")


def channel(command: str, given: str | None) -> str:
    """The name of a channel."""
    example = f"make {command} RECIPE=web CHANNEL=prod"
    return _checked(CHANNEL, "CHANNEL", "the name of a channel", given, example)


def version(command: str, given: str | None) -> str | None:
    """A version, or None where none was given."""
    if not given:
        return None
    example = f"make {command} RECIPE=web TO=20261116T020000Z"
    return _checked(VERSION, "TO", "a version", given, example)


def needed_version(command: str, given: str | None) -> str:
    """A version that must be given."""
    example = f"make {command} RECIPE=web VERSION=20261123T020000Z"
    return _checked(VERSION, "VERSION", "a version", given, example)


def why(command: str, given: str | None) -> str:
    """A reason, for people."""
    example = f'make {command} RECIPE=web VERSION=20261123T020000Z WHY="CVE-2026-12345"'
    return _checked(REASON, "WHY", "a reason of at most 256 characters", given, example)


def switch(name: str, given: str | None) -> bool:
    """Whether something is switched on. A word that is neither yes nor no is refused, not guessed at."""
    word = (given or "").strip().lower()
    if word not in _YES + _NO:
        raise ArgumentError(f"{name} is {given!r}, but must be 1 (yes) or 0 (no): {name}=1")
    return word in _YES


def _checked(pattern: re.Pattern[str], name: str, what: str, given: str | None, example: str) -> str:
    text = (given or "").strip()
    if not text:
        raise ArgumentError(f"{name} is missing, {what}: {example}")
    if not pattern.fullmatch(text):
        raise ArgumentError(f"{name} is {text!r}, which is not {what}: {example}")
    return text
