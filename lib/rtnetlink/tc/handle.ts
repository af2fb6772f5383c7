/**
 * Handles: the 32-bit names of qdiscs (`1:`), classes (`1:10`, hexadecimal as in `tc`), and the places where they
 * stand (TC_H_*, linux/pkt_sched.h). Pure.
 */
import { invalidValue, wrongType } from '../../errors.js';

export const TC_H_ROOT = 0xffffffff;
/** Also TC_H_CLSACT. */
export const TC_H_INGRESS = 0xfffffff1;
export const TC_H_MIN_INGRESS = 0xfff2;
export const TC_H_MIN_EGRESS = 0xfff3;
/** The handle that every ingress and clsact qdisc has: `ffff:`. */
export const INGRESS_HANDLE = 0xffff0000;

/** A qdisc (`'1:'`) or a class (`'1:10'`): major and minor number, both hexadecimal, as `tc` writes them. */
export type Handle = `${string}:${string}`;

/** Where a qdisc stands: at the root of a link, in front of what a link receives, or in a class or band. */
export type QdiscParent = 'root' | 'ingress' | Handle;
/**
 * Where a filter stands: at a qdisc or class; for what a link receives (`ingress`) or sends (`egress`, of a clsact
 * qdisc only).
 */
export type FilterParent = 'root' | 'ingress' | 'egress' | Handle;

type Places = Readonly<Record<string, number>>;
const QDISC_PLACES: Places = { root: TC_H_ROOT, ingress: TC_H_INGRESS };
const FILTER_PLACES: Places = {
  root: TC_H_ROOT,
  ingress: INGRESS_HANDLE + TC_H_MIN_INGRESS,
  egress: INGRESS_HANDLE + TC_H_MIN_EGRESS,
};

const HANDLE = /^([0-9a-f]{1,4}):([0-9a-f]{0,4})$/i;

function handleNumber(value: unknown, field: string, example: string): number {
  if (typeof value !== 'string') throw wrongType(field, `a handle like ${example}`, value);
  const [, major = '', minor = ''] = HANDLE.exec(value) ?? [];
  if (major === '') throw invalidValue(field, value, `is no handle like ${example} (hexadecimal, up to ffff)`);
  return Number.parseInt(major, 16) * 0x10000 + Number.parseInt(minor || '0', 16);
}

function placeNumber(value: unknown, places: Places, field: string): number {
  if (typeof value === 'string' && Object.hasOwn(places, value)) return places[value] as number;
  return handleNumber(value, field, `'1:' or '1:10', nor ${Object.keys(places).join(', ')}`);
}

export const qdiscParent = (value: unknown, field = 'parent'): number => placeNumber(value, QDISC_PLACES, field);
export const filterParent = (value: unknown, field = 'parent'): number => placeNumber(value, FILTER_PLACES, field);

/** The handle of a qdisc, whose minor number is 0. */
export function qdiscHandle(value: unknown, field = 'handle'): number {
  const number = handleNumber(value, field, "'1:'");
  if ((number & 0xffff) !== 0) throw invalidValue(field, value, "is a class; a qdisc is '1:'");
  return number;
}

/** The handle of a class, which has a minor number. */
export function classHandle(value: unknown, field = 'handle'): number {
  const number = handleNumber(value, field, "'1:10'");
  if ((number & 0xffff) === 0) throw invalidValue(field, value, "is a qdisc; a class is '1:10'");
  return number;
}

/** `'1:'`, `'1:10'`. */
export const handleText = (number: number): Handle =>
  `${(number >>> 16).toString(16)}:${(number & 0xffff) === 0 ? '' : (number & 0xffff).toString(16)}`;

function placeText<P extends string>(number: number, places: Places): P | Handle {
  for (const place in places) if (places[place] === number) return place as P;
  return handleText(number);
}

export const qdiscParentText = (number: number): QdiscParent => placeText<'root' | 'ingress'>(number, QDISC_PLACES);
export const filterParentText = (number: number): FilterParent =>
  placeText<'root' | 'ingress' | 'egress'>(number, FILTER_PLACES);
