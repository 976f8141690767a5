#!/bin/sh
# Makes sure that there is a PostgreSQL server for the tests. On Debian as root it
# installs the package.
set -eu

if command -v postgres || ls /usr/lib/postgresql/*/bin/postgres; then
  exit 0
fi >/dev/null 2>&1

if ! grep -qs '^ID=debian$' /etc/os-release || [ "$(id -u)" -ne 0 ]; then
  echo 'no PostgreSQL server was found. Install one, so that postgres and initdb are on the PATH or below /usr/lib/postgresql' \
    '(Debian and Ubuntu: apt-get install postgresql; Homebrew: brew install postgresql)' >&2
  exit 1
fi
echo 'no PostgreSQL server was found; installing the postgresql package'
export DEBIAN_FRONTEND=noninteractive
# The package would start a server of its own, which nobody here asks for.
mkdir -p /etc/postgresql-common
[ -e /etc/postgresql-common/createcluster.conf ] || echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
apt-get -q -o DPkg::Lock::Timeout=300 update >/dev/null
apt-get -q -o DPkg::Lock::Timeout=300 install --yes --no-install-recommends postgresql >/dev/null
