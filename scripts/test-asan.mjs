/**
 * Builds the addon and the helper with AddressSanitizer and UndefinedBehaviorSanitizer in a tree of their own
 * and runs the unit and kernel suites against them: `npm run test:asan [-- arguments of vitest]`.
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { gypEnvironment, root, run, setUp } from './setup.mjs';
import { stage } from './stage.mjs';

setUp();
const staged = stage('asan', [
  ...['binding.gyp', 'native', 'package.json', 'vitest.config.ts', 'tsconfig.json', 'tsconfig.test.json'],
  ...[
    'tsconfig.examples.json',
    'README.md',
    'lib',
    'dist',
    'test',
    'scripts',
    'examples',
    'build/examples',
    'fuzz/corpus',
  ],
]);
const gyp = join(root, 'node_modules', '.bin', 'node-gyp');
run(gyp, ['configure', '--silent', '--', '-Dnetloom_sanitize=1'], { cwd: staged, env: gypEnvironment(), quiet: true });
run(gyp, ['build', '--silent'], { cwd: staged, env: gypEnvironment(), quiet: true });
run(
  process.execPath,
  [join(staged, 'scripts', 'test.mjs'), 'unit', 'kernel', '--testTimeout=120000', ...process.argv.slice(2)],
  {
    cwd: staged,
    stdio: 'inherit',
    env: {
      ...process.env,
      NETLOOM_NO_SETUP: '1',
      // node itself is not built with the sanitizer, so its runtime has to be there before the addon comes.
      LD_PRELOAD: execFileSync('g++', ['-print-file-name=libasan.so'], { encoding: 'utf8' }).trim(),
      // V8 never frees what it holds at exit, so leaks cannot be told; the kernel suite counts descriptors instead.
      ASAN_OPTIONS: 'detect_leaks=0:abort_on_error=1:strict_string_checks=1:detect_stack_use_after_return=1',
      UBSAN_OPTIONS: 'halt_on_error=1:print_stacktrace=1',
    },
  },
);
