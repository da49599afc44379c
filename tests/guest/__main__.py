"""`python -m guest --examples DIR [CASE…]`: boots every case, and compares the verdict that Kiln reads."""

from __future__ import annotations

import argparse
import ctypes
import hashlib
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from guest.cases import CASES, PASSED, Case, Failed, Folder
from guest.image import DHCP, Guest, built
from guest.machine import USER_DATA, VERDICT, Run, boot
from guest.metadata import give_address
from guest.product import Product
from guest.store import Store, digest, packed

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
    signature = _signature(case.disk_of or case.name)
    objects = _objects(case.program)
    fault = case.program.fault if isinstance(case.program, Folder) else ""
    with Store(objects, fault, signature) as store:
        user_data = product.user_data(case.role, word, _program(case.program, store, objects))
        name = f"{case.name} {time.time_ns()}"
        run = boot(guest, disk, keep, case.ports, name, user_data, log, limit)
    verdict = product.verdict(word, run.console)
    begun = run.console.count(f"kiln-script {word} begins".encode())
    wrong = [*_wrong(case, verdict, run.powered_off, begun), *_wrong_store(case, run, store)]
    if b"installed as: " in run.console:
        wrong.extend(
            _wrong_contents(product.contents(word, run.console), run.console.decode(errors="replace"))
        )
    after = len(run.console) - run.console.rfind(VERDICT)
    ended = "WRONG" if wrong else "ok"
    print(
        f"  {case.name:15} {ended}, {run.seconds:.0f} s, its verdict {after:,} bytes before the end", end=""
    )
    print("" if case.within is None else f", {_waited(run, store):.0f} s after it began")
    for line in [*wrong, *([f"the console: {log}"] if wrong else [])]:
        print(f"                  {line}")
    sys.stdout.flush()
    return not wrong


def _signature(name: str) -> str:
    """What signs the URLs of this case. Its disk and console are looked through for it."""
    return hashlib.sha256(name.encode()).hexdigest()


def _objects(program: str | Folder) -> dict[str, bytes]:
    """What the store has, the archive first."""
    if isinstance(program, str):
        return {}
    return {"archive": packed(program.files)} | {key: text.encode() for key, text in program.fetch.items()}


def _program(program: str | Folder, store: Store, objects: dict[str, bytes]) -> dict[str, Any]:
    """The program as the example of the user data takes it."""
    if isinstance(program, str):
        return {
            "script": program.replace("@half@", store.signature[:32]).replace("@rest@", store.signature[32:])
        }
    names = {key: digest(data).replace(":", "=") for key, data in objects.items()}
    return {
        "steps": program.steps,
        "archive": [digest(objects["archive"]), store.url("archive")],
        "fetch": [[f"s3://tools/{key}#{names[key]}", store.url(key)] for key in program.fetch],
        "log": store.url("log") if program.log else "",
    }


def _waited(run: Run, store: Store) -> float:
    """The seconds from the beginning of the user data to the verdict on the console."""
    begun = store.first or run.marks.get(USER_DATA, 0)
    return run.marks.get(VERDICT, float("inf")) - begun


def _wrong(case: Case, verdict: Any, powered_off: bool, begun: int) -> Any:
    if not powered_off:
        yield "it did not power off in time"
    if begun != case.begun:
        yield f"its script began {begun} times"
    if isinstance(case.expected, Failed):
        found = verdict.get("failed", {}) if isinstance(verdict, dict) else {}
        if found.get("status") != case.expected.status or not case.expected.shows(str(found.get("tail"))):
            yield f"its verdict is {verdict}, not {case.expected}"
    elif verdict != PASSED:
        yield f"its verdict is {verdict}, not {case.expected}"


def _wrong_contents(contents: list[str], console: str) -> Any:
    """What differs between Kiln's list and what the guest's own tools tell."""
    packages = [line.split(" ") for line in contents if line.startswith("dpkg ")]
    names = sorted(f"{name} {version}\n".encode() for _, name, version, _ in packages)
    digest = hashlib.sha256(b"".join(names)).hexdigest()
    for told in (f"installed: {len(packages)}", f"installed as: {digest}"):
        if f"\n{told}" not in console.replace("\r", ""):
            yield f"its list has {len(packages)} packages ({digest}), not as the guest says: {contents[:3]}"
    kernel = next((line.removeprefix("kernel ") for line in contents if line.startswith("kernel ")), "")
    if f"\nkernel: {kernel}" not in console.replace("\r", "") or "os ID=debian" not in contents:
        yield f"its list tells kernel {kernel!r}, and the guest another, or another system"


def _wrong_store(case: Case, run: Run, store: Store) -> Any:
    if store.signature.encode() in run.console or any(store.signature in log for log in store.puts):
        yield "the signature of a URL stands on its console or in its log"
    if case.within is not None and _waited(run, store) > case.within:
        yield f"its verdict came after {_waited(run, store):.0f} s"
    if not isinstance(case.program, Folder) or not case.program.log:
        return
    at, kept = 0, store.puts[-1] if store.puts else ""
    for line in case.program.log:
        at = kept.find(f"\n{line}\n", max(at - 1, 0)) + 1
        if not at:
            yield f"its log lacks {line!r}, or has it too early: {kept[-2000:]}"
            return
    if case.program.sent_between:
        before, after = (f"\n{line}\n" for line in case.program.sent_between)
        if not any(before in log and after not in log for log in store.puts):
            yield f"none of {len(store.puts)} logs was sent while its steps ran"


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
