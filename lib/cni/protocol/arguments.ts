/** CNI_ARGS: `IgnoreUnknown=1;IP=10.0.0.5;MAC=02:00:00:00:00:05`. Pure. */
import { CniError } from './error.js';

export type Arguments = ReadonlyMap<string, string>;

export function parseArguments(text: string): Arguments {
  const found = new Map<string, string>();
  if (text === '') return found;
  for (const pair of text.split(';')) {
    const [name, value, ...rest] = pair.split('=');
    if (name === undefined || value === undefined || rest.length > 0)
      throw new CniError('environment', `CNI_ARGS: invalid pair ${JSON.stringify(pair)}, of the form NAME=VALUE`);
    found.set(name, value);
  }
  return found;
}

/** Refuses arguments that are not among `known`, unless one of them asks to pass over those. */
export function checkArguments(given: Arguments, known: readonly string[]): void {
  if (/^(1|true)$/i.test(given.get('IgnoreUnknown') ?? '')) return;
  const unknown = [...given.keys()].filter((name) => name !== 'IgnoreUnknown' && !known.includes(name));
  if (unknown.length > 0)
    throw new CniError(
      'environment',
      `CNI_ARGS: unknown args ${JSON.stringify(unknown)} (${known.join(', ')} are known; IgnoreUnknown=1 passes over others)`,
    );
}
