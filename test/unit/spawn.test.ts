import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { afterAll, beforeAll, expect, expectTypeOf, test } from 'vitest';
import { helperPath } from '../../lib/native/load.js';
import { lookupFailure } from '../../lib/spawn/lookup.js';
import type { NetnsSpawnOptions, SpawnedProcess } from '../../lib/spawn/spawn.js';

let directory = '';
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'netloom-spawn-'));
  for (const [name, mode] of [
    ['program', 0o755],
    ['document', 0o644],
  ] as const) {
    mkdirSync(join(directory, name));
    writeFileSync(join(directory, name, 'it'), '#!/bin/sh\n');
    chmodSync(join(directory, name, 'it'), mode);
  }
});
afterAll(() => rmSync(directory, { recursive: true }));

const path = (...names: string[]): string => names.map((name) => join(directory, name)).join(':');

test('a command is looked up in PATH, in order, past what cannot be run', () => {
  expect(lookupFailure('it', '/', path('none', 'document', 'program'))).toBeUndefined();
});

test('a command that is nowhere', () => {
  expect(lookupFailure('it', '/', path('none'))).toBe('ENOENT');
  expect(lookupFailure('./it', join(directory, 'none'))).toBe('ENOENT');
});

test('a command that is no program', () => {
  expect(lookupFailure('it', '/', path('document', 'none'))).toBe('EACCES');
  expect(lookupFailure('./program', directory)).toBe('EACCES');
});

test('a path is relative to the working directory, and PATH does not matter', () => {
  expect(lookupFailure('program/it', directory, path('none'))).toBeUndefined();
});

test('an empty entry of PATH is the working directory', () => {
  expect(lookupFailure('it', join(directory, 'program'), '/nowhere:')).toBeUndefined();
});

test('without PATH the system directories are searched', () => {
  expect(lookupFailure('sh', '/')).toBeUndefined();
});

test.each([[[]], [['3']], [['x', 'true']], [['-u', '-1', '3', 'true']], [['-n', 'a/b']]])(
  'the helper run by hand with %j says how it is used',
  (args) => {
    const { status, stderr } = spawnSync(helperPath(), args, { encoding: 'utf8' });
    expect(status).toBe(2);
    expect(stderr).toBe('usage: netloom-exec [-n NAME] [-u UID] [-g GID] [-a ARGV0] FD COMMAND [ARGUMENT...]\n');
  },
);

test('the helper joins nothing but network namespaces', () => {
  const { status, stderr } = spawnSync(helperPath(), ['0', 'true'], { encoding: 'utf8', input: '' });
  expect(status).toBe(125);
  expect(stderr).toBe('netloom: cannot join namespace: not a network namespace: Invalid argument\n');
});

test('the types of the streams follow from stdio', () => {
  type Streams<O> = [SpawnedProcess<O>['stdin'], SpawnedProcess<O>['stdout'], SpawnedProcess<O>['stderr']];
  expectTypeOf<Streams<{ cwd: string }>>().toEqualTypeOf<[Writable, Readable, Readable]>();
  expectTypeOf<Streams<{ stdio: 'pipe' }>>().toEqualTypeOf<[Writable, Readable, Readable]>();
  expectTypeOf<Streams<{ stdio: 'inherit' }>>().toEqualTypeOf<[null, null, null]>();
  expectTypeOf<Streams<{ stdio: readonly ['ignore', 'pipe', 7] }>>().toEqualTypeOf<[null, Readable, null]>();
  expectTypeOf<Streams<NetnsSpawnOptions>>().toEqualTypeOf<[Writable | null, Readable | null, Readable | null]>();
});
