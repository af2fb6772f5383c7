/**
 * Makes the executable netloom-cni from lib/cni/main.ts: one file, without what it does not use, and its launcher. Not a
 * step that users take: what is published has it.
 */
import { chmodSync, cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { rolldown } from 'rolldown';
import { SOURCES } from './bundle-library.mjs';
import { root } from './setup.mjs';

const dist = join(root, 'dist');
const lib = join(root, 'lib');

/** What calls of these make is only used or not; calling them does nothing else. */
const PURE = ['call', 'createOfKind', 'attributes', 'struct'];

const build = await rolldown({
  input: join(lib, 'cni', 'main.ts'),
  resolve: SOURCES,
  platform: 'node',
  treeshake: {
    propertyReadSideEffects: false,
    manualPureFunctions: PURE,
    // Kinds of links register themselves, as do those of traffic control, of which bandwidth limits need a few; nothing
    // else does anything by being imported.
    moduleSideEffects: (id) =>
      /\/kinds\/|\/tun-kind\.ts$|\/tc\/(actions\/mirred|filters\/u32|qdiscs\/(ingress|tbf))\.ts$|\/cni\/main\.ts$/.test(
        id,
      ),
  },
  plugins: [
    {
      name: 'addon-by-path',
      resolveId: (id) => (id.endsWith('/native/load.js') ? join(lib, 'cni', 'native.ts') : null),
    },
  ],
});
const { output } = await build.generate({
  format: 'cjs',
  comments: false,
  minify: { compress: true, mangle: false },
});
await build.close();
if (output.length !== 1) throw new Error(`${output.length} files came out, not one`);
const code = output[0].code.replace(/^\/\/# sourceMappingURL.*$/m, '').trimEnd();
// V8 keeps Latin-1 as it is, half of what it would keep otherwise; and the launcher reads it so.
if (/[^\x20-\x7e\s]/.test(code)) throw new Error('the bundle has characters that are not ASCII');
writeFileSync(join(dist, 'netloom-cni.bundle.cjs'), `(function(require,exports,NETLOOM_CNI_DIRECTORY){${code}\n})`);
const launcher = join(dist, 'netloom-cni.cjs');
cpSync(join(root, 'lib', 'cni', 'launcher.cjs'), launcher);
chmodSync(launcher, 0o755);
