"""python -m stack: lays the files of a release. `kiln` deploys it, and operates what is deployed."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from stack import release, unwind


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except release.ReleaseError as error:
        print(f"not done: {error}", file=sys.stderr)
        return 1
    return 0


def _release_files(options: argparse.Namespace) -> None:
    if options.version is not None:
        release.check_version(options.version)
    if options.notes:
        changelog = release.ROOT / "docs" / "CHANGELOG.md"
        options.notes.write_text(release.notes(changelog.read_text(), options.version))
    builds = {one: folder for one in release.ARCHITECTURES if (folder := getattr(options, one))}
    for build in builds.values() if options.version else ():
        if not release.command_line(build).is_file():
            raise release.ReleaseError(
                f"{release.command_line(build)} is missing: make command-line builds it"
            )
    if options.to:
        release.lay(builds, options.to)


def _empty_unwind_tables(options: argparse.Namespace) -> None:
    unwind.empty_all(options.folder)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m stack", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("release-files", help="lays what is published of a version")
    command.set_defaults(run=_release_files)
    command.add_argument("--version", help="that of Cargo.toml, which is checked")
    for one in release.ARCHITECTURES:
        command.add_argument(f"--{one.replace('_', '-')}", type=Path, help="holds <function>/bootstrap")
    command.add_argument("--to", type=Path, help="where the files are laid")
    command.add_argument("--notes", type=Path, help="the file for the notes, from the changelog")

    command = commands.add_parser("empty-unwind-tables", help="makes the functions for AWS smaller")
    command.set_defaults(run=_empty_unwind_tables)
    command.add_argument("folder", type=Path, help="holds <function>/bootstrap")
    return parser


if __name__ == "__main__":
    sys.exit(main())
