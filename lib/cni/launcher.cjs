#!/usr/bin/env node
// What is started: compiles the bundle, by the code cache where there is one for this Node, and calls it. A script of its
// own, since Node 20 has no other way to give a cache to the program that it starts with.
'use strict';
const { readFileSync } = require('node:fs');
const { Script } = require('node:vm');

const directory = __dirname;
const filename = `${directory}/netloom-cni.bundle.cjs`;

let cachedData;
try {
  cachedData = readFileSync(`${directory}/netloom-cni.cache`);
} catch {
  // Not installed, or of another Node: compiled anew.
}
const script = new Script(readFileSync(filename, 'latin1'), { filename, cachedData });
/** @type {{ main?: (called: string, args: string[], files: object) => void }} */
const exported = {};
script.runInThisContext()(require, exported, directory);
exported.main?.(process.argv[1] ?? '', process.argv.slice(2), { directory, script });
