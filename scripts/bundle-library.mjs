/**
 * Makes what is imported, dist/*.js, from lib/: a few files instead of hundreds, each of which Node would have to find,
 * read and link before the first call. Their names are those of their sources, and what they share is in dist/shared.
 *
 * rolldown comes with vitest anyway; it is named among the dependencies because the build needs it too.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { filesBelow, root } from './setup.mjs';

/** TypeScript names the file that will be there. */
export const SOURCES = { extensionAlias: { '.js': ['.ts', '.js'] } };

/** The entries of the package, and what a Worker starts with. */
const ENTRIES = ['index', 'sync', 'cni/cni', 'worker/boot'];

async function bundleLibrary() {
  const build = await rolldown({
    input: Object.fromEntries(ENTRIES.map((name) => [name, join(root, 'lib', `${name}.ts`)])),
    platform: 'node',
    external: ['bindings'],
    resolve: SOURCES,
    // Kinds register themselves by being imported, and nothing here is too much: the package's exports are all of it.
    treeshake: false,
  });
  for (const path of filesBelow(['dist'], ['.js', '.js.map'])) rmSync(path);
  await build.write({
    dir: join(root, 'dist'),
    format: 'esm',
    sourcemap: true,
    comments: false,
    chunkFileNames: 'shared/[name].js',
  });
  await build.close();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await bundleLibrary();
