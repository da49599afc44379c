# Everything that the next boot must have: a current kernel, the modules, and no swap.
set -u
dnf -y upgrade --releasever=latest
install -D -m 0644 files/modules.conf /etc/modules-load.d/kubernetes.conf
install -D -m 0644 files/sysctl.conf /etc/sysctl.d/90-kubernetes.conf
systemctl mask swap.target
