"""Runs the user data of an instance in a sandbox.

A real shell runs the real script, so its result is real. It has an empty environment, a scratch folder, and
a PATH of harmless tools. Tools that would change the machine (package managers, systemctl, poweroff) are
stubs that print their arguments. curl reaches this server alone. A restart empties /run, and runs what
cloud-init runs at each boot.
"""

from __future__ import annotations

import gzip
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from local_aws.lifecycle import Spawner, kill_group
from local_aws.overlay import packages
from local_aws.overlay.packages import Packages
from local_aws.settings import CONSOLE_LIMIT

TOOLS = (
    "[ awk base64 basename bash cat chmod cksum cmp comm cut date diff dirname echo egrep env expr false "
    "fgrep find fold gawk grep gzip head hostname ls mawk md5sum mkdir mkfifo mktemp nl nproc od paste "
    "printenv printf pwd readlink realpath sed seq sh sha1sum sha256sum sort stat tac tail tar tee test "
    "timeout touch tr true uname uniq wc which xargs yes"
)
STUBS = (
    "chown cloud-init dpkg firewall-cmd groupadd hostnamectl install modprobe pip pip3 "
    "restorecon rpm sysctl systemctl timedatectl umount update-alternatives useradd usermod"
)
POWER_TOOLS = ("poweroff", "shutdown", "reboot", "halt", "init")
CONFINED = ("rm", "cp", "mv", "ln", "rmdir")
_OTHERS = "|".join([*POWER_TOOLS, *packages.stubs(), *STUBS.split(), *CONFINED])
_ABSOLUTE = re.compile(rf"(?<![\w.-])/(?:usr/)?(?:local/)?s?bin/({_OTHERS})\b")
_CONSOLES = re.compile(r"/dev/(?:console|ttyS0|ttyAMA0|hvc0)\b")
_POLL = 0.02
_NOBODY = 65534
_SYSTEM = "/usr/local/bin:/usr/bin:/bin"

Callback = Callable[[], None]


class Sandbox:
    """One run of user data, and the serial console that it writes."""

    def __init__(
        self,
        scratch: Path,
        spawner: Spawner,
        endpoint: str,
        on_poweroff: Callback,
        on_idle: Callback,
        installed: Packages | None = None,
        repository: Packages | None = None,
    ) -> None:
        """`installed` are the packages of its image, and `repository` the versions that can be installed.
        `on_poweroff` is called once if the script powers the instance off. `on_idle` is called once when
        the script has ended or sleeps forever."""
        self._scratch = scratch
        self._endpoint = endpoint
        self._spawner = spawner
        self._on_poweroff = on_poweroff
        self._on_idle = on_idle
        self._console = bytearray()
        self._console_lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._killed = False
        self._fifo = scratch / "console"
        self._power = scratch / "power"
        self._reboot = scratch / "reboot"
        self._user: dict[str, Any] = {}
        self._writing = -1
        self._asleep = scratch / "asleep"
        self._installed, self._repository = installed or {}, repository or {}

    def start(self, given: bytes) -> None:
        """`given` is the user data as EC2 has it; cloud-init takes it compressed too."""
        user_data = (gzip.decompress(given) if given[:2] == b"\x1f\x8b" else given).decode(errors="replace")
        home, bin_ = self._scratch / "root", self._scratch / "bin"
        for folder in (home, bin_):
            folder.mkdir(parents=True)
        os.mkfifo(self._fifo)
        reading = os.open(self._fifo, os.O_RDWR | os.O_NONBLOCK)
        # a second descriptor, so that the script's writes block instead of failing
        writing = os.open(self._fifo, os.O_WRONLY)
        _fill_path(bin_, home, self._power, self._reboot, self._asleep, self._endpoint)
        script = home / "var/lib/cloud/instance/scripts/part-001"
        script.parent.mkdir(parents=True)
        script.write_text(_confine(user_data, self._fifo))
        packages.put(home, self._installed, self._repository)
        (home / "dev").mkdir()
        (home / "dev/console").symlink_to(self._fifo)
        user = _run_as_nobody(self._scratch, self._fifo, home, *home.rglob("*")) if os.geteuid() == 0 else {}
        self._writing = writing
        self._user = user
        self._child = self._run(script)
        threading.Thread(target=self._watch, args=(reading,), daemon=True, name="guest").start()

    def _run(self, script: Path) -> subprocess.Popen[bytes]:
        home = self._scratch / "root"
        return self._spawner.popen(
            [shutil.which("bash", path=_SYSTEM) or "/bin/bash", "--noprofile", "--norc", str(script)],
            cwd=home,
            env={
                "PATH": str(self._scratch / "bin"),
                "HOME": str(home),
                "TMPDIR": str(home),
                "LANG": "C.UTF-8",
                "KILN_CONSOLE": str(self._fifo),
                # What Kiln puts around the script cleans the machine at the end, and must take this for one.
                "KILN_ROOT": str(home),
                "KILN_PAUSE": "0",
                "KILN_PATIENCE": "1",
                "KILN_SETTLE": "0.1",
            },
            stdin=subprocess.DEVNULL,
            stdout=self._writing,
            stderr=self._writing,
            process_group=0,
            **self._user,
        )

    def _restart(self) -> bool:
        """Whether the machine was told to restart, and now runs what cloud-init runs at each boot."""
        if not self._reboot.exists() or self._killed:
            return False
        self._reboot.unlink()
        if self._child is not None:
            kill_group(self._child)
        home = self._scratch / "root"
        shutil.rmtree(home / "run", ignore_errors=True)
        self._take(b"Linux version 6.1 (again)\n")
        scripts = sorted((home / "var/lib/cloud/scripts/per-boot").glob("*"))
        if not scripts:
            return False
        self._child = self._run(scripts[0])
        return True

    def packages(self) -> Packages:
        """What is installed by now."""
        return packages.of(self._scratch / "root")

    def print(self, text: str) -> None:
        self._take(text.encode())

    def console(self) -> bytes:
        with self._console_lock:
            return bytes(self._console[-CONSOLE_LIMIT:])

    def kill(self) -> None:
        """Kill the whole process group, without calling `on_poweroff`."""
        self._killed = True
        if self._child is not None:
            kill_group(self._child)

    def _watch(self, reading: int) -> None:
        idle_reported = off = False
        try:
            while self._is_up() and not self._killed:
                self._drain(reading)
                if not idle_reported and self._asleep.exists():
                    idle_reported = True
                    self._drain(reading)  # the console must be complete before `on_idle`
                    self._on_idle()
                if not off and self._power.exists():
                    off = True
                    self._drain(reading)
                    self._on_poweroff()
                time.sleep(_POLL)
            self._drain(reading)
            if not off and not self._killed and self._power.exists():
                self._on_poweroff()
        finally:
            self._drain(reading)
            os.close(reading)
            os.close(self._writing)
            if not idle_reported:
                self._on_idle()

    def _is_up(self) -> bool:
        return (self._child is not None and self._child.poll() is None) or self._restart()

    def _drain(self, reading: int) -> None:
        while True:
            try:
                data = os.read(reading, 65536)
            except BlockingIOError:
                return
            if not data:
                return
            self._take(data)

    def _take(self, data: bytes) -> None:
        with self._console_lock:
            self._console += data
            del self._console[: -2 * CONSOLE_LIMIT]


def _run_as_nobody(*paths: Path) -> dict[str, Any]:
    """Where the server runs as root, the script runs as nobody, though its tools say root, so the kernel
    refuses writes outside the scratch folder."""
    for path in paths:
        os.chown(path, _NOBODY, _NOBODY, follow_symlinks=False)
    return {"user": _NOBODY, "group": _NOBODY, "extra_groups": []}


def _confine(user_data: str, console: Path) -> str:
    """The script without absolute paths of tools, which would bypass the PATH, and without real consoles."""
    if not user_data.startswith("#!"):
        return f'echo "cloud-init: user data is no script; not run" >> {console}\n'
    return _CONSOLES.sub(str(console), _ABSOLUTE.sub(r"\1", user_data))


def _fill_path(bin_: Path, home: Path, power: Path, reboot: Path, asleep: Path, endpoint: str) -> None:
    """Fill the PATH of the script: links to harmless tools, and stubs for the others."""
    shell = shutil.which("bash", path=_SYSTEM) or "/bin/bash"
    for name in TOOLS.split():
        found = shutil.which(name, path=_SYSTEM)
        if found:
            (bin_ / name).symlink_to(found)

    def stub(name: str, body: str) -> None:
        path = bin_ / name
        path.write_text(f"#!{shell}\n{body}\n")
        path.chmod(0o755)

    for name, body in packages.stubs().items():
        stub(name, body)
    for name in STUBS.split():
        stub(name, f'echo "{name}: asked for: $*"')
    stub("sync", "exit 0")
    stub("whoami", "echo root")
    whole = "uid=0(root) gid=0(root) groups=0(root)"
    stub("id", f'case "$1" in -u|-g|-G) echo 0 ;; -un|-gn|-Gn) echo root ;; *) echo "{whole}" ;; esac')
    stub(
        "systemctl",
        f'case " $* " in *" poweroff "*|*" halt "*) : > {power} ;; *" reboot "*) : > {reboot} ;; esac\n'
        'echo "systemctl: asked for: $*"',
    )
    for name in ("poweroff", "shutdown"):
        stub(name, f'case " $* " in *" -c "*|*" -r "*) exit 0 ;; esac\n: > {power}')
    stub("init", f'[ "$1" = 0 ] && : > {power}\nexit 0')
    stub("halt", "echo 'halt: the machine halts but is not switched off'")
    stub("reboot", f": > {reboot}")
    curl, python = shutil.which("curl", path=_SYSTEM), shutil.which("python3", path=_SYSTEM)
    if curl:
        body = (
            f'case " $* " in *" {endpoint}/"*) exec {curl} "$@" ;; *" -K - "*) given=$(cat) ;; esac\n'
            f'case $given in *"{endpoint}/"*) printf "%s\\n" "$given" | {curl} "$@"; exit ;; esac\n'
            'echo "curl: asked for: $*"'
        )
        stub("curl", body)
    elif python:
        (bin_ / "python3").symlink_to(python)
    sleep = shutil.which("sleep", path=_SYSTEM) or "/bin/sleep"
    stub("sleep", f'[ "$1" = infinity ] && : > {asleep}\nexec {sleep} "$@"')
    realpath = shutil.which("realpath", path=_SYSTEM) or "/usr/bin/realpath"
    for name in CONFINED:
        real = shutil.which(name, path=_SYSTEM) or f"/bin/{name}"
        body = (
            f'for a in "$@"; do\n  case "$a" in -*) continue ;; esac\n'
            f'  case "$({realpath} -m -- "$a")/" in {home}/*) ;;\n'
            f'  *) echo "{name}: $a: only inside the scratch folder" >&2; exit 1 ;; esac\n'
            f'done\nexec {real} "$@"'
        )
        stub(name, body)
