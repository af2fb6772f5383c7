/** Captured messages that netloom does not speak (yet), by the reason. */
const NO_TABLE: Readonly<Record<string, readonly string[]>> = {
  'the list of VLANs of bridge ports (IFLA_AF_SPEC of AF_BRIDGE)': ['brvlan-show'],
  'a probe of iproute2 for what the kernel supports: a NEWLINK that says nothing': ['err-nodev'],
  'kinds without a table': [
    'link-add-bond',
    'link-add-geneve',
    'link-add-gre',
    'link-add-ipip',
    'link-add-sit',
    'link-add-vrf',
    'link-add-wireguard',
    'link-add-xfrm',
  ],
  'nexthop objects': ['nexthop-add', 'nexthop-group'],
  'traffic control, which has a test of its own (traffic-control.test.ts)': [
    'tc-class-htb',
    'tc-filter-show',
    'tc-filter-u32-redirect',
    'tc-qdisc-del',
    'tc-qdisc-fqcodel-child',
    'tc-qdisc-netem',
    'tc-qdisc-replace',
    'tc-qdisc-tbf',
  ],
};

export const NOT_COVERED: ReadonlySet<string> = new Set(Object.values(NO_TABLE).flat());
