#!/bin/sh
# Makes sure that there is a server for the tests: valkey or postgres. On Debian as root it installs the package.
set -eu

case $1 in
valkey)
    package=redis-server what='Valkey or Redis' advice='so that valkey-server or redis-server is on the PATH
(Debian and Ubuntu: apt-get install redis-server, or valkey-server where there is one; Homebrew: brew install valkey)'
    found() { command -v valkey-server || command -v redis-server; }
    ;;
postgres)
    package=postgresql what=PostgreSQL advice='so that postgres and initdb are on the PATH or below /usr/lib/postgresql
(Debian and Ubuntu: apt-get install postgresql; Homebrew: brew install postgresql)'
    found() { command -v postgres || ls /usr/lib/postgresql/*/bin/postgres; }
    ;;
esac
if found >/dev/null 2>&1; then
    exit 0
fi

if ! grep -qs '^ID=debian$' /etc/os-release || [ "$(id -u)" -ne 0 ]; then
    echo "no $what server was found. Install one, $advice" >&2
    exit 1
fi
echo "no $what server was found; installing the $package package"
export DEBIAN_FRONTEND=noninteractive
# The package of PostgreSQL would start a server of its own, which nobody here asks for.
mkdir -p /etc/postgresql-common
[ -e /etc/postgresql-common/createcluster.conf ] || echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
apt-get -q -o DPkg::Lock::Timeout=300 update >/dev/null
apt-get -q -o DPkg::Lock::Timeout=300 install --yes --no-install-recommends "$package" >/dev/null
