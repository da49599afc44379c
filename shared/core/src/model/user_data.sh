#!/bin/sh
# Kiln, @role@ of @name@: runs the recipe's script once, says on the serial console how it ended, powers off.
#
# The script runs as a service of its own once cloud-init is done. So it may wait for cloud-init, upgrade it, remove
# it, leave daemons, kill its parents or ask for a restart: systemd runs `end` all the same.
role=@role@
word=@word@
# Tests have a root of their own.
root=${KILN_ROOT:-}
work=$root/run/kiln
cloud=$root/var/lib/cloud
# While this file exists the script has begun and not ended. After a restart cloud-init runs it. It acts on this
# machine alone, in case someone makes an image of it.
guard=$cloud/scripts/per-boot/kiln-$(cat "$root/sys/class/dmi/id/product_uuid" 2> /dev/null)
export HOME="${HOME:-/root}"

# EC2 shows the first serial port. /dev/console is the last device that the kernel was told of: maybe a screen.
dev=$root/dev
console=$dev/console
consoles=$console
active=
[ ! -r "$root/sys/class/tty/console/active" ] || read -r active < "$root/sys/class/tty/console/active"
active=${active##* }
for port in ttyS0 ttyAMA0 hvc0; do
  # A port without hardware refuses to be written to.
  if [ "$port" != "$active" ] && [ -c "$dev/$port" ] && (echo > "$dev/$port") 2> /dev/null; then
    consoles="$consoles $dev/$port"
    case $active in
      tty[0-9]*)
        console=$dev/$port
        # A login that begins there would hang up on whoever writes to it.
        systemctl --quiet mask --runtime --now --no-block "serial-getty@$port.service" 2> /dev/null
        active=$port ;;
    esac
  fi
done

say() {
  for each in $consoles; do
    printf '\n%s\n' "$1" | timeout 60 tee -a "$each" > /dev/null 2>&1
  done
}

begin() {
  case $0 in */per-boot/*) [ "$0" = "$guard" ] || exit 0 ;; esac
  if [ -e "$guard" ]; then
    say 'kiln: the machine restarted before the script had ended'
    finish 129
  fi
  mkdir -p "$work" "${guard%/*}"
  chmod 0700 "$work"
  write_script
  # On a full disk it would be cut short.
  if [ "$(wc -c < "$work/script")" -ne "@bytes@" ]; then
    say 'kiln: the script could not be written whole to /run/kiln'
    finish 125
  fi
  cp "$0" "$guard" && chmod 0700 "$guard"
  if [ -d "$root/run/systemd/system" ] && start_service; then exit 0; fi
  run
  end
}

# It begins when cloud-init, and what a first boot does to the package database, are done. It is not to be restarted,
# as tools do with what uses a library that was upgraded.
start_service() {
  systemctl stop apt-daily.timer apt-daily-upgrade.timer 2> /dev/null
  cp "$0" "$work/frame" && cat > "$root/run/systemd/system/kiln.service" << unit
[Unit]
Description=Kiln, @role@ of @name@
After=cloud-final.service apt-daily.service apt-daily-upgrade.service dnf-makecache.service
IgnoreOnIsolate=yes
RefuseManualStop=yes
[Service]
ExecStart=/bin/sh $work/frame run
ExecStopPost=/bin/sh $work/frame end
TimeoutStopSec=300
TasksMax=infinity
IgnoreSIGPIPE=no
OOMPolicy=continue
unit
  [ -s "$root/run/systemd/system/kiln.service" ] && systemctl daemon-reload &&
    systemctl start --no-block kiln.service
}

run() {
  say "kiln-script $word begins"
  echo 'DPkg::Lock::Timeout "600";' > "$work/apt.conf"
  (
    export APT_CONFIG="$work/apt.conf"
@environment@
    if [ "$(head -c 2 "$work/script")" != '#!' ]; then exec bash -e -o pipefail "$work/script"; fi
    # By its interpreter, because /run and the folders for temporary files may be mounted noexec.
    set -f
    # shellcheck disable=SC2046
    exec $(head -n 1 "$work/script" | cut -c 3-) "$work/script"
  ) >> "$console" 2>&1 < /dev/null
  echo $? > "$work/status"
}

end() {
  status=$(cat "$work/status" 2> /dev/null)
  if stopping; then
    say 'kiln: the machine was told to shut down or restart before the script had ended'
    status=129
  elif [ -z "$status" ]; then
    say 'kiln: something killed the shell that the script ran in'
    status=128
  fi
  say "kiln-script $word ends"
  if [ "$role $status" = 'builder 0' ]; then
    clean > /dev/null 2>&1
    if stopping; then status=129; fi
  fi
  finish "$status"
}

stopping() {
  [ "$(systemctl is-system-running 2> /dev/null)" = stopping ]
}

# Each instance of the image is a machine of its own, and nothing tells who the builder was.
clean() {
  if command -v cloud-init; then
    # It would remove what the script put there for each boot.
    mv "$cloud/scripts" "$work/scripts"
    cloud-init clean --logs || rm -rf "$cloud/instance" "$cloud/instances" "$cloud/data" "$cloud/sem"
    mkdir -p "$cloud"
    [ -e "$cloud/scripts" ] || mv "$work/scripts" "$cloud/scripts"
    # What cloud-init made, and makes again.
    rm -f "$root"/etc/ssh/ssh_host_*_key "$root"/etc/ssh/ssh_host_*_key.pub
    rm -f "$root/etc/sudoers.d/90-cloud-init-users" "$root/etc/netplan/50-cloud-init.yaml"
    case $(cat "$root/etc/hostname") in ip-* | i-*) : > "$root/etc/hostname" ;; esac
  fi
  journalctl --relinquish-var
  rm -rf "$root"/var/log/journal/*
  for log in wtmp btmp lastlog syslog messages auth.log secure; do
    [ ! -f "$root/var/log/$log" ] || : > "$root/var/log/$log"
  done
  rm -f "$root/var/lib/wtmpdb/wtmp.db" "$root/var/lib/lastlog/lastlog2.db"
  rm -f "$root"/var/lib/dhcp/*.leases "$root"/var/lib/dhcpcd/*.lease "$root"/var/lib/NetworkManager/*.lease
  # It is written when its service stops.
  systemctl stop systemd-random-seed.service
  rm -f "$root/var/lib/systemd/random-seed"
  [ -L "$root/var/lib/dbus/machine-id" ] || rm -f "$root/var/lib/dbus/machine-id"
  [ ! -f "$root/etc/machine-id" ] || : > "$root/etc/machine-id"
}

# Says the status, three times because a message of the kernel can end up within a line, and powers off.
finish() {
  [ "$1" -eq 129 ] || rm -f "$guard" || set -- 128
  sync
  dmesg -n 1 2> /dev/null
  for _ in 1 2 3; do
    say "kiln-verdict $word $1"
    sleep "${KILN_PAUSE:-0.5}"
  done
  # A restart under way would only be delayed by a request.
  [ "$1" -ne 129 ] || systemctl poweroff --force --force
  shutdown -c > /dev/null 2>&1
  poweroff || systemctl poweroff --force --force
  exit 0
}

write_script() {
  cat > "$work/script" << 'kiln-@word@'
@script@
kiln-@word@
}

case ${1:-} in
  run) run ;;
  end) end ;;
  *) begin ;;
esac
