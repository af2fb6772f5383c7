/**
 * The errors of the library.
 *
 * Argument errors are made where the value is looked at, which does not know the public call it serves. They
 * therefore carry an unfinished message, and {@link nameCall} (used by the wrapper of every public function)
 * puts the call's name in front: `createVeth: peer.name "veth0-in-net0-x" is 16 bytes; ...`.
 */
import { constants } from 'node:os';
import { getSystemErrorMap } from 'node:util';

/** `[code, description]` of a negative errno: `-17` gives `['EEXIST', 'file already exists']`. */
export function describeErrno(errno: number): [code: string, description: string] {
  // Linux has one number for two names; libuv calls it ENOTSUP, everything about networks EOPNOTSUPP.
  if (errno === -constants.errno.EOPNOTSUPP) return ['EOPNOTSUPP', 'operation not supported'];
  // Its words there are about connections, of which nothing here is one.
  if (errno === -constants.errno.ETIMEDOUT) return ['ETIMEDOUT', 'timed out'];
  const known = getSystemErrorMap().get(errno);
  if (known) return known;
  for (const [code, number] of Object.entries(constants.errno)) {
    if (number === -errno) return [code, code];
  }
  return [`E${-errno}`, `errno ${-errno}`];
}

/** What an error may say beyond its message. */
export interface ErrorContext {
  /** The link that the request was about, by name or index. */
  link?: string | number | undefined;
  /**
   * Which entry of a list the request was about, `syscall` says of which: an address (`10.0.0.1/24`), the destination
   * of a route (`10.1.0.0/16`, `default`), the IP address of a neighbour, the MAC of a forwarding entry, a qdisc, class or
   * filter (`tbf root`), what nftables has (`inet netloom publish`).
   */
  entry?: string | undefined;
  /** The namespace that the request went to, by name, or by id where it has none. */
  netns?: string | undefined;
}

export interface NetlinkErrorFields extends ErrorContext {
  errno: number;
  /** The request, by the kernel's name: `RTM_NEWLINK`. */
  syscall: string;
  /** What the kernel said (NLMSGERR_ATTR_MSG), and which values it would have taken (NLMSGERR_ATTR_POLICY). */
  kernelMessage?: string | undefined;
  /** Path of the attribute that the kernel points at: `IFLA_LINKINFO.IFLA_INFO_DATA.IFLA_VXLAN_ID`. */
  attribute?: string | undefined;
}

const BECOME_ROOT = '(run with sudo, or inside `unshare --user --map-root-user --net --mount`)';
// Which capability a refused request would have needed; everything rtnetlink changes asks for this one.
const NEEDS_NET_ADMIN = `needs CAP_NET_ADMIN in the user namespace that owns the network namespace ${BECOME_ROOT}`;
/** What unshare(CLONE_NEWNET), mount(2) and setns(2) ask for. */
export const NEEDS_SYS_ADMIN = `needs CAP_SYS_ADMIN ${BECOME_ROOT}`;
const NEEDS_TO_ENTER = `entering the namespace needs CAP_SYS_ADMIN, in the user namespace that owns it as well ${BECOME_ROOT}`;

/** A request that the kernel refused. */
export class NetlinkError extends Error {
  override readonly name: string = 'NetlinkError';
  /** `EEXIST` ... */
  readonly code: string;
  /** Negative, as in Node's own errors. */
  readonly errno: number;
  readonly syscall: string;
  declare readonly kernelMessage?: string;
  declare readonly attribute?: string;
  declare readonly link?: string | number;
  declare readonly entry?: string;
  declare readonly netns?: string;

  constructor(fields: NetlinkErrorFields) {
    super(netlinkMessage(fields));
    this.code = describeErrno(fields.errno)[0];
    this.errno = fields.errno;
    this.syscall = fields.syscall;
    if (fields.kernelMessage !== undefined) this.kernelMessage = fields.kernelMessage;
    if (fields.attribute !== undefined) this.attribute = fields.attribute;
    if (fields.link !== undefined) this.link = fields.link;
    if (fields.entry !== undefined) this.entry = fields.entry;
    if (fields.netns !== undefined) this.netns = fields.netns;
  }
}

/**
 * A list that the kernel could not give in one consistent piece, because what it lists kept changing
 * (NLM_F_DUMP_INTR on every attempt). `partial` is what the last attempt read: it may miss entries, or
 * hold some twice.
 */
export class DumpInterruptedError<T = unknown> extends NetlinkError {
  override readonly name: string = 'DumpInterruptedError';
  readonly partial: readonly T[];

  constructor(syscall: string, attempts: number, partial: readonly T[], context: ErrorContext) {
    super({
      ...context,
      errno: -constants.errno.EINTR,
      syscall,
      kernelMessage: `the list changed while it was read, ${attempts} times in a row`,
    });
    this.partial = partial;
  }
}

function netlinkMessage(fields: NetlinkErrorFields): string {
  const [code, description] = describeErrno(fields.errno);
  let message = `${code}: ${description}, ${fields.syscall}`;
  if (fields.entry !== undefined) message += ` '${fields.entry}'`;
  if (fields.link !== undefined) message += `${fields.entry === undefined ? '' : ' dev'} '${fields.link}'`;
  if (fields.netns !== undefined) message += ` in namespace ${fields.netns}`;
  if (fields.kernelMessage !== undefined) message += `: ${fields.kernelMessage}`;
  if (fields.attribute !== undefined) message += ` (${fields.attribute})`;
  if (fields.errno === -constants.errno.EPERM) message += `; ${NEEDS_NET_ADMIN}`;
  return message;
}

type ArgumentErrorCode = 'ERR_INVALID_ARG_TYPE' | 'ERR_INVALID_ARG_VALUE' | 'ERR_OUT_OF_RANGE';

// Errors that still lack the name of the public call.
const nameless = new WeakSet<Error>();

function argumentError(
  Base: TypeErrorConstructor | RangeErrorConstructor,
  code: ArgumentErrorCode,
  field: string,
  problem: string,
): Error {
  const error = Object.assign(new Base(`${field} ${problem}`), { code });
  nameless.add(error);
  return error;
}

/** `TypeError` ERR_INVALID_ARG_TYPE: `mtu must be a number; received 'big'`. */
export function wrongType(field: string, expected: string, value: unknown): Error {
  return argumentError(TypeError, 'ERR_INVALID_ARG_TYPE', field, `must be ${expected}; received ${show(value)}`);
}

/** `TypeError` ERR_INVALID_ARG_VALUE: `name "a/b" must not contain '/'`. */
export function invalidValue(field: string, value: unknown, problem: string): Error {
  return argumentError(TypeError, 'ERR_INVALID_ARG_VALUE', field, `${show(value)} ${problem}`);
}

/** `RangeError` ERR_OUT_OF_RANGE: `mtu 70000 is out of range (68 to 65535)`. */
export function outOfRange(field: string, value: unknown, range: string): Error {
  return argumentError(RangeError, 'ERR_OUT_OF_RANGE', field, `${show(value)} is out of range (${range})`);
}

/** Names the field around the one that an argument error speaks of: `name ...` becomes `peer.name ...`. */
export function inField(error: unknown, field: string): unknown {
  if (error instanceof Error && nameless.has(error)) error.message = `${field}.${error.message}`;
  return error;
}

/** ERR_INVALID_STATE: something that was closed is used. */
export function closedError(what: string): Error {
  const error = Object.assign(new Error(`${what} is closed`), { code: 'ERR_INVALID_STATE' });
  nameless.add(error);
  return error;
}

/** A system error like Node's own, for system calls that are made or judged in TypeScript. */
export function systemError(errno: number, syscall: string, detail?: string): Error {
  const [code, description] = describeErrno(errno);
  const error = Object.assign(new Error(`${code}: ${description}, ${syscall}${detail ? ` ${detail}` : ''}`), {
    code,
    errno,
    syscall,
  });
  nameless.add(error);
  return error;
}

/** The same error once more, for each of several calls that it ends to have its own name in front. */
export function copyOf(error: unknown): Error {
  if (!(error instanceof Error)) return new Error(String(error));
  const copy = Object.assign(new Error(error.message), error);
  nameless.add(copy);
  return copy;
}

/** Puts the public call's name in front of an error's message, once, and behind it what it takes to enter a namespace. */
export function nameCall(error: unknown, call: string): unknown {
  if (!(error instanceof Error) || named.has(error)) return error;
  if (nameless.has(error) || error instanceof NetlinkError || 'syscall' in error) {
    // V8 writes the message into the stack when the stack is first read: read it before the message changes.
    const { message, stack } = error;
    error.message = `${call}: ${message}${isKeptOut(error) ? `; ${NEEDS_TO_ENTER}` : ''}`;
    if (stack?.includes(message)) error.stack = stack.replace(message, () => error.message);
    named.add(error);
  }
  return error;
}
const named = new WeakSet<Error>();

// Every call that acts in a namespace other than the process's own may fail so, wherever it enters it.
const isKeptOut = (error: Error & { syscall?: unknown; code?: unknown }): boolean =>
  error.syscall === 'setns' && error.code === 'EPERM';

function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function') return 'a function';
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === 'object' && value !== null) return `an object (${value.constructor?.name ?? 'null prototype'})`;
  return String(value);
}
