/**
 * `npm start [-- example [arguments]]`: sets the checkout up and runs one of the examples (bridge-lab) in this
 * very process, so that Ctrl-C reaches the example and nothing stands in between.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root, setUp } from './setup.mjs';

const [name = 'bridge-lab', ...args] = process.argv.slice(2);
const program = join(root, 'build', 'examples', `${name}.js`);
setUp();
if (!existsSync(program)) {
  console.error(`npm start: there is no examples/${name}.ts`);
  process.exit(2);
}
process.argv = [process.execPath, program, ...args];
await import(pathToFileURL(program).href);
