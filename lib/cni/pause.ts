/** Waiting on the calling thread: a plugin has nothing else to do. */

const nobody = new Int32Array(new SharedArrayBuffer(4));

export const pause = (milliseconds: number): void => void Atomics.wait(nobody, 0, 0, milliseconds);
