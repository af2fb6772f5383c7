/** An owned file descriptor, closed by `close()`, when collected, or with its environment. */
export interface Handle {
  /** The descriptor, or -1 once closed. */
  readonly fd: number;
  /** Idempotent. */
  close(): void;
  /** Gives the descriptor to the caller, who has to close it; the handle is closed. */
  release(): number;
}
