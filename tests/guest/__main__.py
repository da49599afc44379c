"""`python -m guest --examples DIR [CASE…]`: boots every case, and compares the verdict that Kiln reads."""

from __future__ import annotations

import argparse
import ctypes
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from guest.cases import CASES, PASSED, Case, Failed
from guest.image import DHCP, Guest, built
from guest.machine import boot
from guest.metadata import give_address
from guest.product import Product

TOOLS = ("qemu-system-x86_64", "mmdebstrap", "mkfs.ext4", "ip")
_NEW_NETWORK = 0x40000000  # CLONE_NEWNET


def main() -> int:
    parser = argparse.ArgumentParser(prog="guest", description=__doc__)
    parser.add_argument("--examples", type=Path, required=True, help="the folder of the built examples")
    parser.add_argument("--build-dir", type=Path, default=Path(".build/guest"), help="disks and consoles")
    parser.add_argument("--suite", choices=sorted(DHCP), default="trixie", help="the Debian release")
    parser.add_argument("--limit", type=float, default=2400, help="seconds for one boot")
    parser.add_argument("cases", nargs="*", help=", ".join(case.name for case in CASES))
    asked = parser.parse_args()
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    if missing or os.geteuid() != 0:
        print(
            f"make guest needs root, and qemu-system-x86, mmdebstrap, e2fsprogs, iproute2; missing: {missing}"
        )
        return 2
    wanted = [case for case in CASES if not asked.cases or case.name in asked.cases]
    print(f"==> A guest of Debian {asked.suite} (built once, in minutes)", flush=True)
    guest = built(asked.suite, asked.build_dir.resolve())
    if ctypes.CDLL(None, use_errno=True).unshare(_NEW_NETWORK) != 0:
        raise OSError(ctypes.get_errno(), "no network namespace of its own")
    give_address()
    product, results = Product(asked.examples), {}
    for case in wanted:
        # A disk whose own boot went wrong would only hide why.
        if results.get(case.disk_of, True):
            results[case.name] = _tried(case, guest, product, asked.build_dir.resolve(), asked.limit)
    print(f"==> {sum(results.values())} of {len(wanted)} cases end as they must", flush=True)
    return 0 if sum(results.values()) == len(wanted) else 1


def _tried(case: Case, guest: Guest, product: Product, folder: Path, limit: float) -> bool:
    # As secret as Kiln's own, which is another for each bake and role.
    word = os.urandom(8).hex()
    keep = case.disk_of is not None or any(other.disk_of == case.name for other in CASES)
    disk = folder / f"{case.disk_of or case.name}.raw" if keep else guest.disk
    if keep and case.disk_of is None:
        _copy(guest.disk, disk)
    log = folder / f"{case.name}.log"
    user_data = product.user_data(case.role, word, case.script)
    run = boot(guest, disk, keep, case.ports, f"{case.name} {time.time_ns()}", user_data, log, limit)
    verdict = product.verdict(word, run.console)
    begun = run.console.count(f"kiln-script {word} begins".encode())
    wrong = list(_wrong(case, verdict, run.powered_off, begun))
    after = len(run.console) - run.console.rfind(b"kiln-verdict ")
    ended = "WRONG" if wrong else "ok"
    print(f"  {case.name:10} {ended}, {run.seconds:.0f} s, its verdict {after:,} bytes before the end")
    for line in [*wrong, *([f"the console: {log}"] if wrong else [])]:
        print(f"             {line}")
    sys.stdout.flush()
    return not wrong


def _wrong(case: Case, verdict: Any, powered_off: bool, begun: int) -> Any:
    if not powered_off:
        yield "it did not power off in time"
    if begun != case.begun:
        yield f"its script began {begun} times"
    if isinstance(case.expected, Failed):
        found = verdict.get("failed", {}) if isinstance(verdict, dict) else {}
        tail = str(found.get("tail"))
        right = tail == case.expected.tail if case.expected.whole else tail.endswith(case.expected.tail)
        if found.get("status") != case.expected.status or not right:
            yield f"its verdict is {verdict}, not {case.expected}"
    elif verdict != PASSED:
        yield f"its verdict is {verdict}, not {case.expected}"


def _copy(source: Path, to: Path) -> None:
    """A copy without the empty parts, which most of a disk is."""
    to.unlink(missing_ok=True)
    with source.open("rb") as disk, to.open("wb") as copy:
        while block := disk.read(1 << 20):
            if block.count(0) == len(block):
                copy.seek(len(block), os.SEEK_CUR)
            else:
                copy.write(block)
        copy.truncate(source.stat().st_size)


if __name__ == "__main__":
    sys.exit(main())
