"""Scenes: one for each source of use that may keep an old image.

A scene lets something use one image, on any LocalAws and for any tool that removes old images. What it gives
back tells what such a tool should say of the user, and ends the use again.
"""

from scenes.catalog import ALL, ANOTHER_ACCOUNT, IN_THE_ACCOUNT, SHARED_SNAPSHOT, SHARED_UNKNOWN
from scenes.model import Keeps, Scene, Use

__all__ = [
    "ALL",
    "ANOTHER_ACCOUNT",
    "IN_THE_ACCOUNT",
    "SHARED_SNAPSHOT",
    "SHARED_UNKNOWN",
    "Keeps",
    "Scene",
    "Use",
]
