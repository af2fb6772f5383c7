/**
 * The lines that say what a captured message means:
 *
 *     nlmsghdr{len=84 type=RTM_NEWADDR(20) flags=0x22 seq=0 pid=0}
 *     {ifa_family=2 ifa_prefixlen=24 ...}
 *     IFA_ADDRESS(1) len=4 = 10.5.0.1
 *     IFLA_LINKINFO(18):
 *       IFLA_INFO_KIND(1) len=7 = "bridge"
 */
export interface Line {
  readonly name: string;
  readonly number: number;
  /** Of the payload, where it is no nest. */
  readonly length: number;
  readonly value: string | undefined;
  readonly below: Line[];
}

export interface Meaning {
  readonly type: number;
  readonly header: Readonly<Record<string, number>>;
  readonly lines: Line[];
}

const HEADER = /^nlmsghdr\{len=\d+ type=\w+\((\d+)\) /;
const ATTRIBUTE = /^( *)([\w#]+)\((\d+)\)(?:\|NESTED)?(?::| len=(\d+) = (.*))?$/;

export function parseMeaning(meaning: string): Meaning {
  const [first = '', second = '', ...rest] = meaning.split('\n');
  const type = Number(HEADER.exec(first)?.[1]);
  const header: Record<string, number> = {};
  for (const [, name = '', value] of second.matchAll(/(\w+)=(\w+)/g)) header[name] = Number(value);
  const lines: Line[] = [];
  const stack: Line[][] = [lines];
  for (const text of rest.filter((line) => !line.startsWith('NOTE'))) {
    const [, indent = '', name = '', number, length, value] = ATTRIBUTE.exec(text) ?? [];
    if (name === '') throw new Error(`not understood: ${text}`);
    const line: Line = { name, number: Number(number), length: Number(length ?? 0), value, below: [] };
    const depth = indent.length / 2;
    stack.length = depth + 1;
    (stack[depth] as Line[]).push(line);
    stack.push(line.below);
  }
  return { type, header, lines };
}

/** The bytes of a payload from what its line says of them. */
export function bytesFrom({ value = '', length }: Line): Uint8Array {
  const bytes = new Uint8Array(length);
  if (value === 'flag/empty') return bytes;
  const hex = /^hex:([0-9a-f]*)$/.exec(value)?.[1];
  if (hex !== undefined) return Uint8Array.from(Buffer.from(hex, 'hex'));
  const quoted = /^"(.*)"/.exec(value)?.[1];
  if (quoted !== undefined) {
    bytes.set(Buffer.from(quoted));
    return bytes;
  }
  if (/^(?:[0-9a-f]{2}:)+[0-9a-f]{2}$/.test(value))
    return Uint8Array.from(value.split(':'), (byte) => Number.parseInt(byte, 16));
  if (/^\d+(?:\.\d+){3}$/.test(value)) return Uint8Array.from(value.split('.'), Number);
  const number = /^-?\d+(?= |$)/.exec(value)?.[0];
  if (number === undefined) throw new Error(`not understood: ${value}`);
  // Numbers are shown as a little-endian machine reads them.
  for (let i = 0, left = BigInt.asUintN(64, BigInt(number)); i < length; i++, left >>= 8n)
    bytes[i] = Number(left & 255n);
  return bytes;
}

export const numberFrom = (bytes: Uint8Array): bigint =>
  bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
