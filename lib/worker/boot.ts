/**
 * What a Worker of `netnsWorker` runs first: it enters the namespace and then becomes the user's program. Without await at
 * the top level, since V8 may abort where a Worker is terminated just as such a module starts.
 */
import Module, { createRequire, syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import vm from 'node:vm';
import threads from 'node:worker_threads';
import { nameCall } from '../errors.js';
import { native } from '../native/load.js';
import { lookUpInside } from './dns.js';
import type { BootData, Program } from './netns-worker.js';

const { fd, name, program, workerData } = threads.workerData as BootData;
// First of all: what is opened from now on, be it by the library, is inside.
try {
  native.enterNetns(fd);
} catch (error) {
  throw nameCall(error, 'netnsWorker');
}
Object.assign(threads, { workerData });
lookUpInside(name);
syncBuiltinESMExports();
// In a turn of its own: while a module is evaluated, Node takes process.exit() for a failure.
setImmediate(become, program);

function become(program: Program): void {
  const { argv } = process;
  switch (program.kind) {
    case 'file':
      argv[1] = program.path;
      Module.runMain(program.path);
      break;
    case 'url':
      argv.splice(1, 1);
      void import(program.url);
      break;
    case 'code':
      argv[1] = '[worker eval]';
      evaluate(program.code, argv[1]);
  }
}

/** As a Worker of `{ eval: true }`: a script that has what a CommonJS module has, as globals. */
function evaluate(code: string, filename: string): void {
  const module = { exports: {} };
  const require = createRequire(join(process.cwd(), filename));
  // Node warns of how import() in the code is served here, once; nobody has asked for that.
  const { emitWarning } = process;
  process.emitWarning = (...args: [never]) => {
    if (!String(args[0]).startsWith('vm.USE_MAIN_CONTEXT_DEFAULT_LOADER')) emitWarning.apply(process, args);
  };
  Object.assign(globalThis, { module, exports: module.exports, require, __filename: filename, __dirname: '.' });
  vm.runInThisContext(code, {
    filename,
    importModuleDynamically: vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
}
