/** Plugins that stand behind another in a chain, and change what that has made. */
import { CniError } from '../protocol/error.js';
import type { Invocation } from '../protocol/plugin.js';
import type { Result } from '../protocol/result.js';

/** What the plugin before has told, which this one tells on. */
export function chainedResult({ config: { prevResult, type } }: Invocation): Result {
  if (prevResult === undefined)
    throw new CniError('config', `${type} must be called as chained plugin: prevResult is missing`);
  return prevResult;
}
