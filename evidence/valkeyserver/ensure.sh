#!/bin/sh
# Makes sure that there is a Valkey or Redis server for the tests. On Debian as
# root it installs the package.
set -eu

if command -v valkey-server || command -v redis-server; then
  exit 0
fi >/dev/null

if ! grep -qs '^ID=debian$' /etc/os-release || [ "$(id -u)" -ne 0 ]; then
  echo 'no Valkey or Redis server was found. Install one, so that valkey-server or redis-server is on the PATH' \
    '(Debian and Ubuntu: apt-get install redis-server, or valkey-server where there is one; Homebrew: brew install valkey)' >&2
  exit 1
fi
echo 'no Valkey or Redis server was found; installing the redis-server package'
export DEBIAN_FRONTEND=noninteractive
apt-get -q -o DPkg::Lock::Timeout=300 update >/dev/null
apt-get -q -o DPkg::Lock::Timeout=300 install --yes --no-install-recommends redis-server >/dev/null
