/** Every plugin that netloom-cni is, by the name that it is called by. */
import { expectPrivilege } from '../container/privilege.js';
import { ipamPlugins } from '../ipam/ipam.js';
import type { Plugin } from '../protocol/plugin.js';
import { bandwidth } from './bandwidth/bandwidth.js';
import { bridge } from './bridge/bridge.js';
import { hostDevice } from './host-device/host-device.js';
import { ipvlan } from './ipvlan.js';
import { loopback } from './loopback.js';
import { macvlan } from './macvlan.js';
import { portmap } from './portmap/portmap.js';
import { ptp } from './ptp.js';
import { tap } from './tap.js';
import { tuning } from './tuning/tuning.js';
import { vlan } from './vlan.js';

export const plugins: Readonly<Record<string, Plugin>> = {
  ...ipamPlugins,
  ...asksForPrivilege({
    loopback,
    bridge,
    ptp,
    macvlan,
    ipvlan,
    vlan,
    'host-device': hostDevice,
    tap,
    tuning,
    bandwidth,
  }),
  portmap,
};

/** The plugins that go into a container's namespace, which not everybody may: STATUS tells it. */
function asksForPrivilege(entering: Readonly<Record<string, Plugin>>): Record<string, Plugin> {
  const asking = Object.entries(entering).map(([name, plugin]): [string, Plugin] => [
    name,
    {
      ...plugin,
      status(call) {
        plugin.status?.(call);
        expectPrivilege();
      },
    },
  ]);
  return Object.fromEntries(asking);
}
