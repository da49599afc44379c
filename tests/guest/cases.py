"""What happens on a builder or tester, and the verdict that Kiln must read from its serial console."""

from __future__ import annotations

from dataclasses import dataclass, field

from guest.machine import HYPERVISOR, SCREEN_LAST, SCREEN_ONLY, SERIAL_LAST, Ports

PASSED = "passed"


@dataclass(frozen=True)
class Failed:
    """The status of the verdict, and what people are shown: its end, the beginning of one line, or all."""

    status: int
    tail: str
    whole: bool = False
    begins: bool = False

    def shows(self, tail: str) -> bool:
        if self.begins:
            return tail.startswith(self.tail) and "\n" not in tail
        return tail == self.tail if self.whole else tail.endswith(self.tail)


@dataclass(frozen=True)
class Folder:
    """A recipe's folder and its steps. `fault` is how the store misbehaves, by its name there."""

    steps: tuple[str, ...]
    files: dict[str, str]
    fetch: dict[str, str] = field(default_factory=dict)
    fault: str = ""
    # What the kept log must hold, in this order; none is kept if there is nothing.
    log: tuple[str, ...] = ()
    # Two lines that are printed more than 50 seconds apart: the log must be sent between them.
    sent_between: tuple[str, str] | None = None


@dataclass(frozen=True)
class Case:
    """What an instance runs until it is off. `disk_of` names the case whose disk it boots, else a new one."""

    name: str
    program: str | Folder
    expected: str | Failed
    role: str = "builder"
    ports: Ports = SERIAL_LAST
    disk_of: str | None = None
    # How often the console must say that the script began. A second run would make another image.
    begun: int = 1
    # The seconds that may pass until the verdict: from the first request that the store sees, or, where it
    # sees none, from the line of cloud-init's final stage, which runs the user data.
    within: float | None = None


# What tells a builder from the instances of its image.
SEEN = r"""
mkdir /var/seen
cp /etc/machine-id /etc/ssh/ssh_host_*_key.pub /var/seen
cat /etc/ssh/ssh_host_*_key > /var/seen/private-keys
test -s /var/seen/private-keys
ls /var/log/journal/"$(cat /etc/machine-id)"
echo once >> /var/seen/runs
"""

PASSES = r"""
set -u
# A value of the recipe's, as it is.
test "$KILN_NGINX" = '1.28 $HOME `date`'
mount | grep -E ' on /(var/)?tmp .*noexec' | wc -l | grep -x 2
cd "$HOME" && test "$HOME" = /root
# The first line of many scripts that were written for Packer.
timeout 300 cloud-init status --wait
# What reads its standard input finds nothing there.
test -z "$(cat)"
@seen@
# As on images where D-Bus was installed before systemd: systemd would make the next machine id of it.
rm -f /var/lib/dbus/machine-id
cp /etc/machine-id /var/lib/dbus/machine-id
# Of the recipe's own, for each boot.
printf '#!/bin/sh\ntouch /run/own-script-ran\n' > /var/lib/cloud/scripts/per-boot/own
chmod 0755 /var/lib/cloud/scripts/per-boot/own
# A daemon that never ends, and holds the console.
(while :; do sleep 5; echo daemon; done) &
setsid sh -c 'trap "" HUP; sleep 100000' &
# A flood of 300 KB.
yes 'a line of sixty characters, which is written again and again' | head -n 5000 || test $? -eq 141
""".replace("@seen@", SEEN)

# Nothing is left of the builder, and this is the first boot of a machine of its own.
CLEAN = r"""
set -u
seen=/var/seen
fail() { echo "left of the builder: $*"; exit 9; }
test "$(cat $seen/runs)" = once || fail 'the script ran more than once'
cmp -s /etc/machine-id $seen/machine-id && fail 'its machine id'
test "$(cat /etc/machine-id | wc -c)" -eq 33 || fail 'no machine id'
for key in /etc/ssh/ssh_host_*_key.pub; do
  if cmp -s "$key" "$seen/${key##*/}"; then fail "its host key $key"; fi
done
ls /etc/ssh/ssh_host_ed25519_key
if test -e "/var/log/journal/$(cat $seen/machine-id)"; then fail 'its journal'; fi
journalctl --list-boots
test "$(journalctl --list-boots --quiet | wc -l)" -le 2 || fail 'its boots'
test "$(last -f /var/log/wtmp 2> /dev/null | grep -c reboot)" -le 1 || fail 'its restarts in wtmp'
mine=$(cat /sys/class/dmi/id/product_uuid)
if ls /var/lib/cloud/scripts/per-boot/kiln-* | grep -v "$mine"; then fail 'the guard'; fi
if ls -d /var/lib/kiln-* | grep -v "$mine"; then fail 'its folder'; fi
mine=$(cat /var/lib/cloud/data/instance-id)
if ls -d /var/lib/cloud/instances/*/ | grep -v "$mine"; then fail 'its instance id'; fi
test "$(ls -d /var/lib/cloud/instances/*/ | wc -l)" -eq 1 || fail 'more than one instance'
"""

TESTS = rf"""{CLEAN}
test -e /run/own-script-ran || fail 'nothing, but the script for each boot of the recipe went too'
# What is installed, told in another way than Kiln's: its list must be the same.
dpkg --get-selections | grep -cE '[[:space:]](install|hold)$' | sed 's/^/installed: /'
awk -v RS= '/\nStatus: [a-z]+ ok installed\n/' /var/lib/dpkg/status |
  awk '/^Package: /{{p=$2}}/^Version: /{{print p, $2}}' |
  LC_ALL=C sort | sha256sum | sed 's/^/installed as: /'
echo "kernel: $(uname -r)"
echo tested
"""

FAILS = """
echo begun
sh -c 'echo no such package: ngnix >&2; exit 7'
echo not reached
"""

# A script of another language, by its interpreter.
PYTHON = """#!/usr/bin/env python3
import os, sys
print("\\x1b[31mpython", os.environ["HOME"], sys.stdin.read() + "\\x1b[0m", flush=True)
sys.exit(3)
"""

RESTARTS = """
echo restarting
reboot
sleep 600
"""

RESETS = """
echo reset
sync
echo 1 > /proc/sys/kernel/sysrq
echo b > /proc/sysrq-trigger
sleep 600
"""

# Also a script that stops what cloud-init runs in, and one whose parents are killed.
REMOVES = """
apt-get -y -qq purge cloud-init
! command -v cloud-init
systemctl stop cloud-final.service cloud-init-main.service || true
echo removed
"""

KILLS = """
echo killing
kill -9 $PPID
sleep 600
"""

FIRST = r"""
set -u
test "$PWD" = "$KILN_FOLDER" && test "$HOME" = /root
test "$KILN_NGINX" = '1.28 $HOME `date`'
install -m 0644 files/site.conf /etc/site.conf
install -m 0644 fetched/tool-1.2.txt /etc/tool.txt
@seen@
timeout 300 cloud-init status --wait
cat /proc/sys/kernel/random/boot_id > /var/seen/boot
# Without it the log is sent in another way.
mv /usr/bin/curl /usr/bin/not-curl
echo asleep
sleep 58
echo awake
""".replace("@seen@", SEEN)

SECOND = r"""#!/bin/sh -eu
cmp /proc/sys/kernel/random/boot_id /var/seen/boot && exit 8
test "$PWD" = "$KILN_FOLDER" && test "$HOME" = /root
test "$KILN_NGINX" = '1.28 $HOME `date`'
cmp files/site.conf /etc/site.conf
timeout 300 cloud-init status --wait
mv /usr/bin/not-curl /usr/bin/curl
echo twice >> /var/seen/second
# A daemon that never ends, and holds the log.
(while :; do sleep 5; echo daemon; done) &
echo restarted
"""

FOLDER = Folder(
    ("scripts/10.sh", "reboot", "scripts/20.sh", "reboot"),
    {"scripts/10.sh": FIRST, "scripts/20.sh": SECOND, "files/site.conf": "of the recipe\n"},
    {"tool-1.2.txt": "of another bucket\n"},
    log=("asleep", "awake", "restarted"),
    sent_between=("asleep", "awake"),
)

# @signature@ is that of the builder's URLs, in two parts so that this text does not have it.
FOLDER_TESTS = rf"""{CLEAN}
test "$(cat /etc/site.conf /etc/tool.txt)" = "$(printf 'of the recipe\nof another bucket')"
test "$(cat /var/seen/second)" = twice || fail 'a step that ran twice'
half=@half@
if grep -rIl "${{half}}@rest@" /etc /root /var /home; then fail 'a signed URL'; fi
echo tested
"""

RESTARTS_AFTER = Folder(
    ("scripts/10.sh", "reboot", "scripts/20.sh"),
    {"scripts/10.sh": "echo one\n", "scripts/20.sh": "echo two\nreboot\nsleep 600\n"},
)


def _without(fault: str, said: str) -> Case:
    """A builder that cannot have its folder: it says why, ends within a minute, and has run nothing."""
    folder = Folder(("scripts/10.sh",), {"scripts/10.sh": "echo ran\n"}, fault=fault)
    tail = f"kiln: the archive of the recipe's folder {said}"
    return Case(f"folder-{fault}", folder, Failed(125, tail, begins=True), within=60)


CASES = (
    Case("passes", PASSES, PASSED),
    Case("tests", TESTS, PASSED, role="tester", ports=SCREEN_LAST, disk_of="passes"),
    Case("fails", FAILS, Failed(7, "begun\nno such package: ngnix", whole=True), ports=SCREEN_ONLY),
    Case("python", PYTHON, Failed(3, "python /root ", whole=True), ports=HYPERVISOR),
    Case("restarts", RESTARTS, Failed(129, "before the script had ended")),
    Case("resets", RESETS, Failed(129, "restarted before the script had ended")),
    Case("removes", REMOVES, PASSED),
    Case("kills", KILLS, Failed(128, "killing\nkiln: something killed the shell that the script ran in")),
    Case("folder", FOLDER, PASSED, begun=3),
    Case("folder-tests", FOLDER_TESTS, PASSED, role="tester", disk_of="folder"),
    Case("restarts-after", RESTARTS_AFTER, Failed(129, "before the script had ended"), begun=2),
    _without("expired", "cannot be fetched: curl: (22) The requested URL returned error: 403"),
    _without("missing", "cannot be fetched: curl: (22) The requested URL returned error: 404"),
    _without("other", "is not what the recipe names: its SHA-256 is "),
    _without("half", "cannot be fetched: curl: (18)"),
    _without("stalls", "cannot be fetched: curl: (28) Operation too slow"),
    _without("deaf", "cannot be fetched: curl: (7) Failed to connect"),
    _without("silent", "cannot be fetched: curl: (28)"),
    _without("nameless", "cannot be fetched: curl: "),
)
