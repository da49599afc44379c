#!/bin/sh
# Kiln, @role@ of @name@
#
# Runs the recipe's steps once, says on the serial console how they ended, and powers off. The steps are a service of their
# own once cloud-init is done. So they may wait for cloud-init, upgrade it, remove it, leave daemons, kill their parents
# or ask for a restart: systemd runs `end` all the same.
word=@word@
steps='@steps@'
# Where the log is put; signed for this launch.
log='@log@'
tee=
sender=
# Tests have a root of their own.
root=${KILN_ROOT:-}
work=$root/run/kiln
cloud=$root/var/lib/cloud
# While this file exists the steps have begun and not ended. After a restart cloud-init runs it. It acts on this
# machine alone, in case someone makes an image of it.
machine=kiln-$(cat "$root/sys/class/dmi/id/product_uuid" 2> /dev/null)
guard=$cloud/scripts/per-boot/$machine
# What outlives a restart: the recipe's folder, the log, and which step is next. The guard goes last.
kept=$root/var/lib/$machine
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
#[log]
  [ ! -e "$kept/log" ] || printf '\n%s\n' "$1" >> "$kept/log"
#[]
}

begin() {
  case $0 in */per-boot/*) [ "$0" = "$guard" ] || exit 0 ;; esac
#[reboot]
  # The guard went on, and cloud-init takes this boot for a first one.
  [ ! -e "$work/goes-on" ] || exit 0
#[]
  if [ -e "$guard" ] || [ -e "$kept" ]; then
    if [ ! -e "$kept/restarting" ]; then
      say 'kiln: the machine restarted before the script had ended'
      finish 129
    fi
#[reboot]
    rm -f "$kept/restarting"
    mkdir -p "$work"
    : > "$work/goes-on"
#[]
  fi
  mkdir -p "$work" "$kept" "${guard%/*}"
#[contents]
  # Before a step can install anything.
  [ -e "$kept/contents" ] || contents > "$kept/contents" 2> /dev/null
#[]
  # A step may run something in the folder as another user.
  chmod 0711 "$work" "$kept"
  if [ "$0" != "$guard" ]; then cp "$0" "$guard" && chmod 0700 "$guard"; fi
  write_script
  # On a full disk it would be cut short.
  [ "$(wc -c < "$work/script")" -eq "@bytes@" ] || cannot 'the script could not be written whole'
  [ -e "$work/goes-on" ] || bring
  if [ -d "$root/run/systemd/system" ] && start_service; then exit 0; fi
  run
  end
}

#[contents]
# What is in the image: its kernel, its release and its packages.
contents() {
  echo "kernel $(uname -r)"
  echo "cmdline $(cat "$root/proc/cmdline")"
  sed -n 's/^[A-Z_]*=/os &/p' "$root/etc/os-release"
  {
    dpkg-query --admindir="$root/var/lib/dpkg" -W \
      -f='${db:Status-Abbrev}dpkg ${Package} ${Version} ${Architecture}\n' | sed -n 's/^.i.//p'
    rpm -qa --qf 'rpm %{NAME} %|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE} %{ARCH}\n' | grep '^rpm '
    awk -F: '/^P:/{p=$2}/^V:/{v=$2}/^A:/{a=$2}/^$/{print "apk",p,v,a}' "$root/lib/apk/db/installed"
  } | LC_ALL=C sort -u
}

# Says it for whoever asks. Its lack fails nothing. A longer list would leave no room on the console.
tell_contents() {
  packed=$(gzip -9 -n -c "$kept/contents" | base64)
  [ "${#packed}" -le 32768 ] || packed=
  sum=$(sha256sum < "$kept/contents")
  say "kiln-contents $word $(grep -cE '^(dpkg|rpm|apk) ' "$kept/contents") ${sum%% *}
$packed
kiln-contents $word ends"
}

#[]
# Nothing ran, and nothing will.
cannot() {
#[log]
  (umask 077 && : >> "$kept/log")
#[]
  say "kiln-script $word begins"
  say "kiln: $1"
  finish 125
}

# What the steps need from elsewhere.
bring() {
  :
@bring@
}

#[fetch]
# The recipe's folder, of the archive at $1.
unpack() {
  mkdir -p "$kept/folder"
  fetch "$1" "$kept/archive" "$2" "the archive of the recipe's folder"
  why=$(tar -xzf "$kept/archive" -C "$kept/folder" 2>&1) ||
    cannot "the archive of the recipe's folder cannot be unpacked: $why"
  rm -f "$kept/archive"
}

# Fetches $1 to the file $2, which must have the digest $3. The network may need a moment.
fetch() {
  until=$(($(date +%s) + ${KILN_PATIENCE:-40}))
  while ! why=$(download "$1" "$2" 2>&1); do
    [ "$(date +%s)" -lt "$until" ] || cannot "$4 cannot be fetched: $why"
    sleep "${KILN_PAUSE:-2}"
  done
  found=$(sha256sum < "$2")
  [ "${found%% *}" = "$3" ] || cannot "$4 is not what the recipe names: its SHA-256 is ${found%% *}"
}

# A URL is signed: nothing may print it, and no argument of a process may have it, for those are audited. What brings no
# byte in some 12 seconds is given up: curl is 6 late.
download() {
  if command -v curl > /dev/null; then
    printf 'url = "%s"\n' "$1" | curl -K - -fsS --connect-timeout 5 -y 8 -o "$2"
  else
    printf %s "$1" | python 'open(a[1],"wb").write(u.urlopen(s.stdin.read(),timeout=12).read())' "$2"
  fi
}

#[fetch or log]
# cloud-init stands on it.
python() {
  code="import sys as s,urllib.request as u;a=s.argv;$1"
  shift
  python=/usr/libexec/platform-python
  [ -x "$python" ] || python=python3
  "$python" -c "$code" "$@"
}

#[]
# It begins when cloud-init, and what a first boot does to the package database, are done. It is not to be restarted,
# as tools do with what uses a library that was upgraded.
start_service() {
  systemctl stop apt-daily.timer apt-daily-upgrade.timer 2> /dev/null
  cp "$0" "$kept/frame" && cat > "$root/run/systemd/system/kiln.service" << unit
[Unit]
Description=Kiln, @role@ of @name@
After=cloud-final.service apt-daily.service apt-daily-upgrade.service dnf-makecache.service
IgnoreOnIsolate=yes
RefuseManualStop=yes
[Service]
ExecStart=/bin/sh $kept/frame run
ExecStopPost=/bin/sh $kept/frame end
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
#[log]
  keep_log
#[]
  past=$(cat "$kept/past" 2> /dev/null)
  number=0
  status=0
  failed=
  for step in $steps; do
    number=$((number + 1))
    [ "$number" -gt "${past:-0}" ] || continue
    # Before it begins, for no step runs twice.
    echo "$number" > "$kept/past"
    if [ "$(cat "$kept/past")" != "$number" ]; then
      failed="the disk is full before step $number"
      status=125
    elif [ "$step" = reboot ]; then
      restart
      return
    else
      if [ -n "$tee" ]; then
        script "$step" >&3 2>&1 < /dev/null 3>&-
      else
        script "$step" >> "$console" 2>&1 < /dev/null
      fi
      status=$?
      if [ "$status" -ne 0 ] && [ "$step" != script ]; then
        failed="step $number, $step, ended with status $status"
      fi
    fi
    [ "$status" -eq 0 ] || break
  done
  [ -z "$tee" ] || settle
  [ -z "$failed" ] || say "kiln: $failed"
  echo "$status" > "$work/status"
}

# One script: `script` for that of the recipe's text, or the path of one in the recipe's folder.
script() (
  export APT_CONFIG="$work/apt.conf"
@environment@
  if [ -d "$kept/folder" ]; then
    export KILN_FOLDER="$kept/folder"
    cd "$KILN_FOLDER" || exit
  fi
  file=$KILN_FOLDER/$1
  [ "$1" != script ] || file=$work/script
  if [ "$(head -c 2 "$file")" != '#!' ]; then exec bash -e -o pipefail "$file"; fi
  # By its interpreter, because /run, /var and the folders for temporary files may be mounted noexec.
  set -f
  # shellcheck disable=SC2046
  exec $(head -n 1 "$file" | cut -c 3-) "$file"
)

#[log]
# The whole log, beside the console, which shows its end alone. It is sent while the steps run: they may hang.
keep_log() {
  mkfifo "$work/pipe" && (umask 077 && : >> "$kept/log") || return
  tee -a "$kept/log" "$console" < "$work/pipe" > /dev/null 2>&1 &
  tee=$!
  exec 3> "$work/pipe"
  while sleep 50; do send; done > /dev/null 2>&1 3>&- &
  sender=$!
}

# Lets log and console get all that was printed. A console is slow, and a daemon may still hold the pipe: as long as the log
# grows, and at most a minute.
settle() {
  exec 3>&-
  still=0
  size=
  for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    kill -0 "$tee" 2> /dev/null || break
    before=$size
    size=$(wc -c < "$kept/log")
    if [ "$size" = "$before" ]; then still=$((still + 1)); else still=0; fi
    [ "$still" -lt 2 ] || break
    sleep "${KILN_SETTLE:-3}"
  done
  kill "$tee" "$sender" 2> /dev/null
}

send() {
  if command -v curl > /dev/null; then
    printf 'url = "%s"\n' "$log" | curl -K - -fsS --connect-timeout 5 --max-time 45 -T "$kept/log"
  else
    printf %s "$log" |
      python 'u.urlopen(u.Request(s.stdin.read(),open(a[1],"rb").read(),method="PUT"),timeout=40)' "$kept/log"
  fi
}

send_log() {
  if [ -e "$kept/log" ]; then
    why=$(send 2>&1) || say "kiln: the log could not be kept: $why"
  fi
}

#[reboot]
# `end` restarts the machine, and the guard goes on.
restart() {
  [ -z "$tee" ] || settle
  if [ -e "$guard" ] && command -v cloud-init > /dev/null && [ ! -e "$root/etc/cloud/cloud-init.disabled" ] &&
    { [ ! -d "$root/run/systemd/system" ] || systemctl --quiet is-enabled cloud-final.service; }; then
    : > "$kept/restarting"
  else
    say "kiln: cloud-init is gone or disabled, and nothing would go on after step $number, reboot"
    echo 125 > "$work/status"
  fi
}

#[]
end() {
#[reboot]
  if [ -e "$kept/restarting" ]; then
#[log and reboot]
    send_log
#[reboot]
    sync
    systemctl reboot || reboot
    exit 0
  fi
#[]
  status=$(cat "$work/status" 2> /dev/null)
  if stopping; then
    say 'kiln: the machine was told to shut down or restart before the script had ended'
    status=129
  elif [ -z "$status" ]; then
    say 'kiln: something killed the shell that the script ran in'
    status=128
  fi
  say "kiln-script $word ends"
#[log]
  send_log
  rm -f "$kept/log"
#[]
#[contents]
  [ "$status" != 0 ] || tell_contents 2> /dev/null
#[clean]
  if [ "$status" = 0 ]; then
    clean > /dev/null 2>&1
    if stopping; then status=129; fi
  fi
#[]
  finish "$status"
}

stopping() {
  [ "$(systemctl is-system-running 2> /dev/null)" = stopping ]
}

#[clean]
# Each instance of the image is a machine of its own, and nothing tells who the builder was.
clean() {
  if command -v cloud-init; then
    # It would remove what the script put there for each boot.
    mv "$cloud/scripts" "$work/scripts"
    cloud-init clean --logs
    mkdir -p "$cloud"
    [ -e "$cloud/scripts" ] || mv "$work/scripts" "$cloud/scripts"
    # What cloud-init made, and makes again.
    rm -f "$root"/etc/ssh/ssh_host_*_key "$root"/etc/ssh/ssh_host_*_key.pub
    rm -f "$root/etc/sudoers.d/90-cloud-init-users" "$root/etc/netplan/50-cloud-init.yaml"
    case $(cat "$root/etc/hostname") in ip-* | i-*) : > "$root/etc/hostname" ;; esac
  fi
  # Also of a cloud-init that a step removed: it kept this user data, with what is signed in it.
  rm -rf "$cloud/instance" "$cloud/instances" "$cloud/data" "$cloud/sem"
  rm -f "$root"/var/log/cloud-init*.log
  journalctl --relinquish-var
  rm -rf "$root"/var/log/journal/*
  for each in wtmp btmp lastlog syslog messages auth.log secure audit/audit.log; do
    [ ! -f "$root/var/log/$each" ] || : > "$root/var/log/$each"
  done
  rm -f "$root/var/lib/wtmpdb/wtmp.db" "$root/var/lib/lastlog/lastlog2.db"
  rm -f "$root"/var/lib/dhcp/*.leases "$root"/var/lib/dhcpcd/*.lease "$root"/var/lib/NetworkManager/*.lease
  # It is written when its service stops.
  systemctl stop systemd-random-seed.service
  rm -f "$root/var/lib/systemd/random-seed"
  [ -L "$root/var/lib/dbus/machine-id" ] || rm -f "$root/var/lib/dbus/machine-id"
  [ ! -f "$root/etc/machine-id" ] || : > "$root/etc/machine-id"
}

#[]
# What a step mounted there is not Kiln's.
leave() {
  while read -r _ at _; do
    case $at in "$kept"/*) umount -l "$at" ;; esac
  done < /proc/mounts
  rm -rf --one-file-system "$kept"
}

# Says the status, three times because a message of the kernel can end up within a line, and powers off.
finish() {
#[log]
  send_log
#[]
  if [ "$1" -ne 129 ] && ! { leave && rm -f "$guard"; }; then
    say "kiln: $kept cannot be removed"
    set -- 128
  fi
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
