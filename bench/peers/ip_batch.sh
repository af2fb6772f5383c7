#!/bin/bash
# The iproute2 peer: `ip_batch.sh ROW N [--witness COMMAND]`, one JSON line on standard output.
#
# Measured around the ip processes, which are what a program that calls ip pays for. The batch files are written
# before the clock starts.
set -euo pipefail

if [[ -z ${PEER_SANDBOX:-} ]]; then
  PEER_SANDBOX=1 exec "$(dirname "$0")/sandbox.sh" "$0" "$@"
fi

unsupported() {
  printf '{"peer":"ip -batch","row":"%s","unsupported":"%s"}\n' "$row" "$1"
  exit 0
}

readonly GROUP=4242 REPEATS=10
row=${1:-} n=${2:-} witness='' unnamed=''
if [[ -z $row || ! $n =~ ^[0-9]+$ ]]; then
  echo "usage: ip_batch.sh ROW N [--witness COMMAND]" >&2
  exit 2
fi
shift 2
while (($#)); do
  case $1 in
    --unnamed) unnamed=1 ;;
    --witness) witness=$2; shift ;;
    *) echo "ip_batch.sh: unknown option $1" >&2; exit 2 ;;
  esac
  shift
done

# /run is a tmpfs of the sandbox's own.
files=/run/batch
mkdir $files

command -v ip >/dev/null || unsupported "iproute2 is not installed; see install.sh"

start_clock() { started=${EPOCHREALTIME/[.,]/}; }
stop_clock() { ns=$(((${EPOCHREALTIME/[.,]/} - started) * 1000)); }

# each COUNT FORMAT: the format once per line, each %d in it the line's number (all of them the same).
each() { awk -v n="$1" -v line="$2" 'BEGIN { for (i = 0; i < n; i++) { l = line; gsub(/%d/, i, l); print l } }'; }

prepare_containers() {
  printf '%s\n' 'link add name br up type bridge' 'addr add 10.200.0.1/16 dev br' | ip -batch -
  each "$n" $'netns add c%d\nlink add name h%d master br up type veth peer name eth0 netns c%d' >$files/outside
  local i
  for ((i = 0; i < n; i++)); do
    printf 'link set eth0 up\naddr add 10.200.%d.%d/16 dev eth0\nroute add default via 10.200.0.1\n' \
      $(((i + 2) >> 8)) $(((i + 2) & 255)) >"$files/c$i"
  done
}

bring_up() {
  local i
  ip -batch $files/outside
  for ((i = 0; i < n; i++)); do ip -n "c$i" -batch "$files/c$i"; done
}

create_pairs() { each "$1" "link add name a%d ${2:-} type veth peer name b%d" | ip -batch -; }

prepare_routes() {
  printf '%s\n' 'link add name r0 up type veth peer name r1' 'link set r1 up' | ip -batch -
  awk -v n="$n" 'BEGIN { for (i = 0; i < n; i++)
    printf "route add 10.%d.%d.%d/32 dev r0\n", i / 65536, i / 256 % 256, i % 256 }' >$files/routes
}

count=$n
case $row in
  bringup | teardown | updown | teardown-one-by-one)
    [[ -z $unnamed ]] || unsupported "every namespace of ip netns has a name"
    prepare_containers
    ;;&
  bringup)
    start_clock
    bring_up
    stop_clock
    ;;
  teardown)
    bring_up
    each "$n" "link set h%d group $GROUP" >$files/rows
    ((n == 0)) || echo "link del group $GROUP" >>$files/rows
    each "$n" 'netns del c%d' >>$files/rows
    start_clock
    ip -batch $files/rows
    stop_clock
    ;;
  updown)
    each "$n" "link set h%d group $GROUP" >$files/rows
    ((n == 0)) || echo "link del group $GROUP" >>$files/rows
    each "$n" 'netns del c%d' >>$files/rows
    start_clock
    bring_up
    ip -batch $files/rows
    stop_clock
    ;;
  teardown-one-by-one)
    bring_up
    each "$n" $'link del h%d\nnetns del c%d' >$files/rows
    start_clock
    ip -batch $files/rows
    stop_clock
    ;;
  spawn)
    ip netns add blue
    ip netns exec blue true
    start_clock
    for ((i = 0; i < n; i++)); do ip netns exec blue true; done
    stop_clock
    ;;
  teardown-veth)
    create_pairs "$n" "group $GROUP"
    start_clock
    ((n == 0)) || ip link del group $GROUP
    stop_clock
    ;;
  delete-single)
    create_pairs "$n"
    each "$n" 'link del a%d' >$files/rows
    start_clock
    ip -batch $files/rows
    stop_clock
    ;;
  getlink)
    each "$n" 'link show lo' >$files/rows
    start_clock
    ip -batch $files/rows >/dev/null
    stop_clock
    ;;
  dumplinks)
    create_pairs $((n / 2))
    count=$(($(ip -o link show | wc -l) * REPEATS))
    start_clock
    for ((i = 0; i < REPEATS; i++)); do ip -j link show >/dev/null; done
    stop_clock
    ;;
  addroutes)
    prepare_routes
    start_clock
    ip -batch $files/routes
    stop_clock
    ;;
  addroutes-single)
    unsupported "one call per route is one ip process per route; ip -batch is in addroutes"
    ;;
  dumproutes)
    prepare_routes
    ip -batch $files/routes
    start_clock
    ip -j route show >/dev/null
    stop_clock
    ;;
  *)
    echo "ip_batch.sh: unknown row $row" >&2
    exit 2
    ;;
esac

printf '{"peer":"ip -batch","row":"%s","n":%d,"ns":%d,"count":%d}\n' "$row" "$n" "$ns" "$count"
[[ -z $witness ]] || sh -c "$witness"
