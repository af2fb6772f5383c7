import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { publint } from 'publint';
import { describe, expect, inject, test } from 'vitest';

const consumer = inject('consumer');
const packed = inject('packed');
const tarball = inject('tarball');
const notInstalled = consumer === '';

/** Runs one of the consumer's programs; each prints the names of the links it sees. */
function linksSeenBy(program: string): string[] {
  const output = execFileSync(process.execPath, ['--no-warnings', program], { cwd: consumer, encoding: 'utf8' });
  return JSON.parse(output);
}

describe.skipIf(notInstalled)('an installed package', () => {
  test.each(['esm.mjs', 'commonjs.cjs', 'sync.mjs', 'cni.mjs', 'worker.mjs'])('works from %s', (program) => {
    expect(linksSeenBy(program)).toContain('lo');
  });

  test('has netloom-cni, which finds its bundle and the addon', () => {
    const program = join(consumer, 'node_modules', '.bin', 'netloom-cni');
    const env = { PATH: process.env['PATH'], CNI_COMMAND: 'VERSION' };
    const output = execFileSync(program, { env, input: '{"cniVersion":"1.0.0"}', encoding: 'utf8' });
    expect(JSON.parse(output)).toMatchObject({
      cniVersion: '1.0.0',
      supportedVersions: expect.arrayContaining(['1.1.0']),
    });
  });

  test('brings one dependency, bindings', () => {
    const lock = JSON.parse(readFileSync(join(consumer, 'node_modules', '.package-lock.json'), 'utf8'));
    // file-uri-to-path is a dependency of bindings.
    expect(Object.keys(lock.packages).sort()).toEqual(
      ['bindings', 'file-uri-to-path', 'netloom'].map((name) => `node_modules/${name}`),
    );
  });

  test('says what is missing and how to build it when no binary fits', () => {
    const broken = `${consumer}-without-binary`;
    cpSync(consumer, broken, { recursive: true });
    rmSync(join(broken, 'node_modules', 'netloom', 'prebuilds'), { recursive: true });
    const { status, stderr } = spawnSync(process.execPath, ['esm.mjs'], { cwd: broken, encoding: 'utf8' });

    expect(status).toBe(1);
    expect(stderr).toContain(`netloom: the native addon cannot be loaded on linux-${process.arch} (`);
    expect(stderr).toContain(`Node.js ${process.version}`);
    expect(stderr).toContain(join(broken, 'node_modules/netloom/build/Release/netloom.node: no such file'));
    expect(stderr).toMatch(/prebuilds\/linux-\w+\/netloom\.(glibc|musl)\.node: no such file/);
    expect(stderr).toContain('npx node-gyp rebuild -C');
    expect(stderr).toContain("code: 'ERR_NETLOOM_NATIVE'");
  });
});

describe('the tarball', () => {
  test('holds the library, its sources and binaries, and nothing else', () => {
    const expected = [
      /^(package\.json|binding\.gyp|(README|CHANGELOG|SECURITY)\.md|LICENSE)$/,
      /^dist\/[\w/-]+\.(js|js\.map|d\.ts|d\.ts\.map)$/,
      /^dist\/netloom-cni(\.bundle)?\.cjs$/,
      /^lib\/([\w/-]+\.ts|cni\/launcher\.cjs)$/,
      /^native\/[\w-]+\.(cc|c|h|gyp)$/,
      /^prebuilds\/linux-\w+\/netloom(\.(glibc|musl)\.node|-exec\.(glibc|musl))$/,
    ];
    expect(packed.filter((path) => !expected.some((pattern) => pattern.test(path)))).toEqual([]);
  });

  test('holds what an import needs', () => {
    const libc = packed.some((path) => path.endsWith('.musl.node')) ? 'musl' : 'glibc';
    expect(packed).toEqual(
      expect.arrayContaining([
        ...['dist/index.js', 'dist/index.d.ts', 'dist/sync.js', 'dist/sync.d.ts', 'LICENSE', 'README.md'],
        ...['dist/netloom-cni.cjs', 'dist/netloom-cni.bundle.cjs', 'dist/cni/cni.js', 'dist/cni/cni.d.ts'],
        `prebuilds/linux-${process.arch}/netloom.${libc}.node`,
        `prebuilds/linux-${process.arch}/netloom-exec.${libc}`,
      ]),
    );
  });

  test('is imported from a few files, whose maps lead to sources that are in it', () => {
    expect(packed.filter((path) => /^dist\/.*\.js$/.test(path)).length).toBeLessThan(12);
    const maps = packed.filter((path) => /^dist\/.*\.js\.map$/.test(path));
    expect(maps).toContain('dist/sync.js.map');
    for (const map of maps) {
      const text = execFileSync('tar', ['-xzOf', tarball, `package/${map}`], { encoding: 'utf8', maxBuffer: 1 << 26 });
      const { sources } = JSON.parse(text) as { sources: string[] };
      expect(sources.map((source) => join(map, '..', source)).filter((source) => !packed.includes(source))).toEqual([]);
    }
  });

  test.skipIf(notInstalled)('runs no script when it is installed', () => {
    const manifest = JSON.parse(readFileSync(join(consumer, 'node_modules', 'netloom', 'package.json'), 'utf8'));
    expect(Object.keys(manifest.scripts).filter((name) => /^(pre|post)?(install|prepare)$/.test(name))).toEqual([]);
  });

  // npm builds a package with a binding.gyp in its root; package-lock.json does not keep `"gypfile": false`.
  test.skipIf(notInstalled)('is built by nobody when it is installed from a lock file', () => {
    expect(packed).not.toContain('binding.gyp');
    const again = mkdtempSync(join(tmpdir(), 'netloom-again-'));
    try {
      for (const name of ['package.json', 'package-lock.json']) cpSync(join(consumer, name), join(again, name));
      const lock = readFileSync(join(again, 'package-lock.json'), 'utf8');
      expect(lock).not.toContain('hasInstallScript');
      const from = /"(file:[^"]*netloom-[^"]*\.tgz)"/.exec(lock)?.[1] ?? '';
      for (const name of ['package.json', 'package-lock.json']) {
        const text = readFileSync(join(again, name), 'utf8');
        writeFileSync(join(again, name), text.replaceAll(from, `file:${tarball}`));
      }
      execFileSync('npm', ['ci', '--prefer-offline', '--no-audit', '--no-fund'], { cwd: again, stdio: 'pipe' });
      const code = "process.stdout.write(typeof require('netloom').createNetns)";
      expect(execFileSync(process.execPath, ['-e', code], { cwd: again, encoding: 'utf8' })).toBe('function');
    } finally {
      rmSync(again, { recursive: true });
    }
  });

  test.skipIf(notInstalled)('passes publint', async () => {
    const { messages } = await publint({
      pkgDir: join(consumer, 'node_modules', 'netloom'),
      strict: true,
      pack: false,
    });
    expect(messages).toEqual([]);
  });
});
