"""A function without tables for unwinding runs as before, and is smaller when it is packed."""

from __future__ import annotations

import io
import shutil
import subprocess
import zlib
from pathlib import Path

from elftools.elf.elffile import ELFFile

from stack.unwind import INDEX, TABLE, emptied, empty_all

PROGRAM = Path(shutil.which("true") or "/bin/true")


def section(program: bytes, name: str) -> bytes:
    return bytes(ELFFile(io.BytesIO(program)).get_section_by_name(name).data())


def test_only_the_tables_change_and_the_program_runs(tmp_path: Path) -> None:
    before = PROGRAM.read_bytes()
    after = emptied(before)
    assert len(after) == len(before) and len(zlib.compress(after)) < len(zlib.compress(before))
    assert set(section(after, TABLE)) == {0}
    assert section(after, INDEX)[:8] == section(before, INDEX)[:8] and set(section(after, INDEX)[8:]) == {0}
    for other in (".text", ".rodata", ".dynamic"):
        assert section(after, other) == section(before, other)
    assert emptied(after) == after
    function = tmp_path / "bake" / "bootstrap"
    function.parent.mkdir()
    shutil.copy(PROGRAM, function)
    empty_all(tmp_path)
    assert function.read_bytes() == after and subprocess.run([function], check=False).returncode == 0
