/**
 * The same configuration to netloom-cni and to the reference plugins, each on a machine of its own: what is there then, and
 * what is told. And what the one has attached the other detaches.
 */
import { listLinks } from 'netloom';
import { afterAll, describe, expect, test } from 'vitest';
import { iproute } from '../kernel/ip.ts';
import { expectNoLeaks } from '../kernel/leaks.ts';
import { seenNames } from '../kernel/witness.ts';
import { CONFIGURATIONS, type Configuration, REFUSED } from './configurations.ts';
import { DIFFERENCES } from './differences.ts';
import { MAKERS, Machine, type Maker, type Outcome } from './host.ts';
import { compare, type Observation, observe } from './observe.ts';

async function machineFor({ before = [] }: Configuration): Promise<Machine> {
  const machine = await Machine.create();
  for (const line of before) iproute(machine.host.netns, line);
  return machine;
}

interface Attached extends Outcome {
  readonly attached: Observation;
  /** What CHECK found wrong. */
  readonly checked: Observation;
  readonly detached: Observation;
}

/** One life of a container. */
async function live(maker: Maker, configuration: Configuration): Promise<Attached> {
  await using machine = await machineFor(configuration);
  const outcome = machine.add(maker, configuration);
  const attached = await observe(machine, outcome.result);
  const { cniVersion = '1.0.0' } = configuration;
  const checked = cniVersion < '0.4.0' ? [] : machine.later(maker, 'CHECK', configuration, outcome.result);
  expect(machine.later(maker, 'DEL', configuration, outcome.result)).toEqual([]);
  return {
    ...outcome,
    attached,
    checked: new Map(checked.map(({ msg = '' }) => [msg, 'said'])),
    detached: await observe(machine, undefined),
  };
}

const found = new Set<number>();
let ran = 0;

/** What differs and is not meant to. */
function notMeant(name: string, differences: readonly string[]): string[] {
  return differences.filter((line) => {
    const which = DIFFERENCES.findIndex(({ of, what }) => of.test(name) && what.test(line));
    if (which >= 0) found.add(which);
    return which < 0;
  });
}

const unexpected = (name: string, phase: string, a: Observation, b: Observation): string[] =>
  notMeant(
    name,
    compare(a, b).map((line) => `${phase} ${line}`),
  );

describe('netloom-cni and the reference plugins', () => {
  expectNoLeaks(() => listLinks());

  afterAll(() => {
    // When only some are run, some are not to be found.
    if (ran < CONFIGURATIONS.length * 2) return;
    expect(DIFFERENCES.filter((_, i) => !found.has(i)).map(({ why }) => why)).toEqual([]);
  });

  describe('do the same', () => {
    test.each(CONFIGURATIONS.map((one) => [one.name, one] as const))('%s', async (name, configuration) => {
      ran++;
      const ours = await live('netloom', configuration);
      const theirs = await live('reference', configuration);
      expect([ours.error, theirs.error]).toEqual([undefined, undefined]);
      expect([
        ...unexpected(name, 'ADD', ours.attached, theirs.attached),
        ...unexpected(name, 'CHECK', ours.checked, theirs.checked),
        ...unexpected(name, 'DEL', ours.detached, theirs.detached),
      ]).toEqual([]);
    });
  });

  describe('take away what the other has made', () => {
    test.each(CONFIGURATIONS.map((one) => [one.name, one] as const))('%s', async (name, configuration) => {
      ran++;
      for (const adds of MAKERS) {
        const deletes = adds === 'netloom' ? 'reference' : 'netloom';
        await using machine = await machineFor(configuration);
        const { host, container } = machine;
        const before = seenNames(host.netns);
        const { result, error } = machine.add(adds, configuration);
        expect(error).toBeUndefined();
        const errors = machine.later(deletes, 'DEL', configuration, result).map(({ msg = '' }) => msg);
        expect(
          notMeant(
            name,
            errors.map((msg) => `DEL by ${deletes} of ${adds}'s: ${msg}`),
          ),
        ).toEqual([]);
        expect(seenNames(container), `${deletes} after ${adds}`).toEqual([]);
        expect(seenNames(host.netns).filter((name) => name !== 'br0' || before.includes(name))).toEqual(before);
      }
    });
  });

  describe('refuse the same', () => {
    test.each(REFUSED.map((one) => [one.name, one] as const))('%s', async (_, configuration) => {
      for (const maker of MAKERS) {
        await using machine = await machineFor(configuration);
        const before = await observe(machine, undefined);
        const { error } = machine.add(maker, configuration);
        expect(error?.code, `${maker} ${JSON.stringify(error)}`).toBeGreaterThan(0);
        // The reference leaves to DEL what it had made; here all but the bridge is gone.
        if (maker === 'netloom') {
          const left = compare(before, await observe(machine, undefined));
          expect(left.filter((place) => !place.includes('br0'))).toEqual([]);
        }
      }
    });
  });
});
