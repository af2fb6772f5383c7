import { describe, expect, test } from 'vitest';
import * as errors from '../../lib/errors.js';

const { copyOf, NetlinkError, nameCall } = errors;

describe('an errno', () => {
  test.each([
    [-17, 'EEXIST', 'file already exists'],
    [-95, 'EOPNOTSUPP', 'operation not supported'],
    [-19, 'ENODEV', 'no such device'],
    [-9999, 'E9999', 'errno 9999'],
  ])('%d is %s', (errno, code, description) => {
    expect(errors.describeErrno(errno)).toEqual([code, description]);
  });
});

describe('a NetlinkError', () => {
  test('says what was asked, of which link, where, and why not', () => {
    const error = new NetlinkError({
      errno: -22,
      syscall: 'RTM_NEWLINK',
      link: 'vx0',
      netns: 'blue',
      kernelMessage: 'Invalid VNI',
      attribute: 'IFLA_LINKINFO.IFLA_INFO_DATA.IFLA_VXLAN_ID',
    });
    expect(error).toMatchObject({
      name: 'NetlinkError',
      code: 'EINVAL',
      errno: -22,
      syscall: 'RTM_NEWLINK',
      link: 'vx0',
      netns: 'blue',
      kernelMessage: 'Invalid VNI',
      attribute: 'IFLA_LINKINFO.IFLA_INFO_DATA.IFLA_VXLAN_ID',
      message:
        "EINVAL: invalid argument, RTM_NEWLINK 'vx0' in namespace blue: Invalid VNI (IFLA_LINKINFO.IFLA_INFO_DATA.IFLA_VXLAN_ID)",
    });
    expect(error).toBeInstanceOf(Error);
  });

  test('says of which entry of a link', () => {
    const error = new NetlinkError({ errno: -17, syscall: 'RTM_NEWADDR', link: 'eth0', entry: '10.0.0.1/24' });
    expect(error).toMatchObject({ entry: '10.0.0.1/24', link: 'eth0' });
    expect(error.message).toBe("EEXIST: file already exists, RTM_NEWADDR '10.0.0.1/24' dev 'eth0'");
  });

  test('has no fields for what it does not know', () => {
    const error = new NetlinkError({ errno: -17, syscall: 'RTM_NEWLINK' });
    expect(Object.keys(error).sort()).toEqual(['code', 'errno', 'name', 'syscall']);
    expect(error.message).toBe('EEXIST: file already exists, RTM_NEWLINK');
  });

  test('that is EPERM says which capability it takes', () => {
    expect(new NetlinkError({ errno: -1, syscall: 'RTM_NEWLINK' }).message).toContain('needs CAP_NET_ADMIN');
  });

  test('about an interrupted list carries what was read', () => {
    const error = new errors.DumpInterruptedError('RTM_GETLINK', 16, ['a', 'b'], { netns: 'blue' });
    expect(error).toBeInstanceOf(NetlinkError);
    expect(error).toMatchObject({
      name: 'DumpInterruptedError',
      code: 'EINTR',
      partial: ['a', 'b'],
      kernelMessage: 'the list changed while it was read, 16 times in a row',
    });
  });
});

describe('an argument error', () => {
  test.each([
    [
      errors.wrongType('mtu', 'a number', 'big'),
      TypeError,
      'ERR_INVALID_ARG_TYPE',
      'mtu must be a number; received "big"',
    ],
    [
      errors.invalidValue('name', 'a/b', "must not contain '/'"),
      TypeError,
      'ERR_INVALID_ARG_VALUE',
      'name "a/b" must not contain \'/\'',
    ],
    [errors.outOfRange('mtu', 7, '68 to 65535'), RangeError, 'ERR_OUT_OF_RANGE', 'mtu 7 is out of range (68 to 65535)'],
  ])('%#', (error, type, code, message) => {
    expect(error).toBeInstanceOf(type);
    expect(error).toMatchObject({ code, message });
  });

  test.each([
    [undefined, 'undefined'],
    [null, 'null'],
    [7n, '7n'],
    [Symbol('x'), 'Symbol(x)'],
    [() => 1, 'a function'],
    [[1, 2], 'an array of 2'],
    [{ a: 1 }, 'an object (Object)'],
    [Object.create(null), 'an object (null prototype)'],
    [new Uint8Array(3), '3 bytes'],
    ['quote"', '"quote\\""'],
  ])('shows %#', (value, shown) => {
    expect(errors.wrongType('x', 'y', value).message).toBe(`x must be y; received ${shown}`);
  });

  test('is told the field around it, from the inside out', () => {
    const error = errors.invalidValue('name', '', 'must not be empty');
    errors.inField(errors.inField(error, 'peer'), 'spec');
    expect(error.message).toBe('spec.peer.name "" must not be empty');
  });

  test('of someone else is left as it is', () => {
    const error = new Error('boom');
    expect(errors.inField(error, 'peer')).toBe(error);
    expect(error.message).toBe('boom');
    expect(errors.inField('no error', 'peer')).toBe('no error');
  });
});

describe('the name of the call', () => {
  test('stands in front once, in the message and in the stack', () => {
    const error = errors.inField(errors.invalidValue('name', 'a/b', 'is bad'), 'peer') as Error;
    expect(nameCall(nameCall(error, 'createVeth'), 'createLink')).toBe(error);
    expect(error.message).toBe('createVeth: peer.name "a/b" is bad');
    expect(error.stack).toContain('createVeth: peer.name "a/b" is bad');
    expect(error.stack?.match(/createVeth/g)).toHaveLength(1);
  });

  test("is put in front of the kernel's refusals, and of system errors", () => {
    const refusal = new NetlinkError({ errno: -17, syscall: 'RTM_NEWLINK', link: 'a$&b' });
    expect((nameCall(refusal, 'createVeth') as Error).message).toBe(
      "createVeth: EEXIST: file already exists, RTM_NEWLINK 'a$&b'",
    );
    expect(refusal.stack).toContain("createVeth: EEXIST: file already exists, RTM_NEWLINK 'a$&b'");
    const system = errors.systemError(-2, 'open', '/proc/1');
    expect((nameCall(system, 'openNetns') as Error).message).toBe(
      'openNetns: ENOENT: no such file or directory, open /proc/1',
    );
    const closed = errors.closedError('namespace blue');
    expect(nameCall(closed, 'getLink')).toMatchObject({
      message: 'getLink: namespace blue is closed',
      code: 'ERR_INVALID_STATE',
    });
  });

  test('stands in front of what it takes to enter a namespace', () => {
    const kept = Object.assign(new Error('EPERM: operation not permitted, setns'), { code: 'EPERM', syscall: 'setns' });
    expect((nameCall(kept, 'createTun') as Error).message).toBe(
      'createTun: EPERM: operation not permitted, setns; entering the namespace needs CAP_SYS_ADMIN, in the user ' +
        'namespace that owns it as well (run with sudo, or inside `unshare --user --map-root-user --net --mount`)',
    );
  });

  test('is not put in front of what is no error of the library', () => {
    const error = new TypeError('boom');
    expect(nameCall(error, 'getLink')).toBe(error);
    expect(error.message).toBe('boom');
    expect(nameCall(undefined, 'getLink')).toBeUndefined();
  });
});

test('an error that ends several calls is told to each of them with its own name', () => {
  const cause = Object.assign(new Error('EMFILE: too many open files, socket'), { code: 'EMFILE', syscall: 'socket' });
  const first = nameCall(copyOf(cause), 'getLink') as Error;
  const second = nameCall(copyOf(cause), 'listLinks') as Error;
  expect(first).toMatchObject({ message: 'getLink: EMFILE: too many open files, socket', code: 'EMFILE' });
  expect(second).toMatchObject({ message: 'listLinks: EMFILE: too many open files, socket', code: 'EMFILE' });
});
