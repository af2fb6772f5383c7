/** What a plugin is: one function for each command. A plugin is a file in lib/cni/plugins and a line in its index. */
import type { NetworkConfig } from './config.js';
import type { Environment } from './environment.js';
import type { Result } from './result.js';

/** One call of a plugin. */
export interface Invocation extends Environment {
  readonly config: NetworkConfig;
}

/**
 * Everything here is synchronous: a process that does one thing has nothing else to do while the kernel does it.
 * What throws becomes the error object of the protocol.
 */
export interface Plugin {
  /** Attaches. What it made is gone again where it throws. */
  add(call: Invocation): Result;
  /** Detaches, also what is there only in part or not at all, and also without the namespace. */
  del(call: Invocation): void;
  /** Throws where the attachment is not any more as `config.prevResult` says. */
  check(call: Invocation): void;
  /** Takes away what belongs to attachments that are not among `config.validAttachments`. */
  gc?(call: Invocation): void;
  /** Throws where ADD could not succeed. */
  status?(call: Invocation): void;
}
