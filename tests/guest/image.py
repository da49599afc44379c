"""Builds the disk of a guest: Debian with cloud-init, like the images for EC2.

It is kept in the build folder, and built again when this file changes or another suite is asked for.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

PACKAGES = (
    "systemd-sysv dbus udev kmod init initramfs-tools linux-image-cloud-amd64 cloud-init cloud-guest-utils "
    "netplan.io systemd-resolved iproute2 openssh-server python3 python3-cffi-backend curl ca-certificates "
    "less sudo util-linux"
)
# For the address that cloud-init asks for before it reads the metadata.
DHCP = {"bookworm": "isc-dhcp-client", "trixie": "dhcpcd-base"}

CLOUD_CONFIG = """\
datasource_list: [Ec2]
apt: {preserve_sources_list: true}
manage_etc_hosts: true
system_info:
  default_user: {name: admin, sudo: "ALL=(ALL) NOPASSWD:ALL", shell: /bin/bash, lock_passwd: true}
"""
# Hardened images mount what anyone may write to without the right to execute.
FSTAB = """\
/dev/vda / ext4 rw,discard,errors=remount-ro 0 1
tmpfs /tmp tmpfs rw,nosuid,nodev,noexec,mode=1777 0 0
tmpfs /var/tmp tmpfs rw,nosuid,nodev,noexec,mode=1777 0 0
"""
SIZE = "2G"


@dataclass(frozen=True)
class Guest:
    """A disk that has never booted, with the kernel and the first file system to boot it."""

    disk: Path
    kernel: Path
    initrd: Path


def built(suite: str, folder: Path) -> Guest:
    """The guest of this Debian suite; built if it is not there yet."""
    stamp = folder / f"{suite}-{hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:16]}"
    guest = Guest(folder / f"{suite}.raw", folder / f"{suite}.vmlinuz", folder / f"{suite}.initrd")
    if not stamp.exists():
        folder.mkdir(parents=True, exist_ok=True)
        # Where the kernel keeps device files out of /tmp, a file system cannot be built there.
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            _build(suite, Path(scratch) / "root", guest)
        stamp.touch()
    return guest


def _build(suite: str, root: Path, guest: Guest) -> None:
    packages = ",".join([*PACKAGES.split(), DHCP[suite]])
    subprocess.run(
        ["mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", f"--include={packages}", suite, root],
        check=True,
    )
    _write(root / "etc/fstab", FSTAB)
    _write(root / "etc/hostname", "localhost\n")
    # Empty, so that the first boot is one.
    _write(root / "etc/machine-id", "")
    _write(root / "etc/cloud/cloud.cfg.d/01_debian_cloud.cfg", CLOUD_CONFIG)
    resolv = root / "etc/resolv.conf"
    resolv.unlink(missing_ok=True)
    resolv.symlink_to("/run/systemd/resolve/stub-resolv.conf")
    for leftover in [*root.glob("etc/ssh/ssh_host_*"), root / "var/lib/dbus/machine-id"]:
        leftover.unlink(missing_ok=True)
    units = ("systemd-networkd", "systemd-resolved", "ssh")
    subprocess.run(["chroot", root, "systemctl", "--quiet", "enable", *units], check=True)
    (root / "var/log/journal").mkdir(parents=True, exist_ok=True)
    for kind, to in (("vmlinuz", guest.kernel), ("initrd.img", guest.initrd)):
        (found,) = root.glob(f"boot/{kind}-*")
        shutil.copyfile(found, to)
    guest.disk.unlink(missing_ok=True)
    subprocess.run(["mkfs.ext4", "-q", "-d", root, guest.disk, SIZE], check=True)


def _write(path: Path, text: str) -> None:
    path.write_text(text)
