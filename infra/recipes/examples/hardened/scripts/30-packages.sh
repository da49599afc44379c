export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get -y upgrade
apt-get -y install auditd unattended-upgrades
apt-get -y purge telnet rsh-client || true
systemctl enable auditd
