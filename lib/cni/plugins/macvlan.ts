/** macvlan: a container's link is a link with a MAC of its own on a link of the host. */
import { createMacvlan, isKind } from '../../sync.js';
import { wantedMac } from './mac.js';
import { expectMode, onParent, readMode } from './on-parent/on-parent.js';
import { type ParentConfig, readParent } from './on-parent/parent.js';

const MODES = ['bridge', 'private', 'vepa', 'passthru'] as const;

interface MacvlanConfig extends ParentConfig {
  readonly mode: (typeof MODES)[number];
  readonly mac: string | undefined;
  readonly broadcastQueueLength: number | undefined;
}

export const macvlan = onParent<MacvlanConfig>({
  kind: 'macvlan',

  read(call) {
    const { fields } = call.config;
    return {
      ...readParent(fields),
      mode: readMode(fields, MODES),
      mac: wantedMac(call),
      broadcastQueueLength: fields.integer('bcqueuelen', 0, 0xffffffff) || undefined,
    };
  },

  create: (place, { mode, mac, broadcastQueueLength }) => createMacvlan({ ...place, mode, mac, broadcastQueueLength }),

  expect(options, link) {
    expectMode(link, isKind(link, 'macvlan') ? link.data.mode : undefined, options.mode);
  },
});
