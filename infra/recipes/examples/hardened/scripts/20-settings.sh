#!/usr/bin/env bash
set -euo pipefail
install -m 0600 files/sshd.conf /etc/ssh/sshd_config.d/10-hardened.conf
install -m 0644 files/sysctl.conf /etc/sysctl.d/60-hardened.conf
install -m 0644 files/modprobe.conf /etc/modprobe.d/hardened.conf
sysctl --system
