/** IPv4 routes in one namespace, as the peers have them: 10.0.0.0/32, 10.0.0.1/32 ... through a veth that is up. */
import * as netloom from 'netloom';
import * as sync from 'netloom/sync';

/** Routes of one Promise.all where they only have to be there. */
const PORTION = 50_000;

const destination = (/** @type {number} */ i) => `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}/32`;

const createDevice = () => sync.createVeth({ name: 'r0', up: true, peer: { name: 'r1', up: true } })[0];

const addAll = (/** @type {netloom.Link} */ link, /** @type {number} */ from, /** @type {number} */ to) =>
  Promise.all(
    Array.from({ length: to - from }, (_, i) => netloom.addRoute({ to: destination(from + i), link, scope: 'link' })),
  );

/** @type {import('./run.mjs').Rows} */
export const rows = {
  async addroutes({ n, clock }) {
    const link = createDevice();
    await clock(() => addAll(link, 0, n));
    return n;
  },

  async 'addroutes-single'({ flavour, n, clock }) {
    const link = createDevice();
    await clock(async () => {
      if (flavour === 'sync') for (let i = 0; i < n; i++) sync.addRoute({ to: destination(i), link, scope: 'link' });
      else for (let i = 0; i < n; i++) await netloom.addRoute({ to: destination(i), link, scope: 'link' });
    });
    return n;
  },

  async dumproutes({ flavour, n, clock }) {
    const link = createDevice();
    for (let i = 0; i < n; i += PORTION) await addAll(link, i, Math.min(n, i + PORTION));
    let count = 0;
    await clock(async () => {
      const routes =
        flavour === 'sync' ? sync.listRoutes({ family: 'inet' }) : await netloom.listRoutes({ family: 'inet' });
      count = routes.length;
    });
    if (count !== n) throw new Error(`${n} routes were added, ${count} are listed`);
    return n;
  },
};
