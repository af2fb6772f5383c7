/**
 * Reading a JSON object: every value is checked where it is read, and an error says where it stands
 * (`ipam.ranges[0][1].subnet`). Fields that nobody asks for are passed over, as the specification wants it. Pure.
 */
import { parseIp, parsePrefix } from '../../addressing/ip.js';
import { invalidValue, outOfRange, wrongType } from '../../errors.js';

/** An object of the configuration, and where it stands in it. */
export class Fields {
  readonly #object: Readonly<Record<string, unknown>>;
  readonly #place: string;

  constructor(value: unknown, place = '') {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw wrongType(place === '' ? 'the network configuration' : place, 'an object', value);
    this.#object = value as Record<string, unknown>;
    this.#place = place;
  }

  /** The object itself. */
  get object(): object {
    return this.#object;
  }

  /** Where a field stands, as errors say it. */
  place(name: string): string {
    return this.#place === '' ? name : `${this.#place}.${name}`;
  }

  /** The value as it is. null counts as absent, and case does not count where no field has the very name: as in Go. */
  value(name: string): unknown {
    if (Object.hasOwn(this.#object, name)) return this.#object[name] ?? undefined;
    const lower = name.toLowerCase();
    for (const key in this.#object) if (key.toLowerCase() === lower) return this.#object[key] ?? undefined;
    return undefined;
  }

  has(name: string): boolean {
    return this.value(name) !== undefined;
  }

  text(name: string): string | undefined {
    const value = this.value(name);
    if (value !== undefined && typeof value !== 'string') throw wrongType(this.place(name), 'a string', value);
    return value;
  }

  flag(name: string): boolean | undefined {
    const value = this.value(name);
    if (value !== undefined && typeof value !== 'boolean') throw wrongType(this.place(name), 'true or false', value);
    return value;
  }

  integer(name: string, least = 0, most = 0x7fffffff): number | undefined {
    const value = this.value(name);
    if (value === undefined) return undefined;
    if (typeof value !== 'number' || !Number.isInteger(value)) throw wrongType(this.place(name), 'an integer', value);
    if (value < least || value > most) throw outOfRange(this.place(name), value, `${least} to ${most}`);
    return value;
  }

  /** An IP address: 4 or 16 bytes. An empty text counts as absent. */
  ip(name: string): Uint8Array | undefined {
    const text = this.text(name);
    return text === undefined || text === '' ? undefined : unmapped(parseIp(text, this.place(name)));
  }

  /** `10.0.0.1/24`, whose length must be said; given as it stands. */
  prefix(name: string): string | undefined {
    const text = this.text(name);
    return text === undefined ? undefined : checkPrefix(text, this.place(name));
  }

  fields(name: string): Fields | undefined {
    const value = this.value(name);
    return value === undefined ? undefined : new Fields(value, this.place(name));
  }

  /** A list, each entry read by `each`. */
  list<T>(name: string, each: (entry: unknown, place: string) => T): T[] | undefined {
    const value = this.value(name);
    if (value === undefined) return undefined;
    return readList(value, this.place(name), each);
  }

  texts(name: string): string[] | undefined {
    return this.list(name, (entry, place) => {
      if (typeof entry !== 'string') throw wrongType(place, 'a string', entry);
      return entry;
    });
  }

  objects<T>(name: string, each: (entry: Fields) => T): T[] | undefined {
    return this.list(name, (entry, place) => each(new Fields(entry, place)));
  }
}

export function readList<T>(value: unknown, place: string, each: (entry: unknown, place: string) => T): T[] {
  if (!Array.isArray(value)) throw wrongType(place, 'a list', value);
  return value.map((entry, i) => each(entry, `${place}[${i}]`));
}

export function checkPrefix(text: string, place: string): string {
  if (!text.includes('/')) throw invalidValue(place, text, "has no prefix length ('10.0.0.1/24')");
  parsePrefix(text, place);
  return text;
}

/** IPv4 in IPv6's clothes (`::ffff:10.0.0.1`) is IPv4. */
export function unmapped(bytes: Uint8Array): Uint8Array {
  if (bytes.length !== 16 || bytes[10] !== 255 || bytes[11] !== 255) return bytes;
  return bytes.subarray(0, 10).every((byte) => byte === 0) ? bytes.slice(12) : bytes;
}
