"""`make release-files`: what is published of a version, which `make deploy RELEASE=…` takes as it is."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path

from stack import functions
from stack import template as templates
from stack.package import PackageError, zipped

ROOT = templates.INFRA.parent
SUMS = "SHA256SUMS"
"""The file that makes a folder a release, as `sha256sum --check` reads it."""
ARCHITECTURES = ("arm64", "x86_64")
_CODE = re.compile(r"(?<=CodeUri: )\S+/(\w+)$", re.MULTILINE)
_VERSION = re.compile(r"\d+\.\d+\.\d+(-[0-9A-Za-z.]+)?")


def home_template(folder: Path, architecture: str) -> Path:
    """Where the home Region's template of one architecture is in a release."""
    return folder / f"template-{architecture}.yaml"


def region_template(folder: Path) -> Path:
    """Where the template of a further Region is in a release."""
    return folder / templates.REGION_TEMPLATE.name


def is_one(folder: Path) -> bool:
    """Whether a folder holds a release, and not what was built."""
    return (folder / SUMS).is_file()


def lay(builds: Mapping[str, Path], folder: Path, say: Callable[[str], None] = print) -> None:
    """Puts the files of a release into `folder`, which must be empty or a former release.

    `builds` has the folder that holds `<function>/bootstrap`, by architecture. All files lie side by side, as
    those of a GitHub release do. The same binaries give the same bytes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()) and not is_one(folder):
        raise PackageError(f"{folder} holds something else than a release: name an empty folder")
    for old in folder.iterdir():
        old.unlink()
    for architecture, build in builds.items():
        for name in functions.names():
            (folder / f"{name}-{architecture}.zip").write_bytes(zipped(build / name / "bootstrap"))
        home_template(folder, architecture).write_text(_home(architecture))
    for further in (templates.REGION_TEMPLATE, templates.ACCOUNT_TEMPLATE):
        (folder / further.name).write_bytes(further.read_bytes())
    lines = [f"{_sum(path)}  {path.name}\n" for path in sorted(folder.iterdir())]
    (folder / SUMS).write_text("".join(lines))
    size = sum(path.stat().st_size for path in folder.iterdir())
    say(f"{folder}: {len(lines)} files and their sums, {size / 1e6:.1f} MB")


def check(folder: Path, architecture: str) -> None:
    """Refuses a release of which a file is missing or another, or that is not for this architecture."""
    sums = {}
    for line in (folder / SUMS).read_text().splitlines():
        digest, _, name = line.partition("  ")
        sums[name] = digest
    for name, digest in sums.items():
        path = folder / name
        if Path(name).name != name or not path.is_file():
            raise PackageError(f"{path} is missing: download the release anew")
        if _sum(path) != digest:
            raise PackageError(f"{path} is not what {SUMS} says: download the release anew")
    needed = [home_template(folder, architecture), region_template(folder)]
    needed += [folder / f"{name}-{architecture}.zip" for name in functions.names()]
    lacking = [path.name for path in needed if path.name not in sums]
    if lacking:
        raise PackageError(
            f"the release in {folder} lacks {', '.join(lacking)}: check out the version that it is of, and "
            f"give one of its architectures by ARCH"
        )


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
    raise PackageError(f"docs/CHANGELOG.md has no section [{version}]: write what is new in it")


def check_version(version: str) -> None:
    """Refuses a version that is not that of Cargo.toml."""
    if not _VERSION.fullmatch(version):
        raise PackageError(f"VERSION is {version!r}, but must be such as 0.1.0")
    cargo = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]
    if version != cargo:
        raise PackageError(f"VERSION is {version}, but Cargo.toml says {cargo}: make both the same")


def _home(architecture: str) -> str:
    """The home Region's template, which names the zips beside it, and by default their architecture."""
    text = _CODE.sub(rf"\g<1>-{architecture}.zip", templates.HOME_TEMPLATE.read_text())
    before, start, after = text.partition("\n  Architecture:\n")
    return before + start + re.sub(r"(?<=Default: )\w+", architecture, after, count=1)


def _sum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
