/** Files that may be missing. */

/** What `act` gives; undefined where the file that it is about is not there, or cannot be, its name being too long. */
export function unlessMissing<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch (error) {
    if (error instanceof Error && 'code' in error && ['ENOENT', 'ENAMETOOLONG'].includes(String(error.code)))
      return undefined;
    throw error;
  }
}
