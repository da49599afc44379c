. scripts/lib.sh
section 'The system is brought up to date'
retry apt-get update
retry apt-get -y dist-upgrade

section 'Packages of files/packages.txt'
grep -v '^#' files/packages.txt | xargs -n 40 echo | while read -r some; do
  # shellcheck disable=SC2086
  packages $some
done

section 'Limits and kernel settings for many parallel builds'
install -D -m 0644 files/limits.conf /etc/security/limits.d/90-runner.conf
install -D -m 0644 files/sysctl.conf /etc/sysctl.d/90-runner.conf
sysctl --system
