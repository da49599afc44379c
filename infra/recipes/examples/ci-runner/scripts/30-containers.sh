. scripts/lib.sh
section 'Docker with buildx and compose'
packages docker.io docker-buildx docker-compose-v2
install -D -m 0644 files/docker.json /etc/docker/daemon.json
systemctl enable docker
usermod --append --groups docker ubuntu
section 'Images that nearly every job pulls'
for image in $(grep -v '^#' files/images.txt); do
  echo "docker pull $image, when the runner is first used"
done
section 'Kubernetes tools'
for name in kubectl helm kustomize; do installed "$name"; done
