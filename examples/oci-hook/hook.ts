/**
 * A network for containers of any OCI runtime (crun, runc ...), as hooks of their config.json: see README.md.
 *
 *     hook.js attach BRIDGE ADDRESS/PREFIX GATEWAY     as createRuntime: eth0 in the container, a cable to the bridge
 *     hook.js detach                                   as poststop: takes it away
 *
 * The runtime writes the container's state on stdin, and goes on once this ends. So it is netloom/sync that is loaded,
 * which has less to load.
 */
import { readFileSync } from 'node:fs';
import {
  addRoute,
  createVeth,
  currentNetns,
  deleteLink,
  getLink,
  type Link,
  listLinks,
  openNetns,
  setLink,
} from 'netloom/sync';

/** What counts here of the state, as the OCI runtime specification has it. */
interface State {
  readonly id: string;
  /** Of the container's first process; there is none in poststop. */
  readonly pid?: number;
}

/** By which the host's end is found again: an id may be longer than a link's name, which is any that is free. */
const aliasOf = ({ id }: State): string => `oci-hook: ${id}`;

function attach(state: State, [bridge, address, gateway]: string[]): void {
  if (state.pid === undefined || bridge === undefined || address === undefined || gateway === undefined)
    throw new Error('usage: hook.js attach BRIDGE ADDRESS/PREFIX GATEWAY, with the state of a container on stdin');
  // The container's namespaces are there already, its program does not run yet.
  using netns = openNetns({ pid: state.pid });
  if (netns.id === currentNetns().id) throw new Error('the config.json names no network namespace');
  const [port, eth0] = createVeth({
    name: `oci${Math.random().toString(16).slice(2, 10)}`,
    alias: aliasOf(state),
    master: bridge,
    up: true,
    peer: { name: 'eth0', netns, up: true, addresses: [address] },
  });
  try {
    addRoute({ via: gateway, link: eth0 });
    setLink('lo', { up: true }, { netns });
    waitForwarding(port);
  } catch (error) {
    deleteLink(port, { ifExists: true });
    throw error;
  }
}

/** The kernel gets a port going in the background; what the container sent before that would be lost. */
function waitForwarding(port: Link): void {
  const nobody = new Int32Array(new SharedArrayBuffer(4));
  for (let i = 0; i < 1000 && getLink(port).bridgePort?.state !== 'forwarding'; i++) Atomics.wait(nobody, 0, 0, 1);
}

/** Where the namespace went with the container, the cable did too, or is about to. */
function detach(state: State): void {
  for (const link of listLinks({ kind: 'veth' }))
    if (link.alias === aliasOf(state)) deleteLink(link, { ifExists: true });
}

const [command, ...args] = process.argv.slice(2);
try {
  const state = JSON.parse(readFileSync(0, 'utf8')) as State;
  if (command === 'attach') attach(state, args);
  else if (command === 'detach') detach(state);
  else throw new Error(`"${command}" is neither attach nor detach`);
} catch (error) {
  console.error(`oci-hook: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}
