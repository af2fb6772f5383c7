/** The errors of the protocol: a code, a message, details; and what other errors become as such. Pure. */
import { NetlinkError } from '../../errors.js';

/**
 * Codes of the specification, "Error", below 100; libcni's own for what is a defect; and from 100 on those of
 * netloom-cni.
 */
export const CODES = {
  incompatibleVersion: 1,
  unsupportedField: 2,
  unknownContainer: 3,
  environment: 4,
  io: 5,
  decoding: 6,
  config: 7,
  tryAgainLater: 11,
  unavailable: 50,
  limitedConnectivity: 51,
  /** The kernel refused a request. */
  kernel: 100,
  /** No address is left, or the one wanted is taken. */
  addresses: 101,
  /** CHECK found the container other than ADD left it. */
  changed: 102,
  internal: 999,
} as const;

/** An error as the runtime is told of it. */
export class CniError extends Error {
  override readonly name = 'CniError';
  readonly code: number;
  readonly details: string | undefined;

  constructor(code: keyof typeof CODES | number, message: string, details?: string) {
    super(message);
    this.code = typeof code === 'number' ? code : CODES[code];
    this.details = details;
  }
}

/** What stands on stdout where a command failed. */
export interface ErrorObject {
  readonly cniVersion: string;
  readonly code: number;
  readonly msg: string;
  readonly details?: string | undefined;
}

export function errorObject(error: unknown, cniVersion: string): ErrorObject {
  if (error instanceof CniError) return { cniVersion, code: error.code, msg: error.message, details: error.details };
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  const code = codeOf(error);
  return { cniVersion, code, msg: message, ...(code === CODES.internal && { details: stack }) };
}

function codeOf(error: unknown): number {
  if (error instanceof NetlinkError) return CODES.kernel;
  if (!(error instanceof Error) || !('code' in error)) return CODES.internal;
  // What checks a value of the configuration throws the library's argument errors, which name the field.
  if (/^ERR_(INVALID_ARG|OUT_OF_RANGE)/.test(String(error.code))) return CODES.config;
  return 'syscall' in error ? CODES.io : CODES.internal;
}
