"""The packages of an image, as dpkg keeps them, and what installs them in the sandbox.

A builder has the packages of its base. What its script installs, with whichever package manager, stands in
its image too, in the version that the repository has then.
"""

from __future__ import annotations

import re
from pathlib import Path

Packages = dict[str, str]
"""The version of each package, by its name."""

OF_PUBLIC_IMAGES: Packages = {"bash": "5.2.15-1", "openssl": "3.0.8-1"}
FIRST_VERSION = "1.0-1"
"""Of what the repository tells no version."""
MANAGERS = ("apt", "apt-get", "dnf", "yum")

_STATUS = "var/lib/dpkg/status"
_REPOSITORY = "etc/repository"
_ENTRY = re.compile(r"^Package: (\S+)\n(?:.*\n)*?Version: (\S+)$", re.MULTILINE)
_INSTALL = rf"""
go=
for a in "$@"; do
  case $a in
    -*) ;;
    install) go=1 ;;
    *) status=$KILN_ROOT/{_STATUS}
       if [ -n "$go" ] && [ -f "$status" ] && ! grep -qx "Package: $a" "$status"; then
         version=$(grep "^$a " "$KILN_ROOT/{_REPOSITORY}" | cut -d ' ' -f 2)
         printf 'Package: %s\nStatus: install ok installed\nArchitecture: arm64\nVersion: %s\n\n' \
           "$a" "${{version:-{FIRST_VERSION}}}" >> "$status"
       fi ;;
  esac
done"""
_QUERY = rf"""
while read -r key value; do
  case $key in
    Package:) p=$value ;;
    Version:) echo "ii dpkg $p $value arm64" ;;
  esac
done < "$KILN_ROOT/{_STATUS}"
"""


def stubs() -> dict[str, str]:
    """What stands for package managers: a shell script each, by name."""
    asks = {name: f'echo "{name}: asked for: $*"{_INSTALL}' for name in MANAGERS}
    return {**asks, "dpkg-query": _QUERY}


def put(root: Path, packages: Packages, repository: Packages) -> None:
    """Lays them into the folder that stands for a disk."""
    entries = (_entry(name, version) for name, version in sorted(packages.items()))
    for path, text in (
        (_STATUS, "".join(entries)),
        (_REPOSITORY, "".join(f"{name} {version}\n" for name, version in sorted(repository.items()))),
        ("etc/os-release", 'ID=local\nPRETTY_NAME="Local Linux 1"\n'),
    ):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


def of(root: Path) -> Packages:
    """Those on such a disk."""
    status = root / _STATUS
    return dict(_ENTRY.findall(status.read_text())) if status.exists() else {}


def _entry(name: str, version: str) -> str:
    return f"Package: {name}\nStatus: install ok installed\nArchitecture: arm64\nVersion: {version}\n\n"
