"""Reads the peak memory of each function from the kernel."""

from __future__ import annotations

from pathlib import Path


def peaks(server: int, prefix: str = "kiln-") -> dict[str, float]:
    """The peak resident memory in MiB of each function of the local AWS, by name. If a function has several
    processes, the largest counts."""
    found: dict[str, float] = {}
    for process in _below(server):
        name = _variable(process, "AWS_LAMBDA_FUNCTION_NAME")
        peak = _peak(process)
        if name and peak:
            short = name.removeprefix(prefix)
            found[short] = max(found.get(short, 0.0), peak)
    return found


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
