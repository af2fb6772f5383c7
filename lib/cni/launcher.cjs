#!/usr/bin/env node
// What is started: compiles the bundle, by the code cache where there is one for this Node, and calls it. A script of its
// own, since Node 20 has no other way to give a cache to the program that it starts with.
'use strict';
const { readFileSync, writeSync } = require('node:fs');
const { Script } = require('node:vm');

const directory = __dirname;
const filename = `${directory}/netloom-cni.bundle.cjs`;
const cache = `${directory}/netloom-cni.cache`;

/** @type {Buffer | undefined} */
let cachedData;
try {
  cachedData = readFileSync(cache);
} catch {
  // Not installed, or not called yet.
}
/** @type {{ main?: (called: string, args: string[], directory: string) => void }} */
const exported = {};
const script = load();
exported.main?.(process.argv[1] ?? '', process.argv.slice(2), directory);

// The first ADD of an installed program leaves what it has compiled to the next ones, and again after an upgrade of Node.
if (
  directory !== __dirname &&
  process.env['CNI_COMMAND'] === 'ADD' &&
  process.exitCode === 0 &&
  script.cachedDataRejected !== false
) {
  const { renameSync, writeFileSync } = require('node:fs');
  try {
    const unfinished = `${cache}.${process.pid}`;
    // Whatever the runtime's umask: who may write it says what root runs.
    writeFileSync(unfinished, script.createCachedData(), { mode: 0o644 });
    renameSync(unfinished, cache);
  } catch {
    // Where it may not be written, the next one is as slow as this one was.
  }
}

// All is written. Otherwise Node would take its loop and its heap apart, and a pod wait for that.
process.exit();

function load() {
  try {
    const script = new Script(readFileSync(filename, 'latin1'), { filename, cachedData });
    script.runInThisContext()(require, exported, directory);
    return script;
  } catch (error) {
    return refuse(/** @type {NodeJS.ErrnoException} */ (error));
  }
}

/**
 * Says why the bundle cannot be run: to a runtime as the error that the specification wants (5: an I/O failure), to
 * everybody else in plain text. Otherwise Node would print the bundle, and nothing that a runtime reads.
 *
 * @param {NodeJS.ErrnoException} error
 * @returns {never}
 */
function refuse(error) {
  const msg =
    error.code === 'ENOENT'
      ? `netloom-cni: there is no ${filename}. Its directory belongs to the program and has to be where that is: run "netloom-cni install --dir ${__dirname}", or copy both`
      : error.message;
  if (process.env['CNI_COMMAND']) {
    /** @type {string | undefined} */
    let asked;
    try {
      asked = /"cniVersion"\s*:\s*"([0-9.]+)"/.exec(readFileSync(0, 'utf8'))?.[1];
    } catch {
      // The runtime is told all the same.
    }
    writeSync(1, `${JSON.stringify({ cniVersion: asked ?? '1.1.0', code: 5, msg }, undefined, 2)}\n`);
  } else writeSync(2, `${msg}\n`);
  process.exit(1);
}
