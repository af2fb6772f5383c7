/** Where netloom-cni is meant to be other than the reference plugins, and why. */

export interface Difference {
  /** Names of the configurations. */
  readonly of: RegExp;
  /** What differs, as `PHASE PLACE: NETLOOM | REFERENCE`. */
  readonly what: RegExp;
  readonly why: string;
}

export const DIFFERENCES: readonly Difference[] = [
  {
    of: /^(bridge|static|ptp|macvlan)\b/,
    what: /^ADD (host|container)\.links\.(veth|eth0|net7|bwp\w+)\.queue: (1000|32) \| -$/,
    why: "a link keeps the kernel's queue length, with which a qdisc works that somebody gives it; the reference asks for none",
  },
  {
    of: /^(bridge|static)\b/,
    what: /^ADD host\.sysctls\.ipv6\/conf\/veth\/accept_ra: 1 \| 0$/,
    why: "what comes in by a port of a bridge is the bridge's: the port itself is sent no router advertisement",
  },
  {
    of: /^(bridge|static|macvlan|host-device)\b/,
    what: /^ADD container\.sysctls\.(ipv6\/conf\/\w+\/ndisc_notify|ipv4\/conf\/\w+\/arp_notify): 1 \| 0$/,
    why: 'the kernel announces addresses, of both families and for each plugin',
  },
  {
    of: /layer 2$/,
    what: /^CHECK no plugin name provided: - \| said$/,
    why: "the reference's CHECK fails where there is no IPAM",
  },
  {
    of: /^bridge: a bridge that is there$/,
    what: /^(ADD|DEL) host\.sysctls\.ipv6\/conf\/br0\/accept_ra: 1 \| 0$/,
    why: 'a bridge that is up already has the parameters that its owner has given it: the host may live by its router advertisements',
  },
  {
    of: /^(bridge|static)\b/,
    what: /^(ADD|DEL) host\.addresses br0 family=inet6 local=fd00:[16]::1 prefixlen=64 scope=global(: - \| there| nodad=true: there \| -)$/,
    why: "the address of a gateway can be used at once: where a bridge has containers' ports alone, nobody else has it",
  },
  {
    of: /^static: routes and dns$/,
    what: /^ADD result\.dns\.nameservers\.0: 10\.1\.2\.1 \| -$/,
    why: 'what IPAM says of DNS counts where the configuration says nothing, as in later versions of the reference (1.2)',
  },
  {
    of: /ipMasq/,
    what: /^DEL by reference of netloom's: running \[\S*iptables -t nat -D /,
    why: 'ipMasq is nf_tables here: the reference looks for its own rules of iptables',
  },
  {
    of: /^(bridge|static|ptp|macvlan)\b/,
    what: /^ADD (host|container)\.links\.\w+\.alias: (cni net c1 \w+|netloom: received by .*) \| -$/,
    why: 'a link of the host says whose it is: by that GC, and DEL of a container that is gone, find it',
  },
  {
    of: /^host-device$/,
    what: /^DEL host\.links\.spare0\.alias: - \| spare0$/,
    why: 'a device is given back without the alias that kept its name',
  },
];
