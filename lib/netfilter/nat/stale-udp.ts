/**
 * UDP that the kernel tracks by what was before a change of port mappings. A client that goes on sending from one port
 * keeps its connection, and with it its way, for as long as it does; TCP begins a new one.
 */
import { NetlinkError } from '../../errors.js';
import { dump } from '../../netlink/request.js';
import type { Netns } from '../../netns/netns.js';
import type { Operation } from '../../operation.js';
import { forget, listConntrackRequest } from '../conntrack/calls.js';
import { type ConntrackEntry, wantedBy } from '../conntrack/entry.js';
import type { MappedPort } from './mapping.js';

const udpOnly = (ports: readonly MappedPort[]): MappedPort[] => ports.filter(({ protocol }) => protocol === 'udp');

/** Forgets what goes elsewhere than the ports lead to now. */
export function* forgetUdpBefore(netns: Netns, ports: readonly MappedPort[]): Operation<void> {
  yield* forgetUdp(netns, ports, ({ reply, status }, { to }) => {
    // What is masqueraded alone came from a container, and goes to that port of another host.
    const passesThrough = status.includes('src-nat') && !status.includes('dst-nat');
    return reply.source !== to && !passesThrough;
  });
}

/** Forgets what goes where the ports have led to. */
export function* forgetUdpAfter(netns: Netns, ports: readonly MappedPort[]): Operation<void> {
  yield* forgetUdp(
    netns,
    ports,
    ({ reply }, { to, containerPort }) => reply.source === to && reply.sourcePort === containerPort,
  );
}

function* forgetUdp(
  netns: Netns,
  ports: readonly MappedPort[],
  isStale: (entry: ConntrackEntry, port: MappedPort) => boolean,
): Operation<void> {
  const mapped = udpOnly(ports);
  if (mapped.length === 0) return;
  const isMeant = (entry: ConntrackEntry): boolean =>
    mapped.some(
      (port) =>
        entry.original.destinationPort === port.hostPort &&
        entry.family === (port.to.includes(':') ? 'inet6' : 'inet') &&
        (port.hostAddress ?? entry.original.destination) === entry.original.destination &&
        isStale(entry, port),
    );
  try {
    const entries = yield* dump(netns, listConntrackRequest(netns, wantedBy({ protocol: 'udp' })));
    yield* forget(netns, entries.filter(isMeant));
  } catch (error) {
    // A kernel may track connections without telling of them (nf_conntrack_netlink); they end by themselves.
    if (!(error instanceof NetlinkError)) throw error;
  }
}
