import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const source = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** Tests import 'netloom' and get the sources, so a failing line is a line of lib/. */
const alias = [
  { find: /^netloom$/, replacement: source('./lib/index.ts') },
  { find: /^netloom\/sync$/, replacement: source('./lib/sync.ts') },
  { find: /^netloom\/cni$/, replacement: source('./lib/cni/cni.ts') },
];

export default defineConfig({
  resolve: { alias },
  test: {
    pool: 'forks',
    isolate: true,
    passWithNoTests: true,
    projects: [
      {
        extends: true,
        test: { name: 'unit', include: ['test/unit/**/*.test.ts'], testTimeout: 10_000, sequence: { groupOrder: 0 } },
      },
      {
        extends: true,
        test: {
          name: 'types',
          include: [],
          typecheck: {
            enabled: true,
            only: true,
            include: ['test/types/**/*.test-d.ts'],
            tsconfig: source('./tsconfig.types.json'),
          },
          sequence: { groupOrder: 0 },
        },
      },
      {
        // As a user gets it: no alias, and minutes for npm and the compiler.
        test: {
          name: 'package',
          include: ['test/package/**/*.test.ts'],
          globalSetup: ['test/package/pack.ts'],
          pool: 'forks',
          testTimeout: 120_000,
          hookTimeout: 300_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        // Run by test-runtimes.mjs alone: crun, runc and podman have to be there.
        extends: true,
        test: {
          name: 'runtimes',
          include: ['test/runtimes/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          fileParallelism: false,
          sequence: { groupOrder: 3 },
        },
      },
      {
        // Run by test-cni.mjs alone, which installs the reference plugins.
        extends: true,
        test: {
          name: 'conformance',
          include: ['test/conformance/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 30_000,
          fileParallelism: false,
          sequence: { groupOrder: 4 },
        },
      },
      {
        // One file at a time: the leak checks look at state that all of them share.
        extends: true,
        test: {
          name: 'kernel',
          include: ['test/kernel/**/*.test.ts'],
          globalSetup: ['test/kernel/announce.ts'],
          testTimeout: 30_000,
          hookTimeout: 30_000,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
