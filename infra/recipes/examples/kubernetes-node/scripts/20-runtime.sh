# Runs after the restart, on the new kernel.
set -u
echo "the runtime is set up on $(uname -r)"
sysctl --system
dnf -y install "containerd-${KILN_CONTAINERD}*" cni-plugins
install -D -m 0644 files/containerd.toml /etc/containerd/config.toml
systemctl enable containerd
