import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findHelper, helperPath, loadNative, native } from '../../lib/native/load.js';
import { detectLibc, type Host } from '../../lib/native/load-error.js';

const glibc: Host = { platform: 'linux', arch: 'x64', libc: 'glibc' };
let root = '';

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'netloom-load-'));
});
afterEach(() => rmSync(root, { recursive: true }));

function put(path: string, content: string, mode = 0o644): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), content, { mode });
}

function failure(load: () => unknown): Error & { code?: string } {
  try {
    load();
  } catch (error) {
    return error as Error;
  }
  throw new Error('nothing was thrown');
}

test('the addon of this checkout is loaded', () => {
  expect(native.openNetlink).toBeTypeOf('function');
});

test('the helper of this checkout is found', () => {
  expect(helperPath()).toMatch(/build\/Release\/netloom-exec$|prebuilds\/linux-\w+\/netloom-exec\.\w+$/);
});

test('an installed package without a binary names both places and how to build one', () => {
  put('prebuilds/linux-arm64/netloom.glibc.node', '');
  put('prebuilds/linux-arm64/netloom-exec.glibc', '');
  const error = failure(() => loadNative(root, glibc));
  expect(error.code).toBe('ERR_NETLOOM_NATIVE');
  expect(error.message.split('\n')).toEqual([
    `netloom: the native addon cannot be loaded on linux-x64 (glibc, Node.js ${process.version})`,
    `  ${root}/build/Release/netloom.node: no such file`,
    `  ${root}/native/build/Release/netloom.node: no such file`,
    `  ${root}/prebuilds/linux-x64/netloom.glibc.node: no such file`,
    '  prebuilt here: linux-arm64/netloom.glibc.node',
    `To build it on this machine (needs python3, make and g++): npm install --no-save node-gyp node-addon-api && npx node-gyp rebuild -C ${root}/native`,
  ]);
});

test('a checkout that was never built is told to run npm run build', () => {
  put('package-lock.json', '{}');
  expect(failure(() => loadNative(root, glibc)).message).toContain(`npm run build --prefix ${root}`);
});

test('a prebuilt addon for another C library is not taken', () => {
  put('prebuilds/linux-x64/netloom.glibc.node', '');
  const { message } = failure(() => loadNative(root, { ...glibc, libc: 'musl' }));
  expect(message).toContain(`${root}/prebuilds/linux-x64/netloom.musl.node: no such file`);
  expect(message).toContain('prebuilt here: linux-x64/netloom.glibc.node');
});

test('a local build that the dynamic linker refuses is reported with its reason, and not passed over', () => {
  put('build/Release/netloom.node', 'not an ELF file');
  const error = failure(() => loadNative(root, glibc));
  expect(error.code).toBe('ERR_NETLOOM_NATIVE');
  expect(error.message).toContain(`${root}/build/Release/netloom.node: file too short`);
  expect(error.message).not.toContain('netloom.glibc.node:');
  expect(error.cause).toMatchObject({ code: 'ERR_DLOPEN_FAILED' });
});

test('another platform is told that there is no support', () => {
  const { message } = failure(() => loadNative(root, { platform: 'darwin', arch: 'arm64', libc: 'glibc' }));
  expect(message).toContain('cannot be loaded on darwin-arm64');
  expect(message).toContain('other platforms are not supported');
  expect(message).not.toContain('npm');
});

test('the helper of a prebuilt package is found, and one that lost its mode bits is explained', () => {
  put('prebuilds/linux-x64/netloom-exec.glibc', '', 0o755);
  expect(findHelper(root, glibc)).toBe(`${root}/prebuilds/linux-x64/netloom-exec.glibc`);

  rmSync(join(root, 'prebuilds'), { recursive: true });
  put('prebuilds/linux-x64/netloom-exec.glibc', '', 0o644);
  const error = failure(() => findHelper(root, glibc));
  expect(error.code).toBe('ERR_NETLOOM_NATIVE');
  expect(error.message).toContain(`not executable (chmod +x ${root}/prebuilds/linux-x64/netloom-exec.glibc)`);
});

test('the C library is read from the ELF interpreter', () => {
  put('musl', '\x7fELF...\0/lib/ld-musl-x86_64.so.1\0');
  put('glibc', '\x7fELF...\0/lib64/ld-linux-x86-64.so.2\0');
  expect(detectLibc(join(root, 'musl'))).toBe('musl');
  expect(detectLibc(join(root, 'glibc'))).toBe('glibc');
  expect(detectLibc(join(root, 'absent'))).toBe('glibc');
  copyFileSync(process.execPath, join(root, 'node'));
  Object.assign(process.report, { excludeNetwork: true }); // or it looks every peer's name up
  const report = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
  expect(detectLibc(join(root, 'node'))).toBe(report.header.glibcVersionRuntime ? 'glibc' : 'musl');
});
