/** `ifExists` of the calls that remove something: what is not there need not be removed. */
import { NetlinkError } from '../errors.js';
import type { NetnsOptions } from '../netns/netns.js';
import type { Operation } from '../operation.js';

export interface DeleteOptions extends NetnsOptions {
  /** Succeed where it is gone already, by itself or with its link. */
  readonly ifExists?: boolean | undefined;
}

// By the order of addresses, routes, neighbours and forwarding entries, and links.
const NOT_THERE: ReadonlySet<string> = new Set(['EADDRNOTAVAIL', 'ESRCH', 'ENOENT', 'ENODEV']);

/**
 * Runs the steps of a removal; with `ifExists`, the kernel's word that there is nothing to remove is no error.
 *
 * @param also another word for it, which means something else in other removals.
 */
export function removal(steps: Operation<void>, { ifExists }: DeleteOptions, also?: string): Operation<void> {
  return ifExists === true ? forgiving(steps, also) : steps;
}

function* forgiving(steps: Operation<void>, also: string | undefined): Operation<void> {
  try {
    yield* steps;
  } catch (error) {
    if (!isMissing(error, also)) throw error;
  }
}

/** True for the kernel's word that what was to be removed is not there. `also`: as in `removal`. */
export const isMissing = (error: unknown, also?: string): boolean =>
  error instanceof NetlinkError && (error.code === also || NOT_THERE.has(error.code));
