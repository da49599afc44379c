"""A sample of the catalogue on disk, and a browser that opens it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / ".build" / "catalog-pictures"
WIDTHS = (1280, 390)
SCHEMES = ("light", "dark")


def made(folder: Path, *flags: str) -> Path:
    """Makes a sample in a folder."""
    command = ["cargo", "run", "--quiet", "-p", "kiln-catalog", "--example", "sample", "--"]
    subprocess.run([*command, *flags, str(folder)], cwd=ROOT, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The account that could be."""
    return made(tmp_path_factory.mktemp("sample"))


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The one in which every text is one that a page could take for something else."""
    return made(tmp_path_factory.mktemp("hostile"), "--hostile")


@pytest.fixture(scope="session")
def chromium() -> Iterator[object]:
    """The Chromium that is installed: the one that playwright would fetch is not on every machine."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: make catalog-pages")
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no Chromium is installed: apt-get install chromium")
    with api.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()
