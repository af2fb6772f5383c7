/** `traffic` of the peers, which makes the traffic for every row of packets and measures it. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('../../peers/build/traffic', import.meta.url));

/** Runs it to its end, while the event loop goes on. What it measures it prints itself. */
export async function traffic(/** @type {string[]} */ ...args) {
  const [status] = await once(spawn(PROGRAM, args, { stdio: ['ignore', 'inherit', 'inherit'] }), 'exit');
  if (status !== 0) throw new Error(`traffic ${args.join(' ')} has failed`);
}

export function trafficSync(/** @type {string[]} */ ...args) {
  const { status } = spawnSync(PROGRAM, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  if (status !== 0) throw new Error(`traffic ${args.join(' ')} has failed`);
}

/** A link without IPv6 addresses, whose router solicitations would be frames of their own. */
export const QUIET = /** @type {const} */ ({ up: true, addrGenMode: 'none' });
