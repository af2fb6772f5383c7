/** The kernel's refusals become errors that say what the kernel said. */
import { constants } from 'node:os';
import { expect, test } from 'vitest';
import { Batch, type Reply } from '../../../lib/netlink/batch.js';
import { ByteReader } from '../../../lib/netlink/bytes.js';
import { readVerdict } from '../../../lib/netlink/extack.js';
import type { Request } from '../../../lib/netlink/message.js';
import { linkFamily } from '../../../lib/rtnetlink/link/attributes.js';
import { bytesOf, vectorNamed, vectors } from './captured.js';

const refusals = vectors.filter(({ name }) => name.endsWith('/nlmsgerr'));
const MEANING = /^NLMSG_ERROR error=(-?\d+) \(.*?\) nlmsg_flags=\w+ \(.*?\) (?:NLMSGERR_ATTR_MSG='(.*)')?$/;

/** What stands behind nlmsghdr of a captured request, as a request of its own. */
const captured = (name: string): Request => {
  const bytes = bytesOf(vectorNamed(name).hex);
  return {
    type: bytes[4] as number,
    name: 'the request',
    flags: 0,
    family: linkFamily as unknown as Request['family'],
    encode: (out) => out.writeBytes(bytes.subarray(16)),
  };
};

function answered(request: Request, hex: string): Reply | undefined {
  const batch = new Batch(0, 'lab');
  const { replies } = batch.add([request], { done: () => undefined });
  const answer = bytesOf(hex);
  batch.receive(new ByteReader(answer), answer.length);
  expect(batch.open).toBe(0);
  return replies[0];
}

test.each(refusals)('$name', ({ name, hex, meaning }) => {
  const [, errno, message] = MEANING.exec(meaning) ?? [];
  const bytes = bytesOf(hex);
  const verdict = readVerdict(new ByteReader(bytes), 0, bytes.length);
  expect([verdict.errno, verdict.message]).toEqual([Number(errno), message]);

  const reply = answered(captured(name.replace('/nlmsgerr', '')), hex);
  if (errno === '0') expect(reply?.error).toBeUndefined();
  else
    expect(reply?.error).toMatchObject({
      errno: Number(errno),
      netns: 'lab',
      ...(message !== undefined && { kernelMessage: message }),
    });
});

test('an address that is there already is EEXIST in the words of the kernel', () => {
  const reply = answered(
    { ...captured('err-addr-exists'), name: 'RTM_NEWADDR' },
    vectorNamed('err-addr-exists/nlmsgerr').hex,
  );
  expect(reply?.error).toMatchObject({
    name: 'NetlinkError',
    code: 'EEXIST',
    errno: -constants.errno.EEXIST,
    syscall: 'RTM_NEWADDR',
    kernelMessage: 'ipv4: Address already assigned',
    message: 'EEXIST: file already exists, RTM_NEWADDR in namespace lab: ipv4: Address already assigned',
  });
});

test('a kind that the kernel lacks is EOPNOTSUPP', () => {
  const reply = answered(captured('link-add-dummy'), vectorNamed('link-add-dummy/nlmsgerr').hex);
  expect(reply?.error).toMatchObject({ code: 'EOPNOTSUPP', kernelMessage: 'Unknown device type' });
});
