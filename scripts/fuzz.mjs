/**
 * Fuzzes what reads bytes from outside, for a time: `npm run fuzz [-- seconds [target ...]]`, by default a minute for
 * each target. Exits with 1 when an input was found that goes wrong, and says how to run it again.
 *
 * Native targets are compiled with AddressSanitizer and UndefinedBehaviorSanitizer: with clang's libFuzzer where it is
 * installed, else with g++ and the driver in fuzz/. Inputs that reach new code stay in build/fuzz, for the next time.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { root, run, setUp } from './setup.mjs';

/** @type {Record<string, (seconds: number) => number>} by name; each gives an exit status */
const TARGETS = {
  offload: (seconds) =>
    native(
      'offload',
      ['fuzz/offload.cc', ...sources('checksum', 'packet_headers', 'gso_split', 'gro_coalesce')],
      seconds,
    ),
  bpf: (seconds) => native('bpf', ['fuzz/bpf.cc', ...sources('bpf_filter')], seconds),
  views: (seconds) => {
    setUp(['kinds', 'ts']);
    return spawn(process.execPath, ['fuzz/views.mjs', String(seconds)]);
  },
};

const [time = '60', ...named] = process.argv.slice(2);
const seconds = Number(time);
const unknown = named.filter((name) => !(name in TARGETS));
if (!Number.isInteger(seconds) || seconds < 1 || unknown.length > 0) {
  console.error(`usage: npm run fuzz [-- seconds [target ...]]   targets: ${Object.keys(TARGETS).join(', ')}`);
  process.exit(2);
}
let failed = false;
for (const [name, target] of Object.entries(TARGETS)) {
  if (named.length > 0 && !named.includes(name)) continue;
  console.error(`fuzz: ${name}, for ${seconds} s`);
  if (target(seconds) !== 0) {
    failed = true;
    console.error(`fuzz: ${name} FAILED`);
  }
}
process.exit(failed ? 1 : 0);

function sources(/** @type {string[]} */ ...units) {
  return units.map((unit) => `native/${unit}.cc`);
}

/** Compiles a target and runs it on its corpus, fuzz/corpus/NAME. */
function native(/** @type {string} */ name, /** @type {string[]} */ units, /** @type {number} */ duration) {
  const build = join(root, 'build', 'fuzz', name);
  const [finds, crashes] = [join(build, 'finds'), join(build, 'crashes')];
  for (const directory of [finds, crashes]) mkdirSync(directory, { recursive: true });
  const corpus = join(root, 'fuzz', 'corpus', name);
  const program = join(build, name);
  const flags = ['-std=c++20', '-g', '-O1', '-fno-omit-frame-pointer', '-fno-sanitize-recover=all', '-Wall', '-Wextra'];
  const before = readdirSync(crashes);
  const clang = clangWithFuzzer(build);
  let status = 0;
  if (clang) {
    run(clang, [...flags, '-fsanitize=fuzzer,address,undefined', '-o', program, ...units]);
    const limits = [
      `-max_total_time=${duration}`,
      '-timeout=10',
      '-max_len=16384',
      '-mutate_depth=3',
      '-print_final_stats=1',
      '-verbosity=0',
    ];
    status = spawn(program, [...limits, `-artifact_prefix=${crashes}/`, finds, corpus]);
  } else {
    requireGcc();
    const sanitize = '-fsanitize=address,undefined';
    const driver = join(build, 'driver.o');
    run('g++', [...flags, sanitize, '-c', 'fuzz/driver.cc', '-o', driver]);
    run('g++', [...flags, sanitize, '-fsanitize-coverage=trace-pc', '-o', program, driver, ...units]);
    status = spawn(program, [String(duration), join(crashes, `crash-${Date.now()}`), finds, corpus]);
  }
  for (const crash of readdirSync(crashes).filter((file) => !before.includes(file)))
    console.error(
      `fuzz: once mended, keep the input as a test: mv ${relative(root, join(crashes, crash))} fuzz/corpus/${name}/`,
    );
  return status;
}

/** Runs a target, and shows what it says: of a success the numbers, of a failure the end. */
function spawn(/** @type {string} */ program, /** @type {string[]} */ args) {
  const { status, error, stdout, stderr } = spawnSync(program, args, {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    // The target ends by itself, and says which input hangs; this is for one that does not.
    timeout: (seconds + 60) * 1000,
    killSignal: 'SIGKILL',
    env: { ...process.env, ASAN_OPTIONS: 'detect_stack_use_after_return=1', UBSAN_OPTIONS: 'print_stacktrace=1' },
  });
  if (error) console.error(`fuzz: ${program}: ${error.message}`);
  const lines = `${stdout ?? ''}${stderr ?? ''}`.trimEnd().split('\n');
  const shown = status === 0 ? lines.filter((line) => /^(stat::|\w+: \d)/.test(line)) : lines.slice(-80);
  console.error(shown.join('\n'));
  return status ?? 1;
}

/** The clang++ that has libFuzzer, by whatever version its name bears. */
function clangWithFuzzer(/** @type {string} */ directory) {
  const names = ['clang++', ...Array.from({ length: 12 }, (_, i) => `clang++-${25 - i}`)];
  for (const name of names) {
    const args = ['-fsanitize=fuzzer,address,undefined', '-x', 'c++', '-', '-o', join(directory, 'probe')];
    const input = 'extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }';
    const { status } = spawnSync(name, args, { input, stdio: ['pipe', 'ignore', 'ignore'] });
    if (status === 0) return name;
  }
  console.error(
    'fuzz: no clang++ with libFuzzer is installed (Debian and Ubuntu: apt-get install clang); g++ does it, slower',
  );
  return undefined;
}

function requireGcc() {
  if (!spawnSync('g++', ['--version'], { stdio: 'ignore' }).error && existsSync(join(root, 'fuzz', 'driver.cc')))
    return;
  console.error('fuzz: neither clang++ nor g++ is installed (Debian and Ubuntu: apt-get install clang, or g++)');
  process.exit(1);
}
