/** Packet sockets (AF_PACKET): the frames of any link, without a device of one's own. `openPacketSocket`. */
import { invalidValue, outOfRange, wrongType } from '../errors.js';
import { native } from '../native/load.js';
import type { PacketQueueHandle } from '../native/packet-binding.js';
import { checkInteger } from '../netlink/codec.js';
import { descriptorOf, type NetnsOptions } from '../netns/netns.js';
import { both, call, type Operation, perform } from '../operation.js';
import { getLink, type LinkRef } from '../rtnetlink/link/find.js';
import type { Link } from '../rtnetlink/link/link.js';
import { type BpfInstruction, encodeProgram } from './bpf.js';
import { addHint, closeHandles } from './open.js';
import type { QueueDevice } from './outcome.js';
import { PacketQueue } from './queue.js';

/** Values of linux/if_ether.h. */
const PROTOCOLS = { all: 0x0003, ipv4: 0x0800, arp: 0x0806, ipv6: 0x86dd } as const;

/** Names for the EtherTypes that are asked for most. */
export type PacketProtocol = keyof typeof PROTOCOLS;

export interface OpenPacketSocketOptions extends NetnsOptions {
  /**
   * `'all'` if absent: every frame, before anything else in the kernel has it (a bridge, a macvlan, ingress rules). Or
   * a name, or the EtherType itself (1 to 0xffff): only frames of this protocol, which costs the kernel less, after the
   * bridge or macvlan that may take them, and without the tag of a VLAN.
   */
  readonly protocol?: PacketProtocol | number | undefined;
  /**
   * The link receives what is for other addresses, too, while the socket is open: `ip link set NAME promisc on`, but
   * counted by the kernel, which ends it with the socket. A veth receives all in any case. false if absent.
   */
  readonly promiscuous?: boolean | undefined;
  /**
   * Also what leaves through the link, from this host and not through this socket. For captures; a relay would send
   * the host's own frames back and forth. On `lo`, every frame then comes twice. Only with protocol `'all'`. false if
   * absent.
   */
  readonly outgoing?: boolean | undefined;
  /**
   * Every frame has a vnet header in front (struct virtio_net_hdr of linux/virtio_net.h, 10 bytes), as on a TAP with
   * offload: checksums may be missing, and super-packets of up to 64 KiB come, and may be written, whole. What carries
   * on frames from one link to another is several times faster with it. false if absent: frames are as on a wire.
   */
  readonly offload?: boolean | undefined;
  /**
   * A classic BPF program, which gets each frame without the VLAN tag that the kernel has taken out, and returns how
   * many bytes of it to give: 0 drops it, a frame that is cut is not made complete (checksum, segments).
   * `tcpdump -dd EXPRESSION` prints one.
   */
  readonly filter?: readonly BpfInstruction[] | undefined;
  /**
   * Bytes of frames that may wait to be read, with some 700 bytes for the kernel's own account of each; what has no
   * room is in `stats.overruns`. 4 MiB if absent. Without CAP_NET_ADMIN the limit is the sysctl net.core.rmem_max.
   */
  readonly receiveBuffer?: number | undefined;
}

const OPTIONS = {
  netns: true,
  protocol: true,
  promiscuous: true,
  outgoing: true,
  offload: true,
  filter: true,
  receiveBuffer: true,
} as const;

const RECEIVE_BUFFER = 4 << 20;
/** The kernel doubles it, in an int. */
const MOST_RECEIVE_BUFFER = 0x3fffffff;
const VNET_HEADER_SIZE = 10;

/**
 * Opens a link for its frames: what it receives is read, what is written leaves through it. Works on any link (veth,
 * bridge, macvlan, lo, TUN ...), which others use as before: to the kernel, this is one more receiver.
 *
 *     for await (const frame of await openPacketSocket('eth0', { outgoing: true })) show(frame);
 *
 * `tcpdump -i NAME`; socket(AF_PACKET, SOCK_RAW), see packet(7).
 *
 * Frames are as on a wire: with their VLAN tag, with finished checksums, and split where the kernel had a super-packet
 * (up to 64 KiB of TCP or UDP at once, which a veth passes on whole). Of those, only the ones within a tunnel cannot be
 * split, and UDP's before Linux 6.2: they are lost, and in `stats.truncated`. `ethtool -K PEER tso off gso off` at
 * their sender makes none.
 *
 * A link that is down has no frames, and writing fails (ENETDOWN); when it is up again the queue goes on. To the
 * socket, a link that moves to another namespace is deleted (ENODEV). Readers who wait hear of it within a second.
 *
 * `write` gives 0 where the socket's send buffer is full, or a queue behind it (a qdisc, the other end of a veth): of
 * the latter, nobody tells when there is room, and `drained` resolves at once (streams try again each millisecond).
 *
 * The descriptor itself (`fd`) always has PACKET_VNET_HDR: other programs that read it get frames as with `offload`,
 * without VLAN tags.
 *
 * @throws EPERM without CAP_NET_RAW, NetlinkError ENODEV if there is no such link.
 */
export const openPacketSocket = call(
  'openPacketSocket',
  OPTIONS,
  function* (ref: LinkRef, options: OpenPacketSocketOptions = {}): Operation<PacketQueue> {
    const { filter, ...wanted } = checkOptions(options);
    const link = yield* getLink.steps(ref, { netns: options.netns });
    const { netns, index, name } = link;
    const layer = layerOf(link);
    const handle = yield* open(descriptorOf(netns), name, { ...wanted, index, layer }, filter);
    return new PacketQueue(handle, deviceFor(link, layer, wanted.offload));
  },
);

/** A packet socket of an Ethernet link that sends, and receives nothing: what comes is not even looked at. */
export const openSendingSocket = ({ netns, index, name }: Link): Operation<PacketQueueHandle> =>
  open(descriptorOf(netns), name, { ...SENDING, index }, NO_FILTER);

const SENDING = {
  layer: 2,
  protocol: 0,
  promiscuous: false,
  outgoing: false,
  offload: false,
  receiveBuffer: 0,
} as const;
const NO_FILTER = new Uint8Array();

type Wanted = Parameters<typeof native.openPacketSocket>[2];

function* open(netns: number, name: string, options: Wanted, filter: Uint8Array): Operation<PacketQueueHandle> {
  try {
    return yield* perform(
      both(
        () => native.openPacketSocket(netns, name, options, filter),
        () => native.openPacketSocketAsync(netns, name, options, filter),
        (handle) => closeHandles([handle]),
      ),
    );
  } catch (error) {
    if (error instanceof Error && 'syscall' in error) addHint(error, HINTS[error.syscall as string]);
    throw error;
  }
}

const HINTS: Readonly<Record<string, string>> = {
  SO_ATTACH_FILTER: 'the kernel finds the filter wrong (bpf_check_classic in net/core/filter.c)',
  socket:
    'needs CAP_NET_RAW in the user namespace that owns the network namespace (run with sudo, or inside ' +
    '`unshare --user --map-root-user --net --mount`)',
  PACKET_IGNORE_OUTGOING: 'needs Linux 4.20; { outgoing: true } does without',
};

/** Without a link-layer header (TUN, IP tunnels), a frame is an IP packet. */
const layerOf = ({ type }: Link): 2 | 3 => (type === 'ether' || type === 'loopback' ? 2 : 3);

const deviceFor = ({ name, mtu }: Link, layer: 2 | 3, offload: boolean): QueueDevice => ({
  name,
  layer,
  vnetHeaderSize: offload ? VNET_HEADER_SIZE : 0,
  // The sender's MTU may be larger than the link's own; a super-packet has 64 KiB.
  frameSize: Math.max(2048, (offload ? 65535 + VNET_HEADER_SIZE : mtu) + 18),
  countsOverruns: true,
  isGone: async (fd) => native.isPacketSocketGone(fd),
});

function checkOptions(options: OpenPacketSocketOptions): Omit<Wanted, 'index' | 'layer'> & { filter: Uint8Array } {
  const { promiscuous = false, outgoing = false, offload = false, filter, receiveBuffer = RECEIVE_BUFFER } = options;
  const protocol = protocolOf(options.protocol);
  for (const [name, value] of Object.entries({ promiscuous, outgoing, offload }))
    if (typeof value !== 'boolean') throw wrongType(name, 'true or false', value);
  if (outgoing && protocol !== PROTOCOLS.all)
    throw invalidValue('outgoing', outgoing, "needs protocol 'all': the kernel shows others what comes in only");
  checkInteger(receiveBuffer, 0, MOST_RECEIVE_BUFFER, 'receiveBuffer');
  return {
    protocol,
    promiscuous,
    outgoing,
    offload,
    receiveBuffer,
    filter: filter === undefined ? NO_FILTER : encodeProgram(filter, 'filter'),
  };
}

function protocolOf(protocol: unknown = 'all'): number {
  if (typeof protocol === 'string') {
    if (!Object.hasOwn(PROTOCOLS, protocol))
      throw invalidValue('protocol', protocol, `is none of ${Object.keys(PROTOCOLS).join(', ')}, nor a number`);
    return PROTOCOLS[protocol as PacketProtocol];
  }
  if (typeof protocol !== 'number') throw wrongType('protocol', 'a name or a number', protocol);
  if (!Number.isInteger(protocol) || protocol < 1 || protocol > 0xffff)
    throw outOfRange('protocol', protocol, '1 to 65535');
  return protocol;
}
