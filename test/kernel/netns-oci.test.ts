import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createNetns, deleteNetns, listLinks, type Netns, openNetns } from 'netloom';
import * as sync from 'netloom/sync';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { expectNoLeaks } from './leaks.ts';
import { describeKernel } from './privilege.ts';
import { failure } from './witness.ts';

describeKernel('the namespace of an OCI bundle', () => {
  expectNoLeaks(async () => {
    await listLinks();
    await deleteNetns(await createNetns('first'));
  });

  let bundle: string;
  let netns: Netns;
  let ociConfig: string;
  beforeEach(async () => {
    bundle = mkdtempSync(join(tmpdir(), 'netloom-bundle-'));
    ociConfig = join(bundle, 'config.json');
    netns = await createNetns('pod');
    name(undefined);
  });
  afterEach(async () => {
    rmSync(bundle, { recursive: true });
    await deleteNetns(netns, { ifExists: true });
  });

  /** Writes the part that counts as `runc spec` does, with a path for the network namespace or without. */
  const name = (path: string | undefined): void => {
    const namespaces = [
      { type: 'pid' },
      { type: 'network', path },
      { type: 'ipc' },
      { type: 'uts' },
      { type: 'mount' },
    ];
    writeFileSync(ociConfig, JSON.stringify({ ociVersion: '1.0.2', linux: { namespaces } }));
  };

  test('is opened by the path that its config.json names', async () => {
    name('/run/netns/pod');
    using opened = await openNetns({ ociConfig });
    expect(opened).toMatchObject({ id: netns.id, name: 'pod' });
    using again = sync.openNetns({ ociConfig });
    expect(again.id).toBe(netns.id);
  });

  test('is none before its runtime has made it', async () => {
    expect(await failure(openNetns({ ociConfig }))).toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
      message: expect.stringMatching(
        /^openNetns: ociConfig ".*" has no path in linux\.namespaces\[1\]: the runtime makes/,
      ),
    });
  });

  test('is ENOENT once it is gone, and the field is named', async () => {
    name('/run/netns/pod');
    await deleteNetns(netns);
    const error = await failure(openNetns({ ociConfig }));
    expect(error).toMatchObject({ code: 'ENOENT', syscall: 'open' });
    expect(error.message).toMatch(/'\/run\/netns\/pod'; linux\.namespaces\[1\]\.path of the config\.json$/);
  });

  test('is refused where the path is none', async () => {
    name('/etc/hostname');
    expect(await failure(openNetns({ ociConfig }))).toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
      message: 'openNetns: linux.namespaces[1].path "/etc/hostname" is no network namespace',
    });
  });

  test('a config.json that is not there, or none, is told by its field', async () => {
    writeFileSync(join(bundle, 'broken.json'), '{"linux": ');
    mkdirSync(join(bundle, 'directory'));
    const wrong = (file: string) => failure(openNetns({ ociConfig: join(bundle, file) }));
    expect(await wrong('none.json')).toMatchObject({
      code: 'ENOENT',
      message: expect.stringMatching(/^openNetns: ENOENT: .*; ociConfig ".*none\.json"$/),
    });
    expect(await wrong('directory')).toMatchObject({ code: 'EISDIR' });
    expect(await wrong('broken.json')).toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
      message: expect.stringMatching(/^openNetns: ociConfig ".*broken\.json" is no JSON: /),
    });
    expect(await failure(openNetns({ ociConfig: 7 as never }))).toMatchObject({
      code: 'ERR_INVALID_ARG_TYPE',
      message: 'openNetns: ociConfig must be the path of a config.json; received 7',
    });
    expect(() => sync.openNetns({ ociConfig: join(bundle, 'none.json') })).toThrow(/^openNetns: ENOENT/);
  });
});
