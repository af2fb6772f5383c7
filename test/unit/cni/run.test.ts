import { describe, expect, test } from 'vitest';
import { CniError } from '../../../lib/cni/protocol/error.js';
import type { Invocation, Plugin } from '../../../lib/cni/protocol/plugin.js';
import { EMPTY_RESULT } from '../../../lib/cni/protocol/result.js';
import { run } from '../../../lib/cni/protocol/run.js';

const seen: [string, Invocation][] = [];
const note =
  (name: string) =>
  (call: Invocation): void =>
    void seen.push([name, call]);
const plugin: Plugin = {
  add(call) {
    note('add')(call);
    return { ...EMPTY_RESULT, interfaces: [{ name: call.ifname }] };
  },
  del: note('del'),
  check: note('check'),
};
const broken: Plugin = {
  add: () => {
    throw new CniError('tryAgainLater', 'not now', 'later');
  },
  del: () => {
    throw new Error('a defect');
  },
  check: () => undefined,
};

const ENVIRONMENT = { CNI_CONTAINERID: 'c1', CNI_NETNS: '/run/netns/c1', CNI_IFNAME: 'eth0' };
const CONFIG = { cniVersion: '1.0.0', name: 'net', type: 'one' };

/** Status and decoded output of a call. */
function call(command: string, config: unknown, { name = 'netloom-cni', variables = ENVIRONMENT } = {}) {
  const text = typeof config === 'string' ? config : JSON.stringify(config);
  const { output, status } = run(
    { name, variables: { ...variables, CNI_COMMAND: command }, stdin: () => text },
    { one: plugin, two: broken },
  );
  return [status, output === '' ? undefined : JSON.parse(output)];
}

test('ADD prints the result in the version of the configuration', () => {
  expect(call('ADD', CONFIG)).toEqual([0, { cniVersion: '1.0.0', interfaces: [{ name: 'eth0' }], dns: {} }]);
});

test('DEL, CHECK, GC and STATUS print nothing', () => {
  const config = { ...CONFIG, cniVersion: '1.1.0' };
  expect(call('DEL', config)).toEqual([0, undefined]);
  expect(call('CHECK', { ...config, prevResult: {} })).toEqual([0, undefined]);
  expect(call('GC', { ...config, 'cni.dev/valid-attachments': [] })).toEqual([0, undefined]);
  expect(call('STATUS', config)).toEqual([0, undefined]);
});

test('what is wrong in a configuration stops ADD before anything is made, but not DEL and GC', () => {
  const config = { ...CONFIG, cniVersion: '1.1.0', 'cni.dev/valid-attachments': [] };
  for (const field of [{ dns: 5 }, { args: 5 }, { runtimeConfig: 'x' }, { prevResult: { ips: 'none' } }]) {
    const [name] = Object.keys(field);
    seen.length = 0;
    expect(call('ADD', { ...config, ...field })).toEqual([1, expect.objectContaining({ code: 7 })]);
    expect(seen).toEqual([]);
    expect([call('DEL', { ...config, ...field }), call('GC', { ...config, ...field })], name).toEqual([
      [0, undefined],
      [0, undefined],
    ]);
  }
});

test('the name by which it is called counts before the type', () => {
  expect(call('ADD', { ...CONFIG, type: 'two' }, { name: 'one' })[0]).toBe(0);
  expect(call('ADD', { ...CONFIG, type: 'two' })[0]).toBe(1);
});

test('VERSION tells all versions, and answers in the one that it is asked in', () => {
  const supportedVersions = ['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'];
  expect(call('VERSION', { cniVersion: '0.4.0' })).toEqual([0, { cniVersion: '0.4.0', supportedVersions }]);
  expect(call('VERSION', '')).toEqual([0, { cniVersion: '1.1.0', supportedVersions }]);
  expect(call('VERSION', { cniVersion: '9.9.9' })).toEqual([0, { cniVersion: '1.1.0', supportedVersions }]);
});

test('a plugin learns who is attached to what, and what the runtime adds', () => {
  seen.length = 0;
  call('CHECK', {
    ...CONFIG,
    args: { cni: { ips: ['10.0.0.5'] } },
    runtimeConfig: { mac: '02:00:00:00:00:01' },
    ipam: { type: 'host-local' },
    dns: { search: ['example.org'] },
    prevResult: { ips: [{ address: '10.0.0.5/8' }] },
  });
  const [name, { config, containerId }] = seen[0] as [string, Invocation];
  expect([name, containerId, config.name, config.ipam?.type]).toEqual(['check', 'c1', 'net', 'host-local']);
  expect(config.args?.texts('ips')).toEqual(['10.0.0.5']);
  expect(config.runtimeConfig?.text('mac')).toBe('02:00:00:00:00:01');
  expect(config.dns.search).toEqual(['example.org']);
  expect(config.prevResult?.ips).toEqual([{ address: '10.0.0.5/8' }]);
});

test('GC is told who is valid, by either name of the list', () => {
  for (const name of ['cni.dev/valid-attachments', 'cni.dev/attachments']) {
    const config = { ...CONFIG, cniVersion: '1.1.0', [name]: [{ containerID: 'c1', ifname: 'eth0' }] };
    expect(call('GC', config)).toEqual([0, undefined]);
  }
  expect(call('GC', { ...CONFIG, cniVersion: '1.1.0' })[1]).toMatchObject({ code: 7 });
});

describe('an error object', () => {
  test('has what the plugin says', () => {
    expect(call('ADD', { ...CONFIG, type: 'two' })).toEqual([
      1,
      { cniVersion: '1.0.0', code: 11, msg: 'not now', details: 'later' },
    ]);
  });

  test('of a defect has the stack', () => {
    expect(call('DEL', { ...CONFIG, type: 'two' })).toEqual([
      1,
      { cniVersion: '1.0.0', code: 999, msg: 'a defect', details: expect.stringContaining('run.test.ts') },
    ]);
  });

  test.each([
    ['no configuration', 'ADD', '', 6, 'no network configuration on stdin'],
    ['malformed JSON', 'ADD', '{"cniVersion":"1.0.0",', 6, 'error decoding network config'],
    ['JSON that is no object', 'ADD', '[]', 7, 'the network configuration must be an object'],
    ['no name', 'ADD', { ...CONFIG, name: '' }, 7, 'missing network name'],
    ['a name with a slash', 'ADD', { ...CONFIG, name: '../x' }, 7, 'network name "../x"'],
    ['a version that is none', 'ADD', { ...CONFIG, cniVersion: '3.0.0' }, 1, 'incompatible CNI versions'],
    ['a version that is no text', 'ADD', { ...CONFIG, cniVersion: 1 }, 1, 'incompatible CNI versions'],
    ['an unknown type', 'ADD', { ...CONFIG, type: 'three' }, 7, 'type "three" is no plugin of netloom-cni'],
    ['a type that objects inherit', 'ADD', { ...CONFIG, type: 'toString' }, 7, 'type "toString" is no plugin'],
    ['CHECK before 0.4.0', 'CHECK', { ...CONFIG, cniVersion: '0.3.1' }, 1, 'does not allow CHECK'],
    ['GC before 1.1.0', 'GC', CONFIG, 1, 'does not allow GC'],
    ['STATUS before 1.1.0', 'STATUS', CONFIG, 1, 'does not allow STATUS'],
    ['CHECK without a result', 'CHECK', CONFIG, 7, 'required prevResult missing'],
    ['ipam that is no object', 'ADD', { ...CONFIG, ipam: [] }, 7, 'ipam must be an object'],
    ['a command that is none', 'NOP', CONFIG, 4, 'unknown CNI_COMMAND: NOP'],
  ])('for %s', (_what, command, config, code, message) => {
    expect(call(command, config)).toEqual([
      1,
      expect.objectContaining({ code, msg: expect.stringContaining(message) }),
    ]);
  });

  test('where stdin cannot be read', () => {
    const stdin = () => {
      throw new Error('EIO');
    };
    const { output } = run({ name: 'one', variables: { ...ENVIRONMENT, CNI_COMMAND: 'ADD' }, stdin }, { one: plugin });
    expect(JSON.parse(output)).toMatchObject({ code: 5, msg: 'error reading from stdin: EIO' });
  });
});
