/** Taking back what a failed ADD has made. */

/** Says how to take back what was just made. */
export type Undo = (takeBack: () => void) => void;

/**
 * Runs `steps`; where they throw, takes back what they made, the last first. What cannot be taken back does not hide
 * the error that led here; DEL, which the runtime calls then, has another try at it.
 */
export function withRollback<T>(steps: (undo: Undo) => T): T {
  const made: (() => void)[] = [];
  try {
    return steps((takeBack) => made.push(takeBack));
  } catch (error) {
    for (const takeBack of made.reverse()) {
      try {
        takeBack();
      } catch {
        // See above.
      }
    }
    throw error;
  }
}
