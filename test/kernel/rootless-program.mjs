// What a rootless runtime does with the network: run by rootless.test.ts in user namespaces of several kinds. Prints
// what it saw, as JSON.
import { createServer } from 'node:net';
import * as netloom from 'netloom';
import * as sync from 'netloom/sync';

const near = await netloom.createNetns();
const far = sync.createNetns();
/** @type {Record<string, unknown>} */
const seen = { user: process.getuid?.(), apart: new Set([near.id, far.id, netloom.currentNetns().id]).size };

const watcher = netloom.watch({ links: true }, { netns: near });
await watcher.ready;
const bridge = await netloom.createBridge({ name: 'br0', netns: near, up: true, addresses: ['10.0.0.1/24'] });
for await (const { change, new: now } of watcher) {
  seen['watched'] = [change, now && 'name' in now && now.name];
  break;
}
await watcher[Symbol.asyncDispose]();
const [, eth0] = await netloom.createVeth({
  ...{ name: 'port', netns: near, master: bridge, up: true },
  peer: { name: 'eth0', netns: far, up: true, addresses: ['10.0.0.2/24'] },
});
await netloom.waitFor(eth0, 'up', { timeout: 5000 });
const macvlan = sync.createMacvlan({ name: 'mv0', netns: near, parent: eth0, mode: 'bridge' });
await netloom.createMacvtap({ name: 'mvt0', netns: far, parent: eth0, mode: 'bridge' });
await netloom.createVxlan({ name: 'vx0', netns: far, vni: 7, remote: '192.0.2.1' });
await netloom.createIfb({ name: 'ifb0', netns: far });
seen['links'] = [near, far].map((netns) => sync.listLinks({ netns }).map(({ name }) => name));

await netloom.addRoute({ via: '10.0.0.1' }, { netns: far });
await netloom.addNeighbor({ address: '10.0.0.9', mac: '02:00:00:00:00:09', link: eth0 });
seen['route'] = (await netloom.getRoute('192.0.2.1', { netns: far })).via;
await netloom.setSysctl('net.ipv4.ip_forward', 1, { netns: near });
sync.setSysctl('net/ipv4/conf/eth0/rp_filter', 2, { netns: far });
seen['sysctls'] = [
  sync.getSysctl('net.ipv4.ip_forward', { netns: near }),
  await netloom.getSysctl('net/ipv4/conf/eth0/rp_filter', { netns: far }),
];
seen['received'] = (await netloom.ping('10.0.0.1', { netns: far, count: 2, interval: 10 })).received;
seen['announced'] = await netloom.announceAddresses(eth0, { addresses: ['10.0.0.2'] });

const here = await netloom.openPacketSocket(bridge, { protocol: 0x88b5 });
const there = sync.openPacketSocket(eth0, { protocol: 0x88b5 });
there.write(Buffer.concat([Buffer.from('ffffffffffff02000000000188b5', 'hex'), Buffer.alloc(46, 7)]));
for await (const frame of here) {
  seen['frame'] = frame.length;
  break;
}
for (const queue of [here, there]) await queue.close();

await netloom.addRule({ from: '10.0.0.2', table: 100, priority: 100 }, { netns: far });
seen['rules'] = (await netloom.listRules({ netns: far, family: 'inet' })).map(({ priority }) => priority);
const limit = { rate: 8e8, burst: 1e6 };
const limited = await netloom.limitBandwidth('port', { egress: limit, ingress: limit }, { netns: near });
seen['limited'] = [limited.egress?.rate, limited.ingress?.rate];
await netloom.removeBandwidthLimit('port', { netns: near });
await netloom.addMasquerade({ owner: 'pod', sources: ['10.0.0.2'], netns: near });
await netloom.addPortMapping({
  owner: 'pod',
  to: '10.0.0.2',
  mappings: [{ hostPort: 8080, containerPort: 80 }],
  netns: near,
});
seen['masqueraded'] = (await netloom.listMasquerades({ netns: near })).map(({ source }) => source);
seen['mapped'] = sync.listPortMappings({ netns: near }).map(({ hostPort }) => hostPort);
await netloom.deletePortMappings({ owner: 'pod', netns: near });
sync.deleteMasquerade({ owner: 'pod', netns: near });

const server = createServer((socket) => socket.end('hello'));
await netloom.listen(far, server, { port: 80 });
const client = await netloom.connect(near, { host: '10.0.0.2', port: 80 });
for await (const chunk of client) seen['heard'] = String(chunk);
server.close();

const lent = await netloom.lendLink(macvlan, far, { name: 'net1', up: true });
seen['lent'] = [lent.name, lent.alias];
seen['returned'] = sync.returnLink(lent, { to: near }).name;

const child = netloom.spawn(far, 'cat', ['/proc/net/dev'], { stdio: ['ignore', 'pipe', 'inherit'] });
let text = '';
for await (const chunk of child.stdout) text += chunk;
seen['inside'] = /^ *eth0:/m.test(text);

const opened = await netloom.openNetns({ pid: process.pid });
seen['own'] = opened.id === netloom.currentNetns().id;
await netloom.deleteLinks(['port', 'br0', 'mv0'], { netns: near });
seen['left'] = sync.listLinks({ netns: near }).map(({ name }) => name);
for (const netns of [near, far, opened]) netns.close();
console.log(JSON.stringify(seen));
