/** Snapshots: what the kernel told of an object, as frozen plain data. Pure. */

/** Every field of T is named; those that T may lack may be undefined. */
type FieldsOf<T> = {
  readonly [K in keyof T]-?: Record<never, never> extends Pick<T, K> ? T[K] | undefined : T[K];
};

/** A frozen object with the fields that are not undefined. */
export function snapshot<T extends object>(fields: FieldsOf<T>): T {
  const told: { [K in keyof T]?: FieldsOf<T>[K] } = {};
  for (const field in fields) if (fields[field] !== undefined) told[field] = fields[field];
  return Object.freeze(told) as T;
}
