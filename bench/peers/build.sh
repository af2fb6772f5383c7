#!/bin/bash
# Compiles the peers that need it into build/, when their sources are newer. Without Go or its netlink package the Go
# peer is left out, and build/netlink_go does not exist.
set -euo pipefail
cd "$(dirname "$0")"
mkdir -p build

# stale TARGET SOURCE...
stale() {
  local target=$1 source
  shift
  for source in "$@"; do
    [[ $target -nt $source ]] || return 0
  done
  return 1
}

# Into a file of its own first: a benchmark may be running the old one.
if stale build/rtnl build.sh ./*.c ./*.h; then
  ${CC:-cc} -std=c11 -O2 -Wall -Wextra -o "build/rtnl.$$" ./*.c
  mv "build/rtnl.$$" build/rtnl
fi

# The peer of packet devices, and what makes the traffic for all of them.
if stale build/packets build.sh packets/*.c packets/*.h netlink.[ch] namespace.[ch]; then
  ${CC:-cc} -std=c11 -O2 -Wall -Wextra -pthread -o "build/packets.$$" packets/*.c netlink.c namespace.c
  mv "build/packets.$$" build/packets
fi
if stale build/traffic build.sh traffic/*.c traffic/*.h; then
  ${CC:-cc} -std=c11 -O2 -Wall -Wextra -pthread -o "build/traffic.$$" traffic/*.c
  mv "build/traffic.$$" build/traffic
fi

# Debian installs Go packages as sources in a GOPATH, so nothing is fetched.
gopath=/usr/share/gocode
if ! command -v go >/dev/null || [[ ! -d $gopath/src/github.com/vishvananda/netlink ]]; then
  rm -f build/netlink_go
  echo "bench/peers: no Go peer (install.sh installs what it needs)" >&2
elif stale build/netlink_go build.sh netlink_go/*.go; then
  (cd netlink_go && GO111MODULE=off GOPATH=$gopath GOFLAGS='' go build -o "../build/netlink_go.$$" .)
  mv "build/netlink_go.$$" build/netlink_go
fi
