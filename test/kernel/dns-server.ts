/** A name server for tests: it knows the IPv4 addresses of some names (RFC 1035), and that there are no others. */
import type { Socket } from 'node:dgram';

const TYPES: Readonly<Record<number, string>> = { 1: 'A', 28: 'AAAA' };

/** Answers what is asked of the socket, which is bound; gives what was asked, as it grows: `A web.test`. */
export function answerNames(socket: Socket, names: Readonly<Record<string, string>>): string[] {
  const asked: string[] = [];
  socket.on('message', (query, { address, port }) => {
    const labels: string[] = [];
    let at = 12;
    for (let size = query[at] ?? 0; size > 0; size = query[at] ?? 0) {
      labels.push(query.toString('latin1', at + 1, at + 1 + size));
      at += 1 + size;
    }
    const name = labels.join('.').toLowerCase();
    const type = query.readUInt16BE(at + 1);
    asked.push(`${TYPES[type] ?? type} ${name}`);
    const known = names[name];
    const answer =
      known !== undefined && type === 1
        ? // A pointer to the question's name, type A, class IN, for a minute, four bytes.
          Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, ...known.split('.').map(Number)])
        : Buffer.alloc(0);
    // A response, recursion available; NXDOMAIN for what is not known. One question, no additional records.
    const header = Buffer.from([
      0,
      0,
      0x81,
      known === undefined ? 0x83 : 0x80,
      0,
      1,
      0,
      answer.length > 0 ? 1 : 0,
      0,
      0,
      0,
      0,
    ]);
    query.copy(header, 0, 0, 2);
    socket.send(Buffer.concat([header, query.subarray(12, at + 5), answer]), port, address);
  });
  return asked;
}
