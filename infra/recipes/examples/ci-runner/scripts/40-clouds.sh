. scripts/lib.sh
section 'Command lines of the clouds'
for name in aws-cli terraform opentofu packer; do installed "$name"; done
section 'No credentials: jobs get theirs from OIDC, for minutes'
test ! -e "$HOME/.aws/credentials"
