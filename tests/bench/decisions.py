"""Measures the decisions of `expire` alone: their time for many images, and how their memory grows."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

IMAGES = (25_000, 50_000, 100_000)
MOST_MS = 100.0
"""The limit for the largest number of images."""
MOST_GROWTH = 1.1
"""The limit of the growth of the memory per image: none, except for rounding."""


@dataclass(frozen=True)
class Decided:
    """One run."""

    images: int
    decisions_ms: float
    reading_ms: float
    """The time to read the records of the images from their tags."""
    peak_mib: float


def decisions(binary: Path) -> list[Decided]:
    return [_run(binary, images) for images in IMAGES]


def _run(binary: Path, images: int) -> Decided:
    done = subprocess.run([binary, "--images", str(images)], capture_output=True, text=True, check=True)
    answer = json.loads(done.stdout)
    return Decided(answer["images"], answer["ms"], answer["reading_ms"], answer["peak_kib"] / 1024)


def growth(done: list[Decided]) -> float:
    """The memory per image of the last step, divided by that of the first."""
    first, middle, last = done
    before = (middle.peak_mib - first.peak_mib) / (middle.images - first.images)
    return (last.peak_mib - middle.peak_mib) / (last.images - middle.images) / before


def within(done: list[Decided]) -> bool:
    return done[-1].decisions_ms <= MOST_MS and growth(done) <= MOST_GROWTH
