. scripts/lib.sh
section "The runner itself, $KILN_RUNNER"
useradd --system --create-home --home-dir /opt/runner runner
installed "runner-$KILN_RUNNER"
install -D -m 0644 files/runner.service /etc/systemd/system/runner.service
# It registers itself at the first boot, with a token that the instance asks for: the image has none.
install -D -m 0755 files/register.sh /opt/runner/register.sh
systemctl enable runner
