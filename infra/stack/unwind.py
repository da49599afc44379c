"""Empties the tables by which a stack is unwound: a tenth of a function's zip file.

Nothing reads them, because a function aborts where it panics. A linker cannot leave them out of a Rust
program: the standard library brings its own. Emptied, they are what they would be in a program without
functions, and all else stays where it was.
"""

from __future__ import annotations

import io
from pathlib import Path

from elftools.elf.elffile import ELFFile

TABLE, INDEX = ".eh_frame", ".eh_frame_hdr"
HEAD = 8
"""Of the index: how it is written, and where the table is. Behind it, it says how long it is.
(https://refspecs.linuxfoundation.org/LSB_5.0.0/LSB-Core-generic/LSB-Core-generic/ehframechpt.html)"""


def emptied(program: bytes) -> bytes:
    """The same ELF program with empty tables."""
    file, done = ELFFile(io.BytesIO(program)), bytearray(program)
    for name, kept in ((TABLE, 0), (INDEX, HEAD)):
        section = file.get_section_by_name(name)
        if section is not None:
            begins, size = section["sh_offset"] + kept, section["sh_size"] - kept
            done[begins : begins + size] = bytes(size)
    return bytes(done)


def empty_all(folder: Path) -> None:
    """Empties those of every function below a folder."""
    for program in folder.glob("*/bootstrap"):
        program.write_bytes(emptied(program.read_bytes()))
