/**
 * `npm start [-- example [arguments]]`: sets the checkout up and runs one of the examples (bridge-lab) in this
 * very process, so that Ctrl-C reaches the example and nothing stands in between.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root, setUp } from './setup.mjs';

const [name = 'bridge-lab', ...args] = process.argv.slice(2);
const program = join(root, 'build', 'examples', `${name}.js`);
if (!existsSync(join(root, 'examples', `${name}.ts`))) {
  const names = readdirSync(join(root, 'examples')).filter((file) => file.endsWith('.ts'));
  console.error(`npm start: there is no examples/${name}.ts; there are ${names.join(', ').replaceAll('.ts', '')}`);
  process.exit(2);
}
// Before a set-up of minutes, not after it.
if (!mayMakeNamespaces()) {
  const command = ['npm start', ...(process.argv.length > 2 ? ['--', ...process.argv.slice(2)] : [])].join(' ');
  console.error(`npm start: making network namespaces takes CAP_SYS_ADMIN, which this process does not have. Run one of
    sudo ${command}
    unshare --user --map-root-user --net --mount ${command}`);
  process.exit(1);
}
// A tree that was built in another way (with sanitizers) must not be rebuilt.
if (!process.env['NETLOOM_NO_SETUP']) setUp();
process.argv = [process.execPath, program, ...args];
await import(pathToFileURL(program).href);

/** By the effective capabilities; CAP_SYS_ADMIN is bit 21. */
function mayMakeNamespaces() {
  const [, effective = '0'] = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  return ((BigInt(`0x${effective}`) >> 21n) & 1n) === 1n;
}
