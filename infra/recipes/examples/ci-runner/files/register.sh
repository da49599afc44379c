#!/bin/sh
# Asks the instance's own role for a token that is good for one registration.
set -eu
url=$(cat /opt/runner/url)
/opt/runner/config.sh --unattended --ephemeral --url "$url" --token "$(/opt/runner/ask-for-token)"
