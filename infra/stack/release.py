"""`make release-files`: what is published of a version, which `kiln deploy` takes as it is."""

from __future__ import annotations

import hashlib
import io
import re
import tomllib
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

from stack import functions
from stack import template as templates

ROOT = templates.INFRA.parent
SUMS = "SHA256SUMS"
"""The file that makes a folder a release, as `sha256sum --check` reads it."""
ARCHITECTURES = ("arm64", "x86_64")
SMALL, QUICK = 6, 0
"""How hard the zips are compressed: for AWS, which keeps them, and for the local AWS, which is waited for."""
_YEAR = (1980, 1, 1, 0, 0, 0)
_CODE = re.compile(r"(?<=CodeUri: )\S+/(\w+)$", re.MULTILINE)
_VERSION = re.compile(r"\d+\.\d+\.\d+(-[0-9A-Za-z.]+)?")


class ReleaseError(RuntimeError):
    """A release cannot be laid; tells why, and what to do."""


def zipped(bootstrap: Path, level: int = SMALL) -> bytes:
    """The zip of one function. The same binary gives the same bytes, so only what changed is deployed."""
    if not bootstrap.is_file():
        raise ReleaseError(f"{bootstrap} is missing: build the functions first (make build)")
    entry = zipfile.ZipInfo("bootstrap", _YEAR)
    entry.external_attr = 0o100755 << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        archive.writestr(entry, bootstrap.read_bytes(), compresslevel=level)
    return memory.getvalue()


def home_template(folder: Path, architecture: str) -> Path:
    """Where the home Region's template of one architecture is in a release."""
    return folder / f"template-{architecture}.yaml"


def region_template(folder: Path) -> Path:
    """Where the template of a further Region is in a release."""
    return folder / templates.REGION_TEMPLATE.name


def command_line(build: Path) -> Path:
    """Where `make command-line` lays `kiln`, among what was built."""
    return build / "kiln" / "bootstrap"


def is_one(folder: Path) -> bool:
    """Whether a folder holds a release, and not what was built."""
    return (folder / SUMS).is_file()


def lay(
    builds: Mapping[str, Path], folder: Path, say: Callable[[str], None] = print, level: int = SMALL
) -> None:
    """Puts the files of a release into `folder`, which must be empty or a former release.

    `builds` has the folder that holds `<function>/bootstrap`, by architecture. All files lie side by side, as
    those of a GitHub release do. The same binaries give the same bytes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()) and not is_one(folder):
        raise ReleaseError(f"{folder} holds something else than a release: name an empty folder")
    for old in folder.iterdir():
        old.unlink()
    for architecture, build in builds.items():
        for name in functions.names():
            (folder / f"{name}-{architecture}.zip").write_bytes(zipped(build / name / "bootstrap", level))
        home_template(folder, architecture).write_text(_home(architecture))
        if command_line(build).is_file():
            (folder / f"kiln-linux-{architecture}").write_bytes(command_line(build).read_bytes())
    for further in (templates.REGION_TEMPLATE, templates.ACCOUNT_TEMPLATE, templates.ARTIFACTS_TEMPLATE):
        (folder / further.name).write_bytes(further.read_bytes())
    lines = [f"{_sum(path)}  {path.name}\n" for path in sorted(folder.iterdir())]
    (folder / SUMS).write_text("".join(lines))
    size = sum(path.stat().st_size for path in folder.iterdir())
    say(f"{folder}: {len(lines)} files and their sums, {size / 1e6:.1f} MB")


def notes(changelog: str, version: str) -> str:
    """What the changelog says of a version, as the page of a release shows it.

    There a line's end is a line's end, and a link into the documentation leads nowhere: its text stays.
    """
    parts = re.split(r"^## ", changelog, flags=re.MULTILINE)
    for part in parts[1:]:
        heading, _, text = part.partition("\n")
        if heading.startswith(f"[{version}]"):
            unlinked = re.sub(r"\[([^\]]+)\]\((?!https:)[^)]*\)", r"\1", text)
            return re.sub(r"(?<=\S)\n *(?=[^\s#-])", " ", unlinked).strip() + "\n"
    raise ReleaseError(f"docs/CHANGELOG.md has no section [{version}]: write what is new in it")


def check_version(version: str) -> None:
    """Refuses a version that is not that of Cargo.toml."""
    if not _VERSION.fullmatch(version):
        raise ReleaseError(f"VERSION is {version!r}, but must be such as 0.1.0")
    cargo = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]
    if version != cargo:
        raise ReleaseError(f"VERSION is {version}, but Cargo.toml says {cargo}: make both the same")


def _home(architecture: str) -> str:
    """The home Region's template, which names the zips beside it, and by default their architecture."""
    text = _CODE.sub(rf"\g<1>-{architecture}.zip", templates.HOME_TEMPLATE.read_text())
    before, start, after = text.partition("\n  Architecture:\n")
    return before + start + re.sub(r"(?<=Default: )\w+", architecture, after, count=1)


def _sum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
