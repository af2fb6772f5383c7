/** Containers on a bridge, as the peers do them: bringing them up, and taking them down. */
import * as netloom from 'netloom';
import * as sync from 'netloom/sync';

/** @typedef {{ host: netloom.Link, netns: netloom.Netns }} Container */

const GATEWAY = '10.200.0.1';

/** 10.200.0.2 and on. */
const addressOf = (/** @type {number} */ i) => `10.200.${(i + 2) >> 8}.${(i + 2) & 255}/16`;

const createBridge = () => sync.createBridge({ name: 'br', up: true, addresses: [`${GATEWAY}/16`] });

/** @returns {netloom.VethSpec} */
const vethOf = (/** @type {netloom.Link} */ bridge, /** @type {number} */ i, /** @type {netloom.Netns} */ netns) => ({
  name: `h${i}`,
  master: bridge,
  up: true,
  peer: { name: 'eth0', netns, up: true, addresses: [addressOf(i)] },
});

/** @returns {Container} */
function bringUpSync(/** @type {netloom.Link} */ bridge, /** @type {number} */ i) {
  const netns = sync.createNetns(`c${i}`);
  const [host, eth0] = sync.createVeth(vethOf(bridge, i, netns));
  sync.addRoute({ to: 'default', via: GATEWAY, link: eth0 });
  netns.close();
  return { host, netns };
}

/** @returns {Promise<Container>} */
async function bringUp(/** @type {netloom.Link} */ bridge, /** @type {number} */ i) {
  const netns = await netloom.createNetns(`c${i}`);
  const [host, eth0] = await netloom.createVeth(vethOf(bridge, i, netns));
  await netloom.addRoute({ to: 'default', via: GATEWAY, link: eth0 });
  netns.close();
  return { host, netns };
}

/** @type {Record<string, (bridge: netloom.Link, n: number) => Container[] | Promise<Container[]>>} */
const bringUpAll = {
  sync(bridge, n) {
    const containers = [];
    for (let i = 0; i < n; i++) containers.push(bringUpSync(bridge, i));
    return containers;
  },
  async async(bridge, n) {
    const containers = [];
    for (let i = 0; i < n; i++) containers.push(await bringUp(bridge, i));
    return containers;
  },
  all: (bridge, n) => Promise.all(Array.from({ length: n }, (_, i) => bringUp(bridge, i))),
};

/** @type {Record<string, (containers: Container[]) => void | Promise<void>>} */
const takeDownAll = {
  sync(containers) {
    sync.deleteLinks(containers.map(({ host }) => host));
    for (const { netns } of containers) sync.deleteNetns(netns);
  },
  async async(containers) {
    await netloom.deleteLinks(containers.map(({ host }) => host));
    for (const { netns } of containers) await netloom.deleteNetns(netns);
  },
  async all(containers) {
    await netloom.deleteLinks(containers.map(({ host }) => host));
    await Promise.all(containers.map(({ netns }) => netloom.deleteNetns(netns)));
  },
};

/** @type {import('./run.mjs').Rows} */
export const rows = {
  async bringup({ flavour, n, clock }) {
    const bridge = createBridge();
    await clock(() => bringUpAll[flavour]?.(bridge, n));
    return n;
  },
  async teardown({ flavour, n, clock }) {
    const containers = bringUpAll['sync']?.(createBridge(), n);
    await clock(() => takeDownAll[flavour]?.(/** @type {Container[]} */ (containers)));
    return n;
  },
  async updown({ flavour, n, clock }) {
    const bridge = createBridge();
    await clock(async () => takeDownAll[flavour]?.((await bringUpAll[flavour]?.(bridge, n)) ?? []));
    return n;
  },
};
