"""Scenes: one for each kind of use that may keep an old image.

A scene makes something use one image, on any LocalAws and for any tool that removes old images. It returns
what such a tool should report, and a way to end the use."""

from scenes.catalog import (
    ALL,
    ANOTHER_ACCOUNT,
    IN_THE_ACCOUNT,
    SHARED_SNAPSHOT,
    SHARED_UNKNOWN,
    UNSEEN,
)
from scenes.model import Keeps, Scene, Use

__all__ = [
    "ALL",
    "ANOTHER_ACCOUNT",
    "IN_THE_ACCOUNT",
    "SHARED_SNAPSHOT",
    "SHARED_UNKNOWN",
    "UNSEEN",
    "Keeps",
    "Scene",
    "Use",
]
