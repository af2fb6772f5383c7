/**
 * Packs the library as it would be published and installs the tarball into an empty project, without scripts,
 * as npm 12 does by default. Tests get the folder of that project and the list of packed files.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  export interface ProvidedContext {
    /** An empty project with the packed library installed. */
    consumer: string;
    tarball: string;
    /** Paths inside the tarball, without the leading "package/". */
    packed: string[];
  }
}

const root = fileURLToPath(new URL('../..', import.meta.url));

export function setup(project: TestProject): () => void {
  const directory = mkdtempSync(join(tmpdir(), 'netloom-package-'));
  const run = (command: string, args: string[], cwd = directory) =>
    execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });

  run(process.execPath, [join(root, 'scripts', 'prebuild.mjs')]);
  const report = run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', directory], root);
  const [pack] = JSON.parse(report) as [{ filename: string; files: { path: string }[] }];
  const tarball = join(directory, pack.filename);

  const consumer = join(directory, 'consumer');
  cpSync(join(root, 'test', 'package', 'consumer'), consumer, { recursive: true });
  writeFileSync(join(consumer, 'package.json'), JSON.stringify({ name: 'consumer', private: true }));
  run('npm', ['install', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', tarball], consumer);

  project.provide('consumer', consumer);
  project.provide('tarball', tarball);
  project.provide(
    'packed',
    pack.files.map(({ path }) => path),
  );
  return () => rmSync(directory, { recursive: true });
}
