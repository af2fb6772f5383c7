/** What the plugins are compared by. */

export interface Configuration {
  readonly name: string;
  /** One, or a chain. */
  readonly plugins: readonly object[];
  /** 1.0.0 where absent. */
  readonly cniVersion?: string;
  readonly ifname?: string;
  /** CNI_ARGS. */
  readonly args?: string;
  /** Commands of iproute2 in the host's namespace, before. */
  readonly before?: readonly string[];
}

const V4 = { subnet: '10.1.2.0/24' };
const V6 = { subnet: 'fd00:1::/64' };
const hostLocal = (...ranges: object[]) => ({ type: 'host-local', ranges: ranges.map((range) => [range]) });
const DEFAULT_ROUTE = { routes: [{ dst: '0.0.0.0/0' }] };
const STATIC = { type: 'static', addresses: [{ address: '10.1.2.5/24', gateway: '10.1.2.1' }] };
const BRIDGE = { type: 'bridge', bridge: 'br0', isGateway: true, ipam: { ...hostLocal(V4), ...DEFAULT_ROUTE } };
const LAYER_2 = { type: 'bridge', bridge: 'br0' };
const PTP = { type: 'ptp', ipam: { ...hostLocal(V4), ...DEFAULT_ROUTE } };
const MACVLAN = {
  type: 'macvlan',
  master: 'up0',
  ipam: hostLocal({ subnet: '192.0.2.0/24', rangeStart: '192.0.2.16', gateway: '192.0.2.2' }),
};

const one = (name: string, plugin: object, rest: Partial<Configuration> = {}): Configuration => ({
  name,
  plugins: [plugin],
  ...rest,
});

export const CONFIGURATIONS: readonly Configuration[] = [
  one('bridge: layer 2', LAYER_2),
  one('bridge: isGateway', BRIDGE),
  one('bridge: no gateway', { ...BRIDGE, isGateway: false, ipam: hostLocal(V4) }),
  one('bridge: isDefaultGateway', { ...BRIDGE, isGateway: false, isDefaultGateway: true, ipam: hostLocal(V4) }),
  one('bridge: IPv6', { ...BRIDGE, isDefaultGateway: true, ipam: hostLocal(V6) }),
  one('bridge: IPv4 and IPv6', { ...BRIDGE, isDefaultGateway: true, ipam: hostLocal(V4, V6) }),
  one('bridge: ipMasq', { ...BRIDGE, ipMasq: true }),
  one('bridge: ipMasq, IPv4 and IPv6', { ...BRIDGE, ipMasq: true, isDefaultGateway: true, ipam: hostLocal(V4, V6) }),
  one('bridge: mtu', { ...BRIDGE, mtu: 1400 }),
  one('bridge: hairpinMode', { ...BRIDGE, hairpinMode: true }),
  one('bridge: promiscMode', { ...BRIDGE, promiscMode: true }),
  one(
    'bridge: forceAddress',
    { ...BRIDGE, forceAddress: true },
    {
      before: ['ip link add br0 type bridge', 'ip address add 10.9.9.1/24 dev br0'],
    },
  ),
  one('bridge: a bridge that is there', BRIDGE, { before: ['ip link add br0 type bridge', 'ip link set br0 up'] }),
  one('bridge: a bridge that is there and down', BRIDGE, { before: ['ip link add br0 type bridge'] }),
  one('bridge: dns', {
    ...BRIDGE,
    dns: { nameservers: ['10.1.2.1'], domain: 'lab', search: ['a.lab', 'b.lab'], options: ['ndots:2'] },
  }),
  one('bridge: routes by another gateway', {
    ...BRIDGE,
    ipam: { ...hostLocal(V4), routes: [{ dst: '0.0.0.0/0' }, { dst: '10.8.0.0/16', gw: '10.1.2.9' }] },
  }),
  one('bridge: rangeStart, rangeEnd, gateway', {
    ...BRIDGE,
    ipam: hostLocal({ ...V4, rangeStart: '10.1.2.40', rangeEnd: '10.1.2.50', gateway: '10.1.2.254' }),
  }),
  one('bridge: a range of old', { ...BRIDGE, ipam: { type: 'host-local', ...V4, ...DEFAULT_ROUTE } }),
  one('bridge: runtimeConfig.ips', { ...BRIDGE, runtimeConfig: { ips: ['10.1.2.77'] } }),
  one('bridge: runtimeConfig.mac', { ...BRIDGE, runtimeConfig: { mac: '02:00:00:00:00:05' } }),
  one('bridge: runtimeConfig.ipRanges', { ...BRIDGE, runtimeConfig: { ipRanges: [[{ subnet: 'fd00:6::/64' }]] } }),
  one('bridge: args.cni', { ...BRIDGE, args: { cni: { ips: ['10.1.2.78'], mac: '02:00:00:00:00:06' } } }),
  one('bridge: CNI_ARGS', BRIDGE, { args: 'IgnoreUnknown=1;IP=10.1.2.79;MAC=02:00:00:00:00:07' }),
  one('bridge: another name inside', BRIDGE, { ifname: 'net7' }),
  one('bridge: 0.3.1', BRIDGE, { cniVersion: '0.3.1' }),
  one('bridge: 0.4.0', BRIDGE, { cniVersion: '0.4.0' }),
  one('bridge: 0.2.0', BRIDGE, { cniVersion: '0.2.0' }),
  one('static: one address', { ...BRIDGE, ipam: STATIC }),
  one('static: routes and dns', {
    ...BRIDGE,
    ipam: {
      ...STATIC,
      routes: [{ dst: '0.0.0.0/0' }, { dst: '10.8.0.0/16', gw: '10.1.2.9' }],
      dns: { nameservers: ['10.1.2.1'] },
    },
  }),
  one('static: IPv4 and IPv6', {
    ...BRIDGE,
    ipam: { ...STATIC, addresses: [...STATIC.addresses, { address: 'fd00:1::5/64', gateway: 'fd00:1::1' }] },
  }),
  one(
    'static: CNI_ARGS',
    { ...BRIDGE, ipam: { type: 'static' } },
    { args: 'IgnoreUnknown=1;IP=10.1.2.6/24;GATEWAY=10.1.2.1' },
  ),
  one('static: runtimeConfig.ips', { ...BRIDGE, runtimeConfig: { ips: ['10.1.2.7/24'] }, ipam: { type: 'static' } }),
  one('ptp: IPv4', PTP),
  one('ptp: IPv6', { ...PTP, ipam: { ...hostLocal(V6), routes: [{ dst: '::/0' }] } }),
  one('ptp: IPv4 and IPv6', {
    ...PTP,
    ipam: { ...hostLocal(V4, V6), routes: [{ dst: '0.0.0.0/0' }, { dst: '::/0' }] },
  }),
  one('ptp: ipMasq', { ...PTP, ipMasq: true }),
  one('ptp: mtu', { ...PTP, mtu: 1400 }),
  one('ptp: dns', { ...PTP, dns: { nameservers: ['10.1.2.1'] } }),
  one('loopback', { type: 'loopback' }, { ifname: 'lo' }),
  one('macvlan: bridge', MACVLAN),
  one('macvlan: private', { ...MACVLAN, mode: 'private' }),
  one('macvlan: vepa', { ...MACVLAN, mode: 'vepa' }),
  one('macvlan: passthru', { ...MACVLAN, mode: 'passthru' }),
  one('macvlan: mtu', { ...MACVLAN, mtu: 1400 }),
  one('macvlan: layer 2', { type: 'macvlan', master: 'up0' }),
  one(
    'host-device',
    { type: 'host-device', device: 'spare0', ipam: hostLocal(V4) },
    { before: ['ip link add spare0 type veth peer name spare1 netns cni-world', 'ip -n cni-world link set spare1 up'] },
  ),
  {
    name: 'bridge, then bandwidth',
    plugins: [
      BRIDGE,
      {
        type: 'bandwidth',
        ingressRate: 8_000_000,
        ingressBurst: 800_000,
        egressRate: 16_000_000,
        egressBurst: 800_000,
      },
    ],
  },
  {
    name: 'bridge, then tuning',
    plugins: [
      BRIDGE,
      {
        type: 'tuning',
        mac: '02:00:00:00:00:08',
        mtu: 1300,
        promisc: true,
        sysctl: { 'net.ipv4.conf.eth0.log_martians': '1' },
      },
    ],
  },
];

/** What both must refuse. */
export const REFUSED: readonly Configuration[] = [
  one('bridge: hairpinMode and promiscMode', { ...BRIDGE, hairpinMode: true, promiscMode: true }),
  one('bridge: what is no bridge', { ...BRIDGE, bridge: 'up0' }),
  one('bridge: another address', BRIDGE, {
    before: ['ip link add br0 type bridge', 'ip address add 10.9.9.1/24 dev br0'],
  }),
  one('bridge: a name that is too long', { ...BRIDGE, bridge: 'sixteen-bytes-xx' }),
  one('bridge: IPAM that is absent', { ...BRIDGE, ipam: { type: 'absent' } }),
  one('bridge: a subnet that is none', { ...BRIDGE, ipam: hostLocal({ subnet: '10.1.2.0/33' }) }),
  one('bridge: a subnet that is too small', { ...BRIDGE, ipam: hostLocal({ subnet: '10.1.2.0/31' }) }),
  one('bridge: host bits', { ...BRIDGE, ipam: hostLocal({ subnet: '10.1.2.3/24' }) }),
  one('bridge: ranges that overlap', { ...BRIDGE, ipam: hostLocal(V4, V4) }),
  one('bridge: the address of the gateway', { ...BRIDGE, runtimeConfig: { ips: ['10.1.2.1'] } }),
  one('bridge: an address of no range', { ...BRIDGE, runtimeConfig: { ips: ['10.7.7.7'] } }),
  one('bridge: a MAC that is none', { ...BRIDGE, runtimeConfig: { mac: '02:00' } }),
  one('bridge: a version to come', BRIDGE, { cniVersion: '9.0.0' }),
  one('bridge: a name inside that is too long', BRIDGE, { ifname: 'sixteen-bytes-xx' }),
  one('bridge: lo', BRIDGE, { ifname: 'lo' }),
  one('bridge: CNI_ARGS that are unknown', BRIDGE, { args: 'NOVEL=1' }),
  one('ptp: no IPAM', { type: 'ptp' }),
  one('macvlan: no such master', { ...MACVLAN, master: 'absent0' }),
  one('macvlan: no such mode', { ...MACVLAN, mode: 'sideways' }),
  one('macvlan: more than the master takes', { ...MACVLAN, mtu: 9000 }),
];
