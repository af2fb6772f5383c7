/**
 * `npm start [-- example [arguments]]`: sets the checkout up and runs one of the examples (bridge-lab) in this
 * very process, so that Ctrl-C reaches the example and nothing stands in between.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root, setUp } from './setup.mjs';

const [name = 'bridge-lab', ...args] = process.argv.slice(2);
const program = join(root, 'build', 'examples', `${name}.js`);
// A tree that was built in another way (with sanitizers) must not be rebuilt.
if (!process.env['NETLOOM_NO_SETUP']) setUp();
if (!existsSync(program)) {
  const names = readdirSync(join(root, 'examples')).filter((file) => file.endsWith('.ts'));
  console.error(`npm start: there is no examples/${name}.ts; there are ${names.join(', ').replaceAll('.ts', '')}`);
  process.exit(2);
}
process.argv = [process.execPath, program, ...args];
await import(pathToFileURL(program).href);
