/**
 * Packs the library as it would be published and installs the tarball into an empty project, without scripts,
 * as npm 12 does by default. Tests get the folder of that project and the list of packed files. Without the npm
 * registry (in a network namespace of its own, say) there is no such project, and the tests of it are skipped.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  export interface ProvidedContext {
    /** An empty project with the packed library installed; empty where the npm registry cannot be reached. */
    consumer: string;
    tarball: string;
    /** Paths inside the tarball, without the leading "package/". */
    packed: string[];
  }
}

const root = fileURLToPath(new URL('../..', import.meta.url));

/** What npm says when it cannot reach the registry, and not when the registry refuses. */
const UNREACHABLE = /\b(ENOTFOUND|EAI_AGAIN|ENETUNREACH|EHOSTUNREACH|ECONNREFUSED|ETIMEDOUT|ENOTCACHED)\b/;

export function setup(project: TestProject): () => void {
  const directory = mkdtempSync(join(tmpdir(), 'netloom-package-'));
  try {
    pack(project, directory);
  } catch (error) {
    rmSync(directory, { recursive: true });
    throw error;
  }
  return () => rmSync(directory, { recursive: true });
}

function pack(project: TestProject, directory: string): void {
  const run = (command: string, args: string[]) =>
    execFileSync(command, args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });

  run(process.execPath, [join(root, 'scripts', 'prebuild.mjs')]);
  const report = run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', directory]);
  const [packed] = JSON.parse(report) as [{ filename: string; files: { path: string }[] }];
  const tarball = join(directory, packed.filename);

  const consumer = join(directory, 'consumer');
  cpSync(join(root, 'test', 'package', 'consumer'), consumer, { recursive: true });
  writeFileSync(join(consumer, 'package.json'), JSON.stringify({ name: 'consumer', private: true }));

  project.provide('consumer', install(tarball, consumer) ? consumer : '');
  project.provide('tarball', tarball);
  project.provide(
    'packed',
    packed.files.map(({ path }) => path),
  );
}

/** Whether the registry, or npm's cache, had the one dependency. */
function install(tarball: string, consumer: string): boolean {
  const options = ['--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund'];
  const retries = ['--fetch-retries=2', '--fetch-retry-mintimeout=1000'];
  const { status, stderr } = spawnSync('npm', ['install', ...options, ...retries, tarball], {
    cwd: consumer,
    encoding: 'utf8',
  });
  if (status === 0) return true;
  if (!UNREACHABLE.test(stderr) || process.env['NETLOOM_REQUIRE_PRIVILEGE'])
    throw new Error(`the packed library cannot be installed:\n${stderr}`);
  console.warn('tests of the installed package are skipped: the npm registry cannot be reached');
  return false;
}
