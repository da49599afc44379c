set -u
install -D -m 0644 files/kubernetes.repo /etc/yum.repos.d/kubernetes.repo
dnf -y install "kubelet-${KILN_KUBERNETES}*" "kubeadm-${KILN_KUBERNETES}*" --setopt=disable_excludes=kubernetes
install -D -m 0644 files/kubelet.conf /etc/systemd/system/kubelet.service.d/10-node.conf
systemctl enable kubelet
