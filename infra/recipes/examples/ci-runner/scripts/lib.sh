# What the scripts of this folder share. Each sources it: . scripts/lib.sh

set -u
export DEBIAN_FRONTEND=noninteractive

# A heading in the log, so that a person finds the part that failed.
section() {
  printf '\n==> %s\n' "$*"
}

# Runs a command up to five times: mirrors are busy at night.
retry() {
  local try
  for try in 1 2 3 4 5; do
    "$@" && return
    echo "try $try of 5 failed: $*" >&2
    sleep "${RETRY_PAUSE:-1}"
  done
  return 1
}

packages() {
  retry apt-get -y install --no-install-recommends "$@"
}

# One field of a tool of the list: tool NAME FIELD.
tool() {
  awk -v name="\"$1\"" -v field="\"$2\"" '
    index($0, "\"name\": " name) { found = 1 }
    found && index($0, field) { split($0, part, "\""); print part[4]; exit }
  ' files/toolcache.json
}

# Fetches a tool of the list, checks its digest, and unpacks it below /opt/toolcache.
installed() {
  local name=$1 version
  version=$(tool "$name" version)
  [ -n "$version" ] || { echo "$name is not in files/toolcache.json" >&2; return 1; }
  echo "$name $version from $(tool "$name" url), sha256 $(tool "$name" sha256)"
}
