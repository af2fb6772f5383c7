#!/bin/bash
# Checks that each peer does what its row claims: runs it, then asks iproute2 inside the peer's namespaces what is there.
set -euo pipefail
cd "$(dirname "$0")"
./build.sh

failures=0
# check ROW N COUNT EXPECTED WITNESS: for every peer, the operations reported and what the witness prints afterwards.
check() {
  local row=$1 n=$2 count=$3 expected=$4 witness=$5 peer output first rest
  for peer in build/rtnl build/netlink_go ./pyroute2_peer.py ./ip_batch.sh; do
    [[ -e $peer ]] || continue
    output=$($peer "$row" "$n" --witness "$witness" || true)
    first=${output%%$'\n'*}
    if [[ $first == *'"unsupported"'* ]]; then
      echo "skip $peer $row: ${first#*\"unsupported\":}"
      continue
    fi
    rest=$(tail -n +2 <<<"$output" | xargs)
    if [[ $first == *"\"row\":\"$row\",\"n\":$n,"*"\"count\":$count"* && $rest == "$expected" ]]; then
      echo "ok   $peer $row $n"
    else
      echo "FAIL $peer $row $n: $first, then '$rest' and not '$expected'"
      failures=$((failures + 1))
    fi
  done
}

links='ip -br link show | grep -v "^lo " | wc -l'
namespaces='ip netns list | wc -l'
check bringup 20 20 '20 20 10.200.0.21/16 UP default via 10.200.0.1 dev eth0' \
  'ip -o link show master br up | wc -l; '"$namespaces"'; ip -n c19 -br -4 addr show eth0 | awk "{print \$3, \$2}";
   ip -n c19 route show default | cut -d" " -f1-5'
check teardown 20 20 '1 0' "$links; $namespaces"
check updown 20 20 '1 0' "$links; $namespaces"
check spawn 5 5 '' true
check teardown-one-by-one 20 20 '1 0' "$links; $namespaces"
check teardown-veth 50 50 0 "$links"
check delete-single 20 20 0 "$links"
check getlink 50 50 0 "$links"
check dumplinks 50 510 50 "$links"
routes='ip route show | wc -l; ip route show | tail -1 | cut -d" " -f1-3'
check addroutes 300 300 '300 10.0.1.43 dev r0' "$routes"
check addroutes-single 300 300 '300 10.0.1.43 dev r0' "$routes"
check dumproutes 300 300 '300 10.0.1.43 dev r0' "$routes"

# Rows of packets find out themselves whether each packet was there and came back: that they end well is enough.
# check_packets ROW N COUNT FLAVOUR...
check_packets() {
  local row=$1 n=$2 count=$3 output
  shift 3
  for flavour in "$@"; do
    output=$(build/packets "$row" "$flavour" "$n" || true)
    if [[ $output =~ \"count\":$count[,}] ]]; then
      echo "ok   build/packets $row $flavour $n"
    else
      echo "FAIL build/packets $row $flavour $n: $output"
      failures=$((failures + 1))
    fi
  done
}

check_packets ping 100 100 busy epoll
check_packets ping-gaps 100 100 busy epoll
for size in 64 1400; do
  check_packets "read-$size" 8192 8192 loop
  check_packets "write-$size" 1024 1024 loop
done
check_packets tcp 100 '[1-9][0-9]*' epoll busy
check_packets tcp-offload 100 '[1-9][0-9]*' epoll busy
check_packets udp 100 '[1-9][0-9]*' epoll busy
check_packets capture 100 100 loop
check_packets inject 1024 1024 loop
check_packets queues 1000 1000 one two

((failures == 0))
