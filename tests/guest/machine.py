"""A machine that is like an EC2 instance: its SMBIOS, its metadata service, its serial port.

QEMU emulates it in software, so that it runs alike everywhere."""

from __future__ import annotations

import hashlib
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from guest.image import Guest
from guest.metadata import Metadata


@dataclass(frozen=True)
class Ports:
    """The serial port of a machine, and the consoles that its kernel is told of. The last is /dev/console."""

    consoles: tuple[str, ...]
    device: tuple[str, ...]


# As most images for EC2.
SERIAL_LAST = Ports(("tty0", "ttyS0,115200n8"), ("-serial", "file:{log}"))
SCREEN_LAST = Ports(("ttyS0,115200n8", "tty0"), ("-serial", "file:{log}"))
SCREEN_ONLY = Ports(("tty0",), ("-serial", "file:{log}"))
# No serial port at all: /dev/ttyS0 is there, and refuses to be written to.
HYPERVISOR = Ports(
    ("hvc0",),
    ("-serial", "none", "-device", "virtio-serial-pci", "-chardev", "file,id=c,path={log}")
    + ("-device", "virtconsole,chardev=c"),
)


# What cloud-init says before it runs user data, and how a verdict begins.
USER_DATA, VERDICT = b"'modules:final'", b"kiln-verdict "


@dataclass(frozen=True)
class Run:
    """What was seen of a machine, and when each mark first stood on its console."""

    console: bytes
    powered_off: bool
    seconds: float
    marks: dict[bytes, float]


def boot(
    guest: Guest, disk: Path, keep: bool, ports: Ports, name: str, user_data: bytes, log: Path, limit: float
) -> Run:
    """Boot the disk as the instance that `name` stands for, until it powers off; `keep` keeps its changes."""
    digest = hashlib.sha256(name.encode()).hexdigest()
    mac = "52:54:00:" + ":".join(digest[at : at + 2] for at in (0, 2, 4))
    uuid = f"ec2{digest[:5]}-{digest[5:9]}-4{digest[9:12]}-8{digest[12:15]}-{digest[15:27]}"
    system = f"type=1,manufacturer=Amazon EC2,product=t3.micro,serial={uuid},uuid={uuid}"
    consoles = " ".join(f"console={console}" for console in ports.consoles)
    log.unlink(missing_ok=True)
    command = [
        *(
            "qemu-system-x86_64",
            "-machine",
            "pc,accel=tcg",
            "-cpu",
            "max",
            "-smp",
            "1",
            "-m",
            "1024",
        ),
        *("-display", "none", "-monitor", "none", "-smbios", system),
        *("-kernel", str(guest.kernel), "-initrd", str(guest.initrd)),
        *("-append", f"root=/dev/vda rw {consoles} net.ifnames=0 consoleblank=0 mitigations=off"),
        *("-drive", f"file={disk},if=virtio,format=raw,cache=unsafe,snapshot={'off' if keep else 'on'}"),
        *("-netdev", "user,id=n", "-device", f"virtio-net-pci,netdev=n,mac={mac}"),
        *(part.format(log=log) for part in ports.device),
    ]
    begun = time.monotonic()
    with (
        Metadata(f"i-{digest[:17]}", mac, user_data),
        subprocess.Popen(command, stdin=subprocess.DEVNULL) as machine,
    ):
        marks = _watched(machine, log, begun + limit)
        powered_off = machine.poll() is not None
        machine.kill()
    if powered_off and machine.returncode != 0:
        raise subprocess.CalledProcessError(machine.returncode, command)
    return Run(log.read_bytes(), powered_off, time.monotonic() - begun, marks)


def _watched(machine: subprocess.Popen[bytes], log: Path, until: float) -> dict[bytes, float]:
    """Wait until the machine is off; gives when each mark was first seen."""
    marks: dict[bytes, float] = {}
    while machine.poll() is None and time.monotonic() < until:
        time.sleep(0.2)
        if VERDICT not in marks and log.exists():
            console, now = log.read_bytes(), time.monotonic()
            marks |= {mark: now for mark in (USER_DATA, VERDICT) if mark in console and mark not in marks}
    return marks
