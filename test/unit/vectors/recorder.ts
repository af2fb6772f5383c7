/**
 * A namespace without a kernel: it keeps the requests that the library's public functions send to it, and
 * answers each get with a link.
 */
import { openSync } from 'node:fs';
import type { Reply } from '../../../lib/netlink/batch.js';
import { ByteWriter } from '../../../lib/netlink/bytes.js';
import { isDump, type Request, writeMessage } from '../../../lib/netlink/message.js';
import { Netns } from '../../../lib/netns/netns.js';

export interface Recorder {
  readonly netns: Netns;
  /** Whole messages, in the order in which they were sent. */
  readonly sent: Uint8Array[];
}

/** Links are found by these names and indices. */
const INDICES: Readonly<Record<string, number>> = { d0: 3, d1: 5, d2: 7, br1: 8, v0: 11, vx0: 23 };

/** `path` is a file whose inode number stands for the namespace's id. */
export function recorder(path = '/dev/null'): Recorder {
  const sent: Uint8Array[] = [];
  const fd = openSync(path, 'r');
  const netns = new Netns({ fd, close: () => undefined, release: () => fd }, path);
  const answer = (request: Request<unknown>): Reply => {
    const out = new ByteWriter();
    writeMessage(out, request, 0);
    sent.push(out.bytes.slice(0, out.length));
    const name = String(request.context?.link ?? 'd0');
    const index = INDICES[name] ?? (Number(name) || 99);
    const asked = request.decode !== undefined && !isDump(request);
    return {
      values: asked ? [{ netns, index, name, parent: 100, altNames: [], group: 0 }] : [],
      error: undefined,
      interrupted: false,
    };
  };
  Object.defineProperty(netns, 'sockets', {
    configurable: true,
    value: { label: 'recorder', exchange: (requests: readonly Request<unknown>[]) => requests.map(answer) },
  });
  return { netns, sent };
}
