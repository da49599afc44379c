"""Reads from the kernel what each function took of memory and of a core."""

from __future__ import annotations

import os
from pathlib import Path


def peaks(server: int, prefix: str = "kiln-") -> dict[str, float]:
    """The peak resident memory in MiB of each function of the local AWS, by name. If a function has several
    processes, the largest counts."""
    found: dict[str, float] = {}
    for short, process in _functions(server, prefix):
        found[short] = max(found.get(short, 0.0), _peak(process) or 0.0)
    return found


def cores(server: int, prefix: str = "kiln-") -> dict[str, tuple[int, float]]:
    """How many processes each function of the local AWS has, and how many ms of a core they took."""
    found: dict[str, tuple[int, float]] = {}
    for short, process in _functions(server, prefix):
        processes, took = found.get(short, (0, 0.0))
        found[short] = (processes + 1, took + _core_ms(process))
    return found


def _functions(server: int, prefix: str) -> list[tuple[str, Path]]:
    named = ((_variable(process, "AWS_LAMBDA_FUNCTION_NAME"), process) for process in _below(server))
    return [(name.removeprefix(prefix), process) for name, process in named if name]


def _core_ms(process: Path) -> float:
    """Threads that have ended count as well."""
    try:
        fields = (process / "stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") * 1_000


def _below(root: int) -> list[Path]:
    parents: dict[int, int] = {}
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                # The name in parentheses may contain anything; the parent is the second field after it.
                fields = (process / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            parents[int(process.name)] = int(fields[1])

    def descends(process: int) -> bool:
        while process in parents and process != root:
            process = parents[process]
        return process == root

    return [Path(f"/proc/{process}") for process in parents if process != root and descends(process)]


def _variable(process: Path, name: str) -> str | None:
    try:
        pairs = (process / "environ").read_bytes().split(b"\0")
    except OSError:
        return None
    for pair in pairs:
        key, _, value = pair.partition(b"=")
        if key.decode(errors="replace") == name:
            return value.decode(errors="replace")
    return None


def _peak(process: Path) -> float | None:
    try:
        lines = (process / "status").read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return None
