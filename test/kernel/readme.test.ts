/** The README's code: every TypeScript block is compiled as strictly as the library, and run. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, it } from 'vitest';
import { expectNoLeaks } from './leaks.ts';
import { describeKernel, lacks, needsOf } from './privilege.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
// Inside the package, so that 'netloom' is the package itself, as built.
const directory = join(root, 'build', 'readme');

/** What each block prints, in the README's order. */
const PRINTED = [
  // The kernel activates a bridge port in the background: the first request may come too early.
  /^[23] answers, in \d+\.\d{3}(, \d+\.\d{3}){1,2} ms$/,
  /^eth0@if\d+ +UP +10\.1\.0\.2\/24/,
  /^\[ 'fulfilled', 'fulfilled', 'rejected' \]$/,
  /^\[ '2: b', '3: a' \]$/,
  /^10\.0\.0\.1 added\nup$/,
  /^8080\/tcp leads to 10\.1\.0\.5:80$/,
  /^hello, ::ffff:10\.0\.0\.2$/,
  /^left listens on ::, port 80\nright listens on ::, port 80$/,
  /^20000000 10000000 bw-eth0$/,
  /^IPv6, \d+ bytes$/,
  /^3 answers through JavaScript$/,
  /^02:00:00:00:00:01 says hello$/,
  /^3 of 3 answered$/,
  /^20 bytes came back$/,
  /^EEXIST RTM_NEWLINK v0$/,
  /^127\.0\.0\.1\/8$/,
];

const blocks = [...readFileSync(join(root, 'README.md'), 'utf8').matchAll(/^```ts\n(.*?)^```$/gms)].map(
  ([, code = '']) => code,
);

describeKernel("the README's code", () => {
  expectNoLeaks(() => undefined);

  beforeAll(() => {
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(directory, { recursive: true });
    for (const [i, code] of blocks.entries()) writeFileSync(join(directory, `block${i}.ts`), code);
    const tsconfig = {
      extends: '../../tsconfig.json',
      compilerOptions: { rootDir: '.', outDir: '.', declaration: false, declarationMap: false, sourceMap: false },
      include: ['*.ts'],
      // By default the outDir, which is this folder.
      exclude: [],
    };
    writeFileSync(join(directory, 'tsconfig.json'), JSON.stringify(tsconfig));
    execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', directory], {
      encoding: 'utf8',
    });
  }, 60_000);

  it('has the blocks whose output is known', () => {
    expect(blocks).toHaveLength(PRINTED.length);
  });

  it.for(PRINTED.map((printed, i) => ({ printed, i })))('runs block $i', ({ printed, i }, { skip }) => {
    skip(lacks(...needsOf(blocks[i] ?? '')));
    const { stdout, stderr, status } = spawnSync(process.execPath, [join(directory, `block${i}.js`)], {
      encoding: 'utf8',
      timeout: 20_000,
    });
    expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
    expect(stdout.trim()).toMatch(printed);
  });
});
