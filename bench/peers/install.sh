#!/bin/sh
# Installs the tools netloom is compared with, and what building them needs. Each is optional: a benchmark leaves out
# the peers that are missing.
set -eu
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
  gcc libc6-dev linux-libc-dev golang-go golang-github-vishvananda-netlink-dev python3-pyroute2 iproute2 util-linux
