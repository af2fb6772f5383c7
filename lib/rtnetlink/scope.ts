/** How far an address or a route reaches (linux/rtnetlink.h, enum rt_scope_t). */
import { invalidValue } from '../errors.js';

const SCOPES = { global: 0, site: 200, link: 253, host: 254, nowhere: 255 } as const;

/** A scope by name, or by number as in /etc/iproute2/rt_scopes. */
export type Scope = keyof typeof SCOPES | number;

export function scopeNumber(scope: Scope, field = 'scope'): number {
  if (typeof scope === 'number' && Number.isInteger(scope) && scope >= 0 && scope <= 255) return scope;
  const number = typeof scope === 'string' && Object.hasOwn(SCOPES, scope) ? SCOPES[scope] : undefined;
  if (number === undefined)
    throw invalidValue(field, scope, `is none of ${Object.keys(SCOPES).join(', ')}, nor 0 to 255`);
  return number;
}

const names = new Map<number, Scope>(Object.entries(SCOPES).map(([name, number]) => [number, name as Scope]));

export const scopeName = (number: number): Scope => names.get(number) ?? number;
