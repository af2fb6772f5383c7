/** Messages of routes and neighbours as they travel, in hex. */
import { attributesIn } from '../../lib/netlink/attributes.js';
import { ByteReader, ByteWriter } from '../../lib/netlink/bytes.js';
import { type Request, writeMessage } from '../../lib/netlink/message.js';

/** The bytes that are written with spaces between them. */
export const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'));

export function encode(request: Request<unknown>): Uint8Array {
  const out = new ByteWriter();
  writeMessage(out, request, 0);
  return out.bytes.slice(0, out.length);
}

/** A message as iproute2 and netloom must agree on it: type, rtmsg or ndmsg, and the attributes in no order. */
export function parts(message: Uint8Array): unknown {
  const input = new ByteReader(message);
  const end = input.view.getUint32(0, true);
  const attributes = [...attributesIn(input, 28, end)].map(
    ({ type, at, to }) => `${type}: ${Buffer.from(message.slice(at + 4, to)).toString('hex')}`,
  );
  return {
    type: input.view.getUint16(4, true),
    header: Buffer.from(message.slice(16, 28)).toString('hex'),
    attributes: attributes.sort(),
  };
}
