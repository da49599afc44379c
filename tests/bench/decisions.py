"""The decisions of `expire` alone: how long they take over many images, and how their memory grows."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

IMAGES = (25_000, 50_000, 100_000)
MOST_MS = 100.0
"""For the largest number of images."""
MOST_GROWTH = 1.1
"""How much of the memory for each image at the start each further one may take: no more, but for rounding."""


@dataclass(frozen=True)
class Decided:
    """One run."""

    images: int
    decisions_ms: float
    reading_ms: float
    """What it takes to read the records of the images from their tags."""
    peak_mib: float


def decisions(binary: Path) -> list[Decided]:
    return [_run(binary, images) for images in IMAGES]


def _run(binary: Path, images: int) -> Decided:
    told = subprocess.run([binary, "--images", str(images)], capture_output=True, text=True, check=True)
    answer = json.loads(told.stdout)
    return Decided(answer["images"], answer["ms"], answer["reading_ms"], answer["peak_kib"] / 1024)


def growth(done: list[Decided]) -> float:
    """How the memory for each image of the last step compares with that of the first."""
    first, middle, last = done
    before = (middle.peak_mib - first.peak_mib) / (middle.images - first.images)
    return (last.peak_mib - middle.peak_mib) / (last.images - middle.images) / before


def within(done: list[Decided]) -> bool:
    return done[-1].decisions_ms <= MOST_MS and growth(done) <= MOST_GROWTH
