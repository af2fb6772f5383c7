import { expect, test } from 'vitest';
import { describeKernel, UNSHARE } from './privilege.ts';
import { runProgram } from './witness.ts';

/** As such a user: nobody, without any capability. */
const NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] as const;

describeKernel.needs('users', 'rootless')('without root, in a user namespace', () => {
  test('namespaces, links and addresses work', () => {
    const told = runProgram(
      `import { createNetns, createVeth, currentNetns, listLinks, setLink } from 'netloom';
       await setLink('lo', { up: true });
       const netns = await createNetns();
       const [a, b] = await createVeth({
         name: 'a', up: true, addresses: ['10.0.0.1/24'],
         peer: { name: 'b', netns, up: true, addresses: ['10.0.0.2/24'] },
       });
       console.log(JSON.stringify({
         user: process.getuid(),
         own: (await listLinks()).map(({ name }) => name),
         made: (await listLinks({ netns })).map(({ name }) => name),
         carrier: [a.carrier, b.carrier],
         different: netns.id !== currentNetns().id,
       }));`,
      { wrap: [...NOBODY, ...UNSHARE] },
    );
    expect(told).toEqual({ user: 0, own: ['lo', 'a'], made: ['lo', 'b'], carrier: [true, true], different: true });
  });

  test('names work too, once /run is the user’s own', () => {
    const told = runProgram(
      `import { createNetns, deleteNetns, listNetns, openNetns, listLinks } from 'netloom';
       import { execFileSync } from 'node:child_process';
       const netns = await createNetns('blue');
       const listed = (await listNetns()).map(({ name, id }) => ({ name, same: id === netns.id }));
       const entered = execFileSync('ip', ['netns', 'exec', 'blue', 'readlink', '/proc/self/ns/net'], { encoding: 'utf8' });
       const links = (await listLinks({ netns: await openNetns('blue') })).map(({ name }) => name);
       await deleteNetns('blue');
       console.log(JSON.stringify({ listed, entered: entered === 'net:[' + netns.id + ']\\n', links, left: await listNetns() }));`,
      { wrap: [...NOBODY, ...UNSHARE, 'sh', '-c', 'mount -t tmpfs tmpfs /run && exec "$@"', 'sh'] },
    );
    expect(told).toEqual({ listed: [{ name: 'blue', same: true }], entered: true, links: ['lo'], left: [] });
  });

  test('a name where /run belongs to somebody else is refused, and leaves no descriptor', () => {
    const told = runProgram(
      `import { createNetns } from 'netloom';
       import { readdirSync } from 'node:fs';
       (await createNetns()).close();
       const before = readdirSync('/proc/self/fd').length;
       const refused = await createNetns('blue').catch(({ code }) => code);
       console.log(JSON.stringify({ refused, more: readdirSync('/proc/self/fd').length - before }));`,
      { wrap: [...NOBODY, ...UNSHARE] },
    );
    expect(told).toEqual({ refused: expect.stringMatching(/^(EACCES|EPERM)$/), more: 0 });
  });
});
