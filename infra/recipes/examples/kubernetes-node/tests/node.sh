# On another machine, booted from the image.
set -u
systemctl is-enabled containerd kubelet
sysctl -n net.ipv4.ip_forward
test -r files/kubelet.conf
