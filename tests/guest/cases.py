"""What happens on a builder or tester, and the verdict that Kiln must read from its serial console."""

from __future__ import annotations

from dataclasses import dataclass

from guest.machine import HYPERVISOR, SCREEN_LAST, SCREEN_ONLY, SERIAL_LAST, Ports

PASSED = "passed"


@dataclass(frozen=True)
class Failed:
    """The status of the verdict, and the whole of what people are shown of the console, or its last line."""

    status: int
    tail: str
    whole: bool = False


@dataclass(frozen=True)
class Case:
    """One boot. `disk_of` names the case whose disk it boots, else it is a new one."""

    name: str
    script: str
    expected: str | Failed
    role: str = "builder"
    ports: Ports = SERIAL_LAST
    disk_of: str | None = None
    # How often the console must say that the script began. A second run would make another image.
    begun: int = 1


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
mkdir /var/seen
cp /etc/machine-id /etc/ssh/ssh_host_*_key.pub /var/seen
cat /etc/ssh/ssh_host_*_key > /var/seen/private-keys
test -s /var/seen/private-keys
ls /var/log/journal/"$(cat /etc/machine-id)"
echo once >> /var/seen/runs
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
"""

TESTS = r"""
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
mine=$(cat /var/lib/cloud/data/instance-id)
if ls -d /var/lib/cloud/instances/*/ | grep -v "$mine"; then fail 'its instance id'; fi
test "$(ls -d /var/lib/cloud/instances/*/ | wc -l)" -eq 1 || fail 'more than one instance'
test -e /run/own-script-ran || fail 'nothing, but the script for each boot of the recipe went too'
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

CASES = (
    Case("passes", PASSES, PASSED),
    Case("tests", TESTS, PASSED, role="tester", ports=SCREEN_LAST, disk_of="passes"),
    Case("fails", FAILS, Failed(7, "begun\nno such package: ngnix", whole=True), ports=SCREEN_ONLY),
    Case("python", PYTHON, Failed(3, "python /root ", whole=True), ports=HYPERVISOR),
    Case("restarts", RESTARTS, Failed(129, "before the script had ended")),
    Case("resets", RESETS, Failed(129, "restarted before the script had ended")),
    Case("removes", REMOVES, PASSED),
    Case("kills", KILLS, Failed(128, "killing\nkiln: something killed the shell that the script ran in")),
)
