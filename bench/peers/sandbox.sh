#!/bin/sh
# Runs a command in network and mount namespaces of its own with an empty /run, so that it can use names like `br` and
# /run/netns/c0 while others do the same. When the command ends, its namespaces and links go with it.
set -eu
# Over /run and not /run/netns, which need not exist and must not be left behind on the machine.
exec unshare --net --mount --propagation private sh -euc '
  mount -t tmpfs -o mode=755 peers /run
  mkdir /run/netns
  ulimit -Sn "$(ulimit -Hn)"
  exec "$@"' sandbox "$@"
