. scripts/lib.sh
section 'What jobs stand on is there'
systemctl is-enabled docker runner
test -n "$(tool "node-$KILN_NODE" sha256)"
section 'and nothing that a job must not find'
test ! -e "$HOME/.docker/config.json"
