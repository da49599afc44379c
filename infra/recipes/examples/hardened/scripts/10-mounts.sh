# A script that is run by its interpreter needs no right to execute, so Kiln goes on where /tmp has none.
set -u
install -m 0644 files/tmp.mount /etc/systemd/system/tmp.mount
install -m 0644 files/var-tmp.mount /etc/systemd/system/var-tmp.mount
systemctl enable tmp.mount var-tmp.mount
